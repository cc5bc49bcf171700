# syntax=docker/dockerfile:1
# The image of jobs on machines without a GPU, and what the one with a GPU is made from. Built from the root of the project after
# `npm run build`; README.md says how, and how every base is pinned by its digest too.
ARG NODE_IMAGE=node:24.21.0-trixie-slim
ARG DEBIAN_IMAGE=debian:trixie-20260918-slim
ARG UV_IMAGE=ghcr.io/astral-sh/uv:0.13.8
ARG PIXI_IMAGE=ghcr.io/prefix-dev/pixi:0.76.2
ARG MICROMAMBA_IMAGE=mambaorg/micromamba:2.8.1

FROM ${UV_IMAGE} AS uv
FROM ${PIXI_IMAGE} AS pixi
FROM ${MICROMAMBA_IMAGE} AS micromamba

# The database of queries: machine code that no bundle holds. Its version is the one the bundles were made with.
FROM ${NODE_IMAGE} AS node
WORKDIR /opt/millrace
RUN npm install --prefix /opt/millrace --ignore-scripts --no-audit --no-fund --no-package-lock --no-save \
      @duckdb/node-api@1.5.5-r.5

# Interpreters: uv knows the digest of each of them. Environments are built with these and no others, so that the key of an
# environment means the same in every container.
FROM ${DEBIAN_IMAGE} AS python
COPY --from=uv /uv /usr/local/bin/uv
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/*
RUN uv python install --install-dir /opt/python --no-bin \
      3.11.18 3.12.16 3.13.18 3.14.10

FROM ${DEBIAN_IMAGE} AS runner
# Of what the base's distribution holds on the day it is built: these are patched there, and a version that was taken away would
# break the build.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends \
      ca-certificates git libstdc++6 openssh-client tar tini zstd \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --create-home --shell /bin/sh millrace \
 && install --directory --owner=millrace --group=millrace --mode=0700 \
      /var/lib/millrace /var/lib/millrace/data /var/lib/millrace/cache

COPY --from=uv /uv /usr/local/bin/uv
COPY --from=pixi /usr/local/bin/pixi /usr/local/bin/pixi
COPY --from=micromamba /bin/micromamba /usr/local/bin/micromamba
COPY --from=python /opt/python /opt/python
COPY --from=node /opt/millrace/node_modules /opt/millrace/node_modules
# May be run, not read: then the system lets no process of the same user see into its memory, which holds the token of the attempt.
COPY --from=node --chmod=0711 /usr/local/bin/node /opt/millrace/bin/node
COPY dist/job.mjs dist/sql.mjs dist/THIRD-PARTY-LICENSES.txt /opt/millrace/dist/

ENV MILLRACE_DATA_DIR=/var/lib/millrace/data \
    MILLRACE_CACHE_DIR=/var/lib/millrace/cache \
    MILLRACE_INIT=/usr/bin/tini \
    UV_CACHE_DIR=/var/lib/millrace/cache/uv \
    UV_PYTHON_INSTALL_DIR=/opt/python \
    UV_PYTHON_PREFERENCE=only-managed \
    UV_PYTHON_DOWNLOADS=never \
    PIXI_CACHE_DIR=/var/lib/millrace/cache/pixi \
    MAMBA_ROOT_PREFIX=/var/lib/millrace/cache/micromamba \
    LANG=C.UTF-8

USER 10001:10001
WORKDIR /home/millrace
# All of it answers, as the user that will run it; and the entry's program can be run but not read.
RUN set -eu; \
    git --version; command -v ssh; tar --version; zstd --version; tini --version; \
    uv --version; uv python list --only-installed; pixi --version; micromamba --version; \
    /opt/millrace/bin/node --version; \
    test ! -r /opt/millrace/bin/node; \
    /opt/millrace/bin/node -e 'require("/opt/millrace/node_modules/@duckdb/node-bindings")'

# The entry becomes tini with itself below: so process 1 waits for every process, and was started with nothing that is secret.
# No other init must stand before it (no `initProcessEnabled`, no `--init`): its environment could be read.
ENTRYPOINT ["/opt/millrace/bin/node", "/opt/millrace/dist/job.mjs"]
