// One job of the played Batch, or one child of an array, and how the service tells of it.
import { randomUUID } from 'node:crypto';
import type { JobStatus, SubmitJob } from './batch-requests.ts';
import type { Running } from './containers.ts';

const ACCOUNT = 'arn:aws:batch:us-east-1:000000000000';
export const batchArn = (kind: 'job' | 'job-queue' | 'job-definition', name: string): string =>
  `${ACCOUNT}:${kind}/${name}`;

/** What is wanted by name or by address. */
export const nameOf = (nameOrArn: string): string =>
  nameOrArn.startsWith('arn:') ? nameOrArn.slice(nameOrArn.indexOf('/') + 1) : nameOrArn;

export interface JobEnd {
  readonly status: 'SUCCEEDED' | 'FAILED';
  readonly statusReason?: string;
  readonly exitCode?: number;
  /** Why the container itself ended. */
  readonly reason?: string;
}

export class Job {
  readonly id: string;
  readonly asked: SubmitJob;
  readonly queue: string;
  readonly definition: string;
  readonly parent: Job | undefined;
  readonly index: number | undefined;
  readonly children: Job[] = [];
  readonly createdAt = Date.now();
  status: JobStatus = 'SUBMITTED';
  startedAt: number | undefined;
  stoppedAt: number | undefined;
  running: Running | undefined;
  end: JobEnd | undefined;
  /** What it was told to end with. */
  terminated: string | undefined;

  constructor(asked: SubmitJob, parent?: Job, index?: number) {
    this.asked = asked;
    this.parent = parent;
    this.index = index;
    this.id = parent === undefined ? randomUUID() : `${parent.id}:${index}`;
    this.queue = nameOf(asked.jobQueue);
    this.definition = nameOf(asked.jobDefinition);
  }

  get name(): string {
    return this.asked.jobName;
  }

  get over(): boolean {
    return this.end !== undefined;
  }

  /** As an element of ListJobs. */
  summary(): Readonly<Record<string, unknown>> {
    return {
      jobArn: batchArn('job', this.id),
      jobId: this.id,
      jobName: this.name,
      createdAt: this.createdAt,
      status: this.status,
      jobDefinition: this.#definitionArn,
      ...defined({ startedAt: this.startedAt, stoppedAt: this.stoppedAt }),
      ...this.#ending,
      ...this.#array(),
    };
  }

  /** As DescribeJobs and events show it. */
  detail(): JobDetail {
    const { containerOverrides, timeout, tags = {}, propagateTags = false } = this.asked;
    return {
      jobArn: batchArn('job', this.id),
      jobName: this.name,
      jobId: this.id,
      jobQueue: batchArn('job-queue', this.queue),
      status: this.status,
      attempts: this.over ? [this.#attempt()] : [],
      createdAt: this.createdAt,
      retryStrategy: { attempts: 1, evaluateOnExit: [] },
      ...defined({ startedAt: this.startedAt, stoppedAt: this.stoppedAt, timeout }),
      ...(this.end?.statusReason === undefined ? {} : { statusReason: this.end.statusReason }),
      dependsOn: [],
      jobDefinition: this.#definitionArn,
      parameters: {},
      container: {
        ...{ image: 'runner', command: [], volumes: [], mountPoints: [], ulimits: [] },
        environment: containerOverrides.environment ?? [],
        resourceRequirements: containerOverrides.resourceRequirements ?? [],
        ...this.#container(),
      },
      tags,
      propagateTags,
      ...this.#array(),
    };
  }

  get #definitionArn(): string {
    return batchArn('job-definition', `${this.definition}:1`);
  }

  #attempt(): Readonly<Record<string, unknown>> {
    const { statusReason } = this.end ?? {};
    const { startedAt, stoppedAt } = this;
    return { container: this.#container(), ...defined({ startedAt, stoppedAt, statusReason }) };
  }

  get #ending(): Readonly<Record<string, unknown>> {
    if (this.end === undefined) return {};
    return { ...defined({ statusReason: this.end.statusReason }), container: this.#container() };
  }

  #container(): Readonly<Record<string, unknown>> {
    return defined({ exitCode: this.end?.exitCode, reason: this.end?.reason });
  }

  #array(): Readonly<Record<string, unknown>> {
    if (this.index !== undefined) return { arrayProperties: { index: this.index } };
    if (this.children.length === 0) return {};
    const counts: Record<string, number> = {};
    for (const { status } of this.children) counts[status] = (counts[status] ?? 0) + 1;
    return { arrayProperties: { size: this.children.length, statusSummary: counts } };
  }
}

export interface JobDetail extends Readonly<Record<string, unknown>> {
  readonly jobArn: string;
  readonly jobName: string;
  readonly jobId: string;
  readonly jobQueue: string;
  readonly status: JobStatus;
}

const defined = (values: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
