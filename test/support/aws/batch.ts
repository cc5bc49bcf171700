// AWS Batch, played: it takes in, lists, describes and ends jobs over HTTP as the service does, has them done by what it is given, and
// tells the bus how they ended. What goes wrong on AWS goes wrong here when a test wants it to.
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { awsNames, jobDefinitionOf, jobQueueNames } from '#schemas/aws.ts';
import { type JobEvents, silence } from './batch-events.ts';
import { batchArn, Job, type JobDetail, type JobEnd, nameOf } from './batch-job.ts';
import {
  BatchRefusal,
  batchRequests,
  isFargateSize,
  type ListJobs,
  type SubmitJob,
} from './batch-requests.ts';
import type { Container, ContainerEnd, Containers } from './containers.ts';

/** Submissions in a second that one account has. */
const SUBMIT_RATE = 50;
const PAYLOAD_BYTES = 30 * 1024;
const LIST_MOST = 1_000;
const FILTERED_MOST = 100;
const GRACE_MS = 30_000;

/** What goes wrong. All of it may be changed at any time. */
export interface BatchFaults {
  /** `lost`: the job is made, but whoever submitted it never hears of it. */
  submit?: ((name: string) => 'throttled' | 'refused' | 'lost' | undefined) | undefined;
  /** What the bus hears instead of this one event. */
  events?:
    | ((detail: JobDetail) => readonly JobDetail[] | Promise<readonly JobDetail[]>)
    | undefined;
  /** `killed` before it did anything; `vanishes`: nobody hears of it ever again, and nothing lists it. */
  begin?: ((job: Job) => 'killed' | 'vanishes' | undefined) | undefined;
}

export interface PlayedBatchOptions {
  readonly containers: Containers;
  readonly events?: JobEvents;
  /** Jobs that run at the same time. */
  readonly atOnce?: number;
  /** Milliseconds between TERM and KILL. */
  readonly graceMs?: number;
  /** Variables as this network knows them. */
  readonly translate?: (variables: Readonly<Record<string, string>>) => Record<string, string>;
  /** Submissions in a second beyond which it refuses. */
  readonly submitRate?: number;
  /** By default that of AWS. An array is one submission, whatever its size. */
  readonly port?: number;
}

export class PlayedBatch {
  readonly faults: BatchFaults = {};
  /** Names of what was submitted, in order, and when, in the clock of `performance`. */
  readonly submitted: string[] = [];
  readonly submittedAt: number[] = [];
  /** What was asked, by the name of the operation. */
  readonly asked: Record<string, number> = {};
  readonly #options: PlayedBatchOptions;
  readonly #events: JobEvents;
  readonly #jobs = new Map<string, Job>();
  readonly #runnable: Job[] = [];
  readonly #server: Server;
  readonly #queues: ReadonlySet<string>;
  readonly #definitions: ReadonlySet<string>;
  readonly #submissions: number[] = [];
  #working = 0;
  #closed = false;
  #held = false;

