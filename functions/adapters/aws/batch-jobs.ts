// Jobs on Batch. Each is one try: what is tried again is decided by the walk. A job is found by its name alone.
import {
  type BatchClient,
  type JobSummary,
  ListJobsCommand,
  TerminateJobsCommand,
} from '@aws-sdk/client-batch';
import { Transient } from '#errors/families.ts';
import { type JobQueueName, jobQueueNames } from '#schemas/aws.ts';
import { limits } from '#schemas/limits.ts';
import { type NameParts, readJobName } from './batch-names.ts';
import { asked } from './service-errors.ts';

export interface BatchPlace {
  readonly client: BatchClient;
  /** What the names of queues and definitions begin with. */
  readonly prefix: string;
}

/** A job that has not ended; of an array the whole of it. */
export interface LivingJob extends NameParts {
  readonly id: string;
}

const OVER: ReadonlySet<string | undefined> = new Set(['SUCCEEDED', 'FAILED']);

/** Jobs that wait or run and whose names begin so. Those of arrays are told as the array. */
export async function livingJobs(
  place: BatchPlace,
  beginning: string,
  queues: readonly JobQueueName[] = jobQueueNames,
): Promise<readonly LivingJob[]> {
  const found = await Promise.all(queues.map((queue) => inQueue(place, queue, beginning)));
  return found.flat().flatMap(({ jobId, jobName = '', status }) => {
    if (jobId === undefined || OVER.has(status)) return [];
    return [{ id: jobId, ...readJobName(jobName) }];
  });
}

async function inQueue(
  { client, prefix }: BatchPlace,
  queue: JobQueueName,
  beginning: string,
): Promise<readonly JobSummary[]> {
  const tried = { subject: `jobs of the queue ${prefix}${queue}`, permission: 'batch:ListJobs' };
  const found: JobSummary[] = [];
  let nextToken: string | undefined;
  for (let page = 0; page < limits.jobPages; page += 1) {
    const command = new ListJobsCommand({
      jobQueue: `${prefix}${queue}`,
      filters: [{ name: 'JOB_NAME', values: [`${beginning}*`] }],
      maxResults: limits.jobPage,
      nextToken,
    });
    const answer = await asked(tried, () => client.send(command));
    found.push(...(answer.jobSummaryList ?? []));
    nextToken = answer.nextToken;
    if (nextToken === undefined) break;
  }
  return found;
}

/**
 * Ends jobs: those that wait never begin; programs are told (TERM), and have half a minute. Unknown ids, and jobs that have ended,
 * are passed over.
 */
export async function endJobs(
  { client }: BatchPlace,
  ids: readonly string[],
  reason: string,
): Promise<void> {
  const tried = { subject: `${ids.length} jobs`, permission: 'batch:TerminateJob' };
  for (let from = 0; from < ids.length; from += limits.jobsEnded) {
    const jobs = ids.slice(from, from + limits.jobsEnded);
    const command = new TerminateJobsCommand({ jobs, reason });
    const { errors = [] } = await asked(tried, () => client.send(command));
    const [failed] = errors;
    if (failed === undefined) continue;
    throw new Transient('busy', `job ${failed.job}: not ended (${failed.code}): ${failed.message}`);
  }
}
