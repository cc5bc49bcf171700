// A job: claims its attempt, gets its order and all that the order names, has it done, hands over what came of it, and reports.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { MillraceError, Rejected } from '#errors/families.ts';
import { bounded, reasonOf } from '#runner/failure.ts';
import { Single } from '#runner/single.ts';
import type { AttemptAnswer } from '#schemas/attempts.ts';
import type { JobSettings } from '#schemas/job.ts';
import { limits } from '#schemas/limits.ts';
import type { AttemptReport, AttemptResult } from '#schemas/run.ts';
import type { Json } from '#schemas/values.ts';
import { type AttemptName, type WorkOrder, workOrder } from '#schemas/work-order.ts';
import { StoredArchive } from './archive.ts';
import { Attempts } from './attempts.ts';
import { exitCodes } from './exit-codes.ts';
import { LogShipper } from './log-shipper.ts';
import { Objects } from './objects.ts';
import { Pulse } from './pulse.ts';
import { say } from './say.ts';

type Granted = Extract<AttemptAnswer<'claim'>, { granted: true }>;

/** Why the job ends before its work has: what is further down this list is the stronger reason. */
const ENDINGS = ['interrupted', 'cancelled', 'lost', 'gone'] as const;
type Ending = (typeof ENDINGS)[number];

/** Answers the code to exit with. Rejects when nobody could be reached. */
export async function runJob(settings: JobSettings, host: NodeJS.ProcessEnv): Promise<number> {
  const attempts = new Attempts(settings);
  // As process 1 it would not end by a signal that it does not listen to.
  const early = (): never => process.exit(exitCodes.unreachable);
  process.on('SIGTERM', early);
  const { asked, claim } = await attempts.claim();
  process.off('SIGTERM', early);
  if (!claim.granted) {
    say(`nothing to do: ${claim.because}`);
    return exitCodes.done;
  }
  mkdirSync(settings.dataDir, { recursive: true, mode: 0o700 });
  const dataDir = mkdtempSync(path.join(settings.dataDir, 'job-'));
  try {
    return await new Job({ settings, host, dataDir, attempts, claim }).run(asked);
  } finally {
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 3 });
  }
}

interface JobOptions {
  readonly settings: JobSettings;
  readonly host: NodeJS.ProcessEnv;
  readonly dataDir: string;
  readonly attempts: Attempts;
  readonly claim: Granted;
}

class Job {
  readonly #options: JobOptions;
  readonly #objects: Objects;
  readonly #pulse: Pulse;
  readonly #abort = new AbortController();
  #ending: { readonly kind: Ending; readonly grace: number; readonly message: string } | undefined;
  #order: WorkOrder | undefined;
  #single: Single | undefined;
  #log: LogShipper | undefined;
  /** When it will be killed, by `performance.now()`. */
  #killed: number | undefined;

