// Names on AWS that more than one program must agree on: the functions, the variables they are told what to use by, and what is
// found by its name.
import * as z from 'zod';
import type { StageName } from './stage.ts';

/** The functions, and what each is for. A bundle of this name lies in `dist/functions/`, its source in `functions/handlers/`. */
export const functionNames = [
  'api',
  'tick',
  'outcome',
  'alarm',
  'attempts',
  'submit',
  'sweep',
  'drop',
  'evaluate',
] as const;
export type FunctionName = (typeof functionNames)[number];

/** Environment variables of the functions. A variable comes with the permission to use what it names. */
export const awsVariables = {
  stage: 'MILLRACE_STAGE',
  table: 'MILLRACE_TABLE',
  bucket: 'MILLRACE_BUCKET',
  submitQueue: 'MILLRACE_SUBMIT_QUEUE',
  alarmQueue: 'MILLRACE_ALARM_QUEUE',
  walker: 'MILLRACE_WALKER',
  signingKey: 'MILLRACE_SIGNING_KEY',
  /** What names of secrets begin with. */
  secrets: 'MILLRACE_SECRETS',
  /** What names of the job queues and job definitions begin with. */
  jobs: 'MILLRACE_JOBS',
  /** What names of functions that nodes may call begin with. */
  nodeFunctions: 'MILLRACE_NODE_FUNCTIONS',
  /** Where runners say what they do. */
  attemptsUrl: 'MILLRACE_ATTEMPTS_URL',
  /** Submitters that share the account's rate. */
  submitters: 'MILLRACE_SUBMITTERS',
} as const;

export type AwsVariable = keyof typeof awsVariables;
/** A variable that is set. */
export const variableValue = z.string().min(1);

/** The table's attribute that says when an item may go: seconds since the epoch. */
export const expiryAttribute = 'expires';

/** What objects dropped into the bucket begin with; the namespace follows. */
export const dropPrefix = 'drops/';
/** What all other objects begin with; the namespace follows. */
export const objectPrefix = 'NS/';
/** What comes before the key of an object where something about it is kept that could not be said when it was written. */
export const aboutPrefix = '.about/';

/** Where events of a Batch that is not AWS's come from. */
export const localBatchSource = 'millrace.batch';

/** The job queues. Batch bounds a queue to Fargate or to EC2, so what Fargate is too small for has a queue of its own. */
export const jobQueueNames = ['cpu', 'cpu-spot', 'cpu-large', 'gpu'] as const;
export type JobQueueName = (typeof jobQueueNames)[number];

/** The job definition that a queue's jobs are made from. */
export const jobDefinitionOf: Readonly<Record<JobQueueName, 'cpu' | 'cpu-large' | 'gpu'>> = {
  cpu: 'cpu',
  'cpu-spot': 'cpu',
  'cpu-large': 'cpu-large',
  gpu: 'gpu',
};

/** What is found by its name. Only one part knows how a name is put together: this one. */
export const awsNames = (stage: StageName) => {
  const base = `millrace-${stage}`;
  return {
    base,
    walker: `${base}-walker`,
    function: (name: FunctionName) => `${base}-${name}`,
    nodeFunctions: `${base}-node-`,
    jobs: `${base}-`,
    jobQueue: (name: JobQueueName) => `${base}-${name}`,
    jobDefinition: (name: JobQueueName) => `${base}-${jobDefinitionOf[name]}`,
    secrets: `millrace/${stage}/`,
  };
};

/**
 * What the machines that may come up can give one job, and the most of it: the compute environments are made of such machines. A job
 * that asks for more would wait for ever.
 */
export const largestJob: Readonly<
  Record<JobQueueName, { readonly vcpu: number; readonly gib: number; readonly gpu: number }>
> = {
  cpu: { vcpu: 32, gib: 244, gpu: 0 },
  'cpu-spot': { vcpu: 32, gib: 244, gpu: 0 },
  /** m6i.32xlarge, r6i.32xlarge; the machine's own programs take a little. */
  'cpu-large': { vcpu: 128, gib: 1_000, gpu: 0 },
  /** g4dn.12xlarge, g5.12xlarge. */
  gpu: { vcpu: 48, gib: 180, gpu: 4 },
};
