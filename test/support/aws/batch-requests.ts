// What is asked of Batch over HTTP, and how it refuses: as the service's own API describes it.
import * as z from 'zod';

const pair = z.object({ name: z.string(), value: z.string() });
const ARRAY_MOST = 10_000;
/** Seconds; the service knows no shorter one. */
const TIMEOUT_LEAST = 60;

const submitJob = z.object({
  jobName: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/),
  jobQueue: z.string(),
  jobDefinition: z.string(),
  arrayProperties: z.object({ size: z.int().min(2).max(ARRAY_MOST) }).optional(),
  containerOverrides: z
    .object({
      command: z.array(z.string()).optional(),
      environment: z.array(pair).optional(),
      resourceRequirements: z
        .array(z.object({ type: z.enum(['VCPU', 'MEMORY', 'GPU']), value: z.string() }))
        .optional(),
    })
    .default({}),
  retryStrategy: z.object({ attempts: z.int().min(1).max(10) }).optional(),
  timeout: z.object({ attemptDurationSeconds: z.int().min(TIMEOUT_LEAST) }).optional(),
  tags: z.record(z.string().max(128), z.string().max(256)).optional(),
  propagateTags: z.boolean().optional(),
});
export type SubmitJob = z.infer<typeof submitJob>;

const jobStatus = z.enum([
  'SUBMITTED',
  'PENDING',
  'RUNNABLE',
  'STARTING',
  'RUNNING',
  'SUCCEEDED',
  'FAILED',
]);
export type JobStatus = z.infer<typeof jobStatus>;

const listJobs = z.object({
  jobQueue: z.string().optional(),
  arrayJobId: z.string().optional(),
  jobStatus: jobStatus.optional(),
  filters: z
    .array(z.object({ name: z.literal('JOB_NAME'), values: z.array(z.string()).length(1) }))
    .max(1)
    .optional(),
  maxResults: z.int().min(1).optional(),
  nextToken: z.string().optional(),
});
export type ListJobs = z.infer<typeof listJobs>;

const reason = z.string().min(1).max(1024);
const id = z.string().min(1);

/** By the path that each is sent to. */
export const batchRequests = {
  submitjob: submitJob,
  listjobs: listJobs,
  describejobs: z.object({ jobs: z.array(id).max(100) }),
  terminatejob: z.object({ jobId: id, reason }),
  terminatejobs: z.object({ jobs: z.array(id).min(1).max(50), reason }),
};

const FARGATE: readonly (readonly [vcpu: number, least: number, most: number, step: number])[] = [
  [0.5, 1_024, 4_096, 1_024],
  [1, 2_048, 8_192, 1_024],
  [2, 4_096, 16_384, 1_024],
  [4, 8_192, 30_720, 1_024],
  [8, 16_384, 61_440, 4_096],
  [16, 32_768, 122_880, 8_192],
];

/** Whether Fargate has a size of so many processors and MiB. */
export function isFargateSize(vcpu: number, memory: number): boolean {
  if (vcpu === 0.25) return [512, 1_024, 2_048].includes(memory);
  if (vcpu === 32) return [61_440, 122_880, 249_856].includes(memory);
  const size = FARGATE.find(([each]) => each === vcpu);
  if (size === undefined) return false;
  const [, least, most, step] = size;
  return memory >= least && memory <= most && (memory - least) % step === 0;
}

export class BatchRefusal extends Error {
  readonly code: 'ClientException' | 'TooManyRequestsException' | 'ServerException';
  constructor(code: BatchRefusal['code'], message: string) {
    super(message);
    this.code = code;
  }

  answer(): Response {
    const status = { ClientException: 400, TooManyRequestsException: 429, ServerException: 500 };
    return Response.json(
      { message: this.message },
      { status: status[this.code], headers: { 'x-amzn-errortype': this.code } },
    );
  }
}
