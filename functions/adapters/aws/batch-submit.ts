// Submits jobs to Batch, no faster than this process's share of what the account may.
import { setTimeout as sleep } from 'node:timers/promises';
import { type BatchClient, SubmitJobCommand, type SubmitJobRequest } from '@aws-sdk/client-batch';
import { Rejected, Transient } from '#errors/families.ts';
import type { JobOrder, Machines } from '#ports/machines.ts';
import { jobVariables } from '#schemas/attempts.ts';
import { jobDefinitionOf } from '#schemas/aws.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { JobWork, Submission } from '#schemas/submission.ts';
import { type BatchPlace, livingJobs } from './batch-jobs.ts';
import { jobName, nameOf } from './batch-names.ts';
import { type JobSize, jobSize } from './batch-size.ts';
import { asked, serviceCode } from './service-errors.ts';

export interface MachinesOptions {
  readonly client: BatchClient;
  /** What the names of queues and definitions begin with. */
  readonly prefix: string;
  /** Where runners say what they do. */
  readonly attemptsUrl: string;
  /** Returns when the next job may be submitted. */
  readonly pace: () => Promise<void>;
  /** How it waits before it tries again. */
  readonly pause?: (milliseconds: number) => Promise<unknown>;
}

const SECOND = 1_000;
/** Seconds; Batch takes no shorter time. */
const SHORTEST = 60;

/** Machines that Batch has jobs done by. */
export function createMachines(options: MachinesOptions): Machines {
  return {
    submit: async (order) => {
      const request = jobRequest(order, options);
      const { pace, client, pause = sleep } = options;
      const send = () => client.send(new SubmitJobCommand(request));
      for (let turn = 0; ; turn += 1) {
        await pace();
        try {
          return (await unlessRefused(order.submission, send)).jobId ?? '';
        } catch (error) {
          if (!(error instanceof Transient) || turn + 1 >= limits.submitTries) throw error;
          await pause(Math.min(limits.awsRetryDelay * 2 ** turn, limits.awsRetryMaxDelay));
          // Where it was not answered, it may have been done.
          const known = error.code === 'busy' ? undefined : await idOf(options, order.submission);
          if (known !== undefined) return known;
        }
      }
    },
    knows: async (submission) => (await idOf(options, submission)) !== undefined,
  };
}

async function idOf(place: BatchPlace, submission: Submission): Promise<string | undefined> {
  const name = jobName(workOf(submission));
  const living = await livingJobs(place, name, [jobSize(submission.resources).queue]);
  return living.find((job) => nameOf(job) === name)?.id;
}

const workOf = ({ namespace, run, address, attempt, instances }: Submission): JobWork => ({
  ...{ v: FORMAT, namespace, run, address, attempt },
  ...(instances === undefined ? {} : { instances }),
});

/** What Batch says is wrong with a job would be wrong with it each time. */
async function unlessRefused<T>(submission: Submission, request: () => Promise<T>): Promise<T> {
  const subject = `job of ${submission.address} of run ${submission.run}`;
  return await asked({ subject, permission: 'batch:SubmitJob' }, async () => {
    try {
      return await request();
    } catch (error) {
      if (serviceCode(error) !== 'ClientException' || !(error instanceof Error)) throw error;
      throw new Rejected('invalid', `Batch refuses the job: ${error.message}`);
    }
  });
}

/** The request of one job, or of an array of them. */
export function jobRequest(
  { submission, token }: JobOrder,
  { prefix, attemptsUrl }: Pick<MachinesOptions, 'prefix' | 'attemptsUrl'>,
): SubmitJobRequest {
  const { instances, orders } = submission;
  const work = workOf(submission);
  const size = jobSize(submission.resources);
  const place: readonly [string, string] =
    'order' in orders
      ? [jobVariables.order, JSON.stringify(orders.order)]
      : [jobVariables.orders, orders.key];
  const variables = [[jobVariables.url, attemptsUrl], [jobVariables.token, token], place] as const;
  return {
    jobName: jobName(work),
    jobQueue: `${prefix}${size.queue}`,
    jobDefinition: `${prefix}${jobDefinitionOf[size.queue]}`,
    ...(instances === undefined
      ? {}
      : { arrayProperties: { size: instances[1] - instances[0] + 1 } }),
    containerOverrides: {
      environment: variables.map(([name, value]) => ({ name, value })),
      resourceRequirements: requirements(size),
    },
    retryStrategy: { attempts: 1 },
    timeout: { attemptDurationSeconds: secondsFor(submission) },
    tags: tagsOf(submission),
    propagateTags: true,
  };
}

function requirements({
  vcpu,
  memoryMib,
  gpu,
}: JobSize): NonNullable<
  NonNullable<SubmitJobRequest['containerOverrides']>['resourceRequirements']
> {
  return [
    { type: 'VCPU', value: String(vcpu) },
    { type: 'MEMORY', value: String(memoryMib) },
    ...(gpu > 0 ? [{ type: 'GPU' as const, value: String(gpu) }] : []),
  ];
}

/** The runner keeps its node's time itself; Batch ends a job whose runner does not. */
function secondsFor({ timeout }: Submission): number {
  const milliseconds =
    timeout === undefined ? limits.jobTimeout : timeout + limits.stopGrace + limits.jobMargin;
  return Math.max(SHORTEST, Math.ceil(milliseconds / SECOND));
}

const tagsOf = ({ namespace, pipeline, run }: Submission): Record<string, string> => ({
  'millrace:namespace': namespace,
  'millrace:pipeline': tagValue(pipeline),
  'millrace:run': run,
});

/** What AWS takes as the value of a tag. */
const tagValue = (text: string): string =>
  text.replace(/[^\p{L}\p{Z}\p{N}_.:/=+\-@]/gu, '_').slice(0, 256);