  constructor(options: JobOptions) {
    const { attempts, claim, dataDir } = options;
    this.#options = options;
    this.#objects = new Objects(attempts, dataDir);
    const before = Math.min(limits.jobStopReserve, claim.lease / 4);
    this.#pulse = new Pulse(
      attempts,
      { ...claim, before },
      {
        stopped: (message) => this.#stop('cancelled', this.#grace(), message),
        gone: () => this.#stop('gone', 0, 'the attempt is not this job’s any more'),
        lost: () => this.#stop('lost', before / 2, 'nobody answered for as long as its lease'),
      },
    );
  }

  async run(asked: number): Promise<number> {
    const onSignal = (): void => this.#onSignal();
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
    this.#pulse.begin(asked);
    try {
      const report = await this.#work();
      return await this.#report(report);
    } finally {
      this.#pulse.end();
      process.off('SIGTERM', onSignal);
      process.off('SIGINT', onSignal);
    }
  }

  /** Never rejects: what stands in the way of the work is what came of it. */
  async #work(): Promise<AttemptReport> {
    const startedAt = Date.now();
    try {
      const order = await this.#getOrder();
      this.#order = order;
      await this.#objects.fetchNamed(boundBy(order), this.#abort.signal);
      if (this.#ending !== undefined) return { ...this.#ended(), startedAt, endedAt: Date.now() };
      const report = await this.#attempt(order);
      if (report.result.result === 'completed') await this.#objects.putNamed(report.result.outputs);
      return { ...report, result: this.#resultOf(report.result) };
    } catch (error) {
      if (this.#ending !== undefined) return { ...this.#ended(), startedAt, endedAt: Date.now() };
      return { result: failure(error), startedAt, endedAt: Date.now() };
    }
  }

  async #attempt(order: WorkOrder): Promise<AttemptReport> {
    const { settings, dataDir, host, attempts } = this.#options;
    const single = new Single({
      order,
      dataDir,
      cacheDir: settings.cacheDir ?? path.join(dataDir, 'cache'),
      host,
      archive: new StoredArchive({
        attempts,
        objects: this.#objects,
        namespace: order.name.namespace,
        folder: dataDir,
        keeps: order.work.kind === 'prepare',
      }),
      secrets: (names) => attempts.secrets(names),
      progress: (share, message) => this.#pulse.saying(share, message),
    });
    this.#single = single;
    this.#log = new LogShipper(attempts, single.logFolder);
    this.#log.begin();
    if (this.#ending !== undefined) single.stop(this.#ending.grace, this.#ending.message);
    return single.run();
  }

  async #getOrder(): Promise<WorkOrder> {
    const { settings, claim } = this.#options;
    const line = settings.order ?? (await this.#orderLine(settings));
    const order = workOrder.parse(JSON.parse(line));
    if (!isSame(order.name, claim.name))
      throw new Rejected(
        'invalid',
        `the order is for attempt ${told(order.name)}, but what was claimed is ${told(claim.name)}`,
      );
    return order;
  }

  async #orderLine({ orders, index }: JobSettings): Promise<string> {
    if (orders === undefined) throw new Rejected('invalid', 'the job was given no order');
    const stream = await this.#objects.open(orders, this.#abort.signal);
    if (stream === undefined) throw new Rejected('not_found', `orders ${orders} are not there`);
    const line = (await text(stream)).split('\n')[index ?? 0];
    if (line !== undefined && line !== '') return line;
    throw new Rejected('not_found', `orders ${orders} have no line ${index ?? 0}`);
  }

  /** TERM to its programs, KILL after the grace. What is told later can only make it sooner, or mean more. */
  #stop(kind: Ending, grace: number, message: string): void {
    const before = this.#ending;
    if (before !== undefined && ENDINGS.indexOf(before.kind) >= ENDINGS.indexOf(kind)) return;
    this.#ending = { kind, grace: Math.min(grace, before?.grace ?? grace), message };
    say(`ending: ${message}`);
    this.#single?.stop(this.#ending.grace, message);
    this.#abort.abort();
  }

  /** The machine is taken away, or somebody ended the job: the next beat tells which, if anybody answers. */
  #onSignal(): void {
    this.#killed ??= performance.now() + limits.jobStopWindow;
    this.#stop('interrupted', this.#grace(), 'the job was told to end');
    void this.#pulse.now();
  }

  /** What the node is given between TERM and KILL, as far as there is time. */
  #grace(): number {
    const wanted = this.#order?.grace ?? limits.stopGrace;
    if (this.#killed === undefined) return wanted;
    return Math.min(wanted, this.#left() - limits.jobStopReserve);
  }

  /** Milliseconds until it is killed, or until nobody waits for its report any more. */
  #left(): number {
    if (this.#killed === undefined) return this.#options.claim.lease;
    return Math.max(0, this.#killed - performance.now());
  }

  /** What was told to end did not end by itself; why it was told is known here only. */
  #resultOf(result: AttemptResult): AttemptResult {
    return result.result === 'cancelled' && this.#ending !== undefined
      ? this.#ended().result
      : result;
  }

  #ended(): { readonly result: AttemptResult } {
    const { kind, message } = this.#ending ?? { kind: 'interrupted', message: '' };
    return { result: { result: kind === 'cancelled' ? 'cancelled' : 'interrupted', message } };
  }

  async #report(report: AttemptReport): Promise<number> {
    const { attempts } = this.#options;
    const kind = this.#ending?.kind;
    if (kind === 'gone') return exitCodes.done;
    if (kind === 'lost') return exitCodes.unreachable;
    // What came of the work counts more than the last of its log.
    const log = await this.#log?.finish(this.#left() / 2).catch((error: unknown) => {
      say(`the end of the log was not sent: ${error instanceof Error ? error.message : error}`);
      return undefined;
    });
    const { taken } = await attempts.report(report, log, this.#left());
    say(taken ? `reported: ${report.result.result}` : 'reported, but it counts for nothing');
    return exitCodes.done;
  }
}

/** Everything of an order that may name objects. */
function boundBy({ work }: WorkOrder): Json {
  if (work.kind === 'prepare') return null;
  const { input, nodes, item, payloads } = work.scope;
  return [work.inputs, input, nodes, item ?? null, payloads ?? null];
}

/** What cannot be reached may be reached by another attempt; what is not there is not. */
function failure(error: unknown): AttemptResult {
  const { reason, message } = reasonOf(error);
  if (error instanceof MillraceError && error.family === 'transient')
    return { result: 'interrupted', message: bounded(message) };
  const tooLarge = error instanceof MillraceError && error.code === 'too_large';
  return {
    result: 'failed',
    reason: tooLarge ? 'outputs_too_large' : reason,
    message: bounded(message),
  };
}

function isSame(one: AttemptName, other: AttemptName): boolean {
  return told(one) === told(other);
}

function told({ namespace, run, address, attempt }: AttemptName): string {
  return `${namespace}/${run}/${address}/${attempt}`;
}
