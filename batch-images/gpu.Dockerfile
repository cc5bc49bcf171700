# syntax=docker/dockerfile:1
# The image of jobs on machines with a GPU: the one without, and what NVIDIA's container runtime reads. It must be the same system with the
# same tools, because environments are prepared on machines without a GPU and used on both. The driver and its libraries come from
# the machine; CUDA itself comes with an operator's environment.
ARG CPU_IMAGE=millrace/runner-cpu:local

FROM ${CPU_IMAGE} AS runner
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 10001:10001
RUN set -eu; uv --version; /opt/millrace/bin/node --version
ENTRYPOINT ["/opt/millrace/bin/node", "/opt/millrace/dist/job.mjs"]