  private constructor(options: PlayedBatchOptions) {
    this.#options = options;
    this.#events = options.events ?? silence;
    const names = awsNames('dev');
    this.#queues = new Set(jobQueueNames.map((name) => names.jobQueue(name)));
    this.#definitions = new Set(jobQueueNames.map((name) => names.jobDefinition(name)));
    this.#server = createServer((incoming, outgoing) => {
      void getRequestListener((request) => this.#answer(request, outgoing))(incoming, outgoing);
    });
  }

  static async start(options: PlayedBatchOptions): Promise<PlayedBatch> {
    const batch = new PlayedBatch(options);
    batch.#server.listen(options.port ?? 0, '127.0.0.1');
    await once(batch.#server, 'listening');
    return batch;
  }

  get endpoint(): string {
    const address = this.#server.address();
    const port = address === null || typeof address === 'string' ? 0 : address.port;
    return `http://127.0.0.1:${port}`;
  }

  /** All jobs it knows; of arrays the parents and the children. */
  get jobs(): readonly Job[] {
    return [...this.#jobs.values()];
  }

  /** Nothing more is begun until it is let go: what is submitted waits. */
  hold(held: boolean): void {
    this.#held = held;
    this.#schedule();
  }

  /** The machine under a job goes away. */
  loseHost(job: Job): void {
    job.terminated = 'Host EC2 (instance i-0123456789abcdef0) terminated.';
    job.running?.kill();
  }

  /** The job is gone as if it had never been, and nobody is told. */
  vanish(job: Job): void {
    this.#jobs.delete(job.id);
    job.running?.kill();
  }

  /** An event out of turn. */
  tell(detail: JobDetail): void {
    this.#events.tell(detail);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#runnable.length = 0;
    await this.#options.containers.close();
    await this.#events.close();
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #answer(request: Request, outgoing: ServerResponse): Promise<Response> {
    try {
      const verb = new URL(request.url).pathname.replace(/^\/v1\//, '');
      this.asked[verb] = (this.asked[verb] ?? 0) + 1;
      return Response.json(this.#perform(verb, await request.text()));
    } catch (error) {
      if (error instanceof BatchRefusal) return error.answer();
      // The connection is cut before the answer is through.
      if (error instanceof LostAnswer) outgoing.destroy();
      return new BatchRefusal('ServerException', String(error)).answer();
    }
  }

  #perform(verb: string, body: string): unknown {
    const { submitjob, listjobs, describejobs, terminatejob, terminatejobs } = batchRequests;
    switch (verb) {
      case 'submitjob':
        if (body.length > PAYLOAD_BYTES) throw refused('the payload is larger than 30 KiB');
        return this.#submit(read(submitjob, body));
      case 'listjobs':
        return this.#list(read(listjobs, body));
      case 'describejobs': {
        const known = read(describejobs, body).jobs.flatMap((id) => this.#jobs.get(id) ?? []);
        return { jobs: known.map((job) => job.detail()) };
      }
      case 'terminatejob': {
        const { jobId, reason } = read(terminatejob, body);
        this.#terminate(jobId, reason);
        return {};
      }
      case 'terminatejobs': {
        const { jobs, reason } = read(terminatejobs, body);
        for (const id of jobs) this.#terminate(id, reason);
        // Ids that nobody knows count as ended.
        return { successful: jobs, errors: [] };
      }
      default:
        throw refused(`no operation ${verb}`);
    }
  }

  #submit(asked: SubmitJob): unknown {
    const fault = this.faults.submit?.(asked.jobName);
    if (fault === 'throttled' || this.#tooFast())
      throw new BatchRefusal('TooManyRequestsException', 'Too Many Requests');
    if (fault === 'refused') throw refused('refused for a test');
    this.#check(asked);
    const job = new Job(asked);
    this.submitted.push(asked.jobName);
    this.submittedAt.push(performance.now());
    this.#jobs.set(job.id, job);
    const size = asked.arrayProperties?.size ?? 0;
    for (let index = 0; index < size; index += 1) {
      const child = new Job(asked, job, index);
      job.children.push(child);
      this.#jobs.set(child.id, child);
    }
    if (size > 0) job.status = 'PENDING';
    for (const each of size > 0 ? job.children : [job]) {
      each.status = 'RUNNABLE';
      this.#runnable.push(each);
    }
    this.#schedule();
    if (fault === 'lost') throw new LostAnswer();
    return { jobArn: batchArn('job', job.id), jobName: job.name, jobId: job.id };
  }

  #tooFast(): boolean {
    const now = performance.now();
    while ((this.#submissions[0] ?? now) < now - 1_000) this.#submissions.shift();
    if (this.#submissions.length >= (this.#options.submitRate ?? SUBMIT_RATE)) return true;
    this.#submissions.push(now);
    return false;
  }

  #check({ jobQueue, jobDefinition, containerOverrides }: SubmitJob): void {
    const queue = nameOf(jobQueue);
    const definition = nameOf(jobDefinition).replace(/:\d+$/, '');
    if (!this.#queues.has(queue)) throw refused(`JobQueue ${jobQueue} not found.`);
    if (!this.#definitions.has(definition))
      throw refused(`JobDefinition ${jobDefinition} not found.`);
    const name = jobQueueNames.find((each) => awsNames('dev').jobQueue(each) === queue);
    if (name !== undefined && awsNames('dev').jobDefinition(name) !== definition)
      throw refused(`${jobDefinition} is not made for ${jobQueue}`);
    const reserved = containerOverrides.environment?.find((each) =>
      each.name.startsWith('AWS_BATCH'),
    );
    if (reserved !== undefined) throw refused(`${reserved.name} is reserved`);
    if (name === undefined || jobDefinitionOf[name] !== 'cpu') return;
    const wants = (type: string, otherwise: number) => {
      const found = containerOverrides.resourceRequirements?.find((each) => each.type === type);
      return found === undefined ? otherwise : Number(found.value);
    };
    const [vcpu, memory] = [wants('VCPU', 1), wants('MEMORY', 2_048)];
    if (!isFargateSize(vcpu, memory) || wants('GPU', 0) > 0)
      throw refused(`Fargate resource requirements (${vcpu} vCPU, ${memory} MiB) not valid.`);
  }

  #list(asked: ListJobs): unknown {
    const { jobQueue, arrayJobId, jobStatus = 'RUNNING', filters = [] } = asked;
    if ((jobQueue === undefined) === (arrayJobId === undefined))
      throw refused(
        'You must specify only one of: array job ID, multi-node parallel job ID, job queue',
      );
    const [filter] = filters;
    const found = this.jobs.filter((job) => {
      if (arrayJobId !== undefined)
        return job.parent?.id === arrayJobId && job.status === jobStatus;
      // Filters do not look into arrays.
      if (job.parent !== undefined || job.queue !== nameOf(jobQueue ?? '')) return false;
      return filter === undefined
        ? job.status === jobStatus
        : fits(job.name, filter.values[0] ?? '');
    });
    found.sort((left, right) => right.createdAt - left.createdAt);
    const most = filter === undefined ? LIST_MOST : FILTERED_MOST;
    const from = Number(asked.nextToken ?? 0);
    const to = from + Math.min(asked.maxResults ?? most, most);
    return {
      jobSummaryList: found.slice(from, to).map((job) => job.summary()),
      ...(to < found.length ? { nextToken: String(to) } : {}),
    };
  }

  #terminate(id: string, reason: string): void {
    const job = this.#jobs.get(id);
    if (job === undefined || job.over) return;
    for (const each of job.children.length > 0 ? job.children : [job]) {
      if (each.over) continue;
      each.terminated = reason;
      if (each.running === undefined) this.#end(each, { status: 'FAILED', statusReason: reason });
      else each.running.stop(this.#options.graceMs ?? GRACE_MS);
    }
  }

  #schedule(): void {
    while (!this.#held && !this.#closed && this.#working < (this.#options.atOnce ?? Infinity)) {
      const job = this.#runnable.shift();
      if (job === undefined) return;
      if (job.status === 'RUNNABLE') void this.#work(job);
    }
  }

  async #work(job: Job): Promise<void> {
    this.#working += 1;
    try {
      job.status = 'STARTING';
      const fault = this.faults.begin?.(job);
      if (fault === 'vanishes') return this.vanish(job);
      job.running = this.#options.containers.begin(this.#container(job));
      Object.assign(job, { status: 'RUNNING', startedAt: Date.now() });
      if (fault === 'killed') job.running.kill();
      const seconds = job.asked.timeout?.attemptDurationSeconds;
      const limit = seconds === undefined ? undefined : this.#limit(job, seconds);
      const ended = await job.running.ended;
      clearTimeout(limit);
      this.#end(job, cameTo(job, ended));
    } finally {
      this.#working -= 1;
      this.#schedule();
    }
  }

  #limit(job: Job, seconds: number): NodeJS.Timeout {
    const ending = () => {
      job.terminated = 'Job attempt duration exceeded timeout';
      job.running?.stop(this.#options.graceMs ?? GRACE_MS);
    };
    return setTimeout(ending, seconds * 1_000).unref();
  }

  #container(job: Job): Container {
    const set = job.asked.containerOverrides.environment ?? [];
    const variables = Object.fromEntries(set.map(({ name, value }) => [name, value]));
    const { translate = (same) => ({ ...same }) } = this.#options;
    return {
      ...{ job: job.id, index: job.index, name: job.name },
      environment: {
        ...translate(variables),
        AWS_BATCH_JOB_ID: job.id,
        AWS_BATCH_JOB_ATTEMPT: '1',
        AWS_BATCH_JQ_NAME: job.queue,
        AWS_BATCH_CE_NAME: 'played',
        ...(job.index === undefined ? {} : { AWS_BATCH_JOB_ARRAY_INDEX: String(job.index) }),
      },
    };
  }

  #end(job: Job, end: JobEnd): void {
    if (job.over) return;
    Object.assign(job, { end, status: end.status, stoppedAt: Date.now() });
    void this.#tell(job);
    const { parent } = job;
    if (parent === undefined || parent.over || !parent.children.every(({ over }) => over)) return;
    const failed = parent.children.some(({ status }) => status === 'FAILED');
    const statusReason = 'Array Child Job failed';
    this.#end(parent, failed ? { status: 'FAILED', statusReason } : { status: 'SUCCEEDED' });
  }

  async #tell(job: Job): Promise<void> {
    if (this.#closed || !this.#jobs.has(job.id)) return;
    const detail = job.detail();
    for (const each of (await this.faults.events?.(detail)) ?? [detail]) this.#events.tell(each);
  }
}

class LostAnswer extends Error {}

function cameTo(job: Job, { exitCode, reason }: ContainerEnd): JobEnd {
  const { terminated } = job;
  if (exitCode === 0 && terminated === undefined) return { status: 'SUCCEEDED', exitCode };
  return {
    status: 'FAILED',
    statusReason: terminated ?? 'Essential container in task exited',
    // A machine that went away has said nothing of its containers.
    ...(exitCode === undefined || terminated?.startsWith('Host EC2') ? {} : { exitCode }),
    ...(reason === undefined || reason === '' ? {} : { reason }),
  };
}

function fits(name: string, pattern: string): boolean {
  const [lower, wanted] = [name.toLowerCase(), pattern.toLowerCase()];
  return wanted.endsWith('*') ? lower.startsWith(wanted.slice(0, -1)) : lower === wanted;
}

const refused = (message: string) => new BatchRefusal('ClientException', message);

function read<T>(schema: { parse(value: unknown): T }, body: string): T {
  try {
    return schema.parse(JSON.parse(body));
  } catch (error) {
    throw refused(`Error executing request, Exception : ${String(error)}`);
  }
}
