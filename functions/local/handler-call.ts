// One attempt that a handler does: its input made ready, the call, its end by time or on demand, and what it came to as a report.
import { inspect } from 'node:util';
import { keptKeys } from '#core/attempt-names.ts';
import { StepFailure } from '#core/failures.ts';
import { namedOutputs } from '#core/function-output.ts';
import { Defect } from '#errors/families.ts';
import type { AttemptDesk } from '#ports/jobs.ts';
import { bounded, reasonOf } from '#runner/failure.ts';
import { checkSize, keepLarge } from '#runner/keep.ts';
import { Mask } from '#runner/mask.ts';
import { logFolder } from '#runner/names.ts';
import { plainInputs, type Rendering, renderConfig, renderInputs } from '#runner/render.ts';
import { limits } from '#schemas/limits.ts';
import type { Reason } from '#schemas/reasons.ts';
import type { AttemptReport, AttemptResult } from '#schemas/run.ts';
import type { Json, Outputs } from '#schemas/values.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { type AttemptLog, attemptLog, type HandlerLog } from './handler-log.ts';

/** What a handler is called with. */
export interface HandlerCall {
  readonly namespace: string;
  readonly run: string;
  readonly node: string;
  /** From 1. */
  readonly attempt: number;
  /** Of a forEach node: which of its instances, from 0. */
  readonly instance?: number;
  /** The node's `inputs`; files are local paths. */
  readonly input: { readonly [name: string]: Json };
  readonly config: { readonly [name: string]: Json };
  readonly log: HandlerLog;
  /** Aborted when the attempt's time is up, when it is stopped, and when the engine closes. */
  readonly signal: AbortSignal;
}

/** Does the work of `function` nodes. Gives the node's outputs by name, or nothing; what it throws fails the attempt. */
export type Handler = (call: HandlerCall) => unknown;

export type FunctionWork = Extract<WorkOrder['work'], { kind: 'function' }>;

export interface CallSurroundings {
  readonly dataDir: string;
  readonly secrets: AttemptDesk['secrets'];
  readonly now: () => number;
}

/** Why a handler is asked to end. */
interface Halt {
  readonly kind: 'cancelled' | 'timed_out' | 'closed';
  readonly message: string;
}

const LONGEST_TIMER = 2 ** 31 - 1;
const NO_MASK = new Mask([]);
const NO_SECRETS: Readonly<Record<string, string>> = {};
const NO_STEPS: Rendering['steps'] = new Map();

/** Made for every call, so it is small: log and signal come into being when they are asked for. */
class Call implements HandlerCall {
  readonly namespace: string;
  readonly run: string;
  readonly node: string;
  readonly attempt: number;
  declare readonly instance?: number;
  readonly input: HandlerCall['input'];
  readonly config: HandlerCall['config'];
  readonly #of: FunctionCall;

  constructor(of: FunctionCall, given: Pick<HandlerCall, 'input' | 'config'>) {
    const { name, node, instance } = of.order;
    this.namespace = name.namespace;
    this.run = name.run;
    this.node = node;
    this.attempt = name.attempt;
    if (instance !== undefined) this.instance = instance;
    this.input = given.input;
    this.config = given.config;
    this.#of = of;
  }

  get log(): HandlerLog {
    return this.#of.log;
  }

  get signal(): AbortSignal {
    return this.#of.signal;
  }
}

type Done = (report: AttemptReport | undefined) => void;

export class FunctionCall {
  readonly order: WorkOrder;
  readonly #work: FunctionWork;
  readonly #around: CallSurroundings;
  #log: AttemptLog | undefined;
  #mask: Mask = NO_MASK;
  #halt: Halt | undefined;
  #abort: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #done: Done | undefined;
  #startedAt = 0;

  constructor(order: WorkOrder, around: CallSurroundings) {
    if (order.work.kind !== 'function')
      throw new Defect(`node "${order.node}" is ${order.work.kind}: a handler does functions`);
    this.order = order;
    this.#work = order.work;
    this.#around = around;
  }

  get log(): HandlerLog {
    return this.#logging().log;
  }

  get signal(): AbortSignal {
    return this.#controller().signal;
  }

  /** Asks the handler to end; after `grace` milliseconds the attempt ends without it. */
  stop(grace: number, message: string): void {
    this.#end({ kind: 'cancelled', message }, grace);
  }

  /** The engine closes. What the handler still completes counts, anything else is left to the next engine. */
  leave(grace: number): void {
    this.#end({ kind: 'closed', message: 'the engine closes' }, grace);
  }

  /**
   * Tells `done` once what it came to: undefined when the attempt is left as it is, because the engine closes. Never rejects.
   */
  async perform(handler: Handler, done: Done): Promise<void> {
    this.#done = done;
    this.#startedAt = this.#around.now();
    let result: AttemptResult | undefined;
    try {
      result = await this.#result(handler);
    } catch (error) {
      result = this.#failed(error);
    }
    this.#over(result);
  }

  /** Whichever comes first: the end of the handler, or of the patience with it. */
  #over(result: AttemptResult | undefined): void {
    const done = this.#done;
    if (done === undefined) return;
    this.#done = undefined;
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    this.#log?.close();
    done(result && { result, startedAt: this.#startedAt, endedAt: this.#around.now() });
  }

  async #result(handler: Handler): Promise<AttemptResult | undefined> {
    this.#watch();
    const secrets = this.#work.secrets.length === 0 ? NO_SECRETS : await this.#secrets();
    const call = this.#call(secrets);
    if (this.#halted() !== undefined) return this.#failed(undefined);
    const returned = await called(handler, call);
    // It was asked to end because its time was up: what it gives after that is late.
    if (this.#halted() === 'timed_out') return this.#failed(undefined);
    return { result: 'completed', outputs: await this.#keep(namedOutputs(returned)) };
  }

  #halted(): Halt['kind'] | undefined {
    return this.#halt?.kind;
  }

  #watch(): void {
    const { timeout, grace, node, label } = this.order;
    if (timeout === undefined) return;
    const message = `node "${label ?? node}" took longer than its timeout of ${timeout / 1000} s`;
    const end = (): void => this.#end({ kind: 'timed_out', message }, grace);
    this.#timer = setTimeout(end, Math.min(timeout, LONGEST_TIMER));
  }

  #call(secrets: Readonly<Record<string, string>>): Call {
    const { inputs: bound, config, scope } = this.#work;
    const { dataDir } = this.#around;
    const rendering: Rendering = {
      dataDir,
      scope,
      secrets,
      mask: this.#mask,
      steps: NO_STEPS,
    };
    const inputs = renderInputs(bound, rendering);
    const input = plainInputs(inputs, dataDir);
    return new Call(this, { input, config: renderConfig(config, { rendering, inputs }) });
  }

  async #secrets(): Promise<Readonly<Record<string, string>>> {
    const { values, missing } = await this.#around.secrets(this.order.name, this.#work.secrets);
    this.#mask = new Mask(Object.values(values));
    if (missing.length === 0) return values;
    const list = missing.map((name) => `"${name}"`).join(', ');
    throw new StepFailure(
      'secret_missing',
      `node "${this.order.node}" names ${list} of secret.*, which is not set; set it with: millrace secret set NAME`,
    );
  }

  async #keep(returned: ReadonlyMap<string, Json>): Promise<Outputs> {
    const kept: Record<string, Json> = {};
    if (returned.size === 0) return kept;
    const { dataDir } = this.#around;
    for (const [name, value] of returned) {
      const masked = this.#mask.json(value);
      const shown = this.#mask.text(name);
      kept[shown] = isSmall(masked)
        ? masked
        : await keepLarge(shown, masked, { dataDir, places: placesOf(this.order) });
    }
    checkSize(kept);
    return kept;
  }

  #failed(error: unknown): AttemptResult | undefined {
    const halt = this.#halt;
    if (halt?.kind === 'closed') return undefined;
    if (halt !== undefined) return { result: halt.kind, message: halt.message };
    const { reason, message, trace } = whyFailed(error);
    const said = bounded(this.#mask.text(message));
    this.#logging().say(trace ?? said);
    return { result: 'failed', reason, message: said };
  }

  #end(halt: Halt, grace: number): void {
    // The first reason stays; a second call may only be less patient.
    this.#halt ??= halt;
    clearTimeout(this.#timer);
    this.#controller().abort(new DOMException(halt.message, nameOf(halt)));
    const giveUp = (): void => this.#over(this.#failed(undefined));
    if (grace <= 0) giveUp();
    else this.#timer = setTimeout(giveUp, grace);
  }

  #controller(): AbortController {
    this.#abort ??= new AbortController();
    return this.#abort;
  }

  #logging(): AttemptLog {
    this.#log ??= attemptLog(
      () => logFolder(this.#around.dataDir, this.order.name),
      () => this.#mask,
    );
    return this.#log;
  }
}

async function called(handler: Handler, call: Call): Promise<unknown> {
  try {
    return await handler(call);
  } catch (error) {
    throw new Thrown(error);
  }
}

/** Most outputs are one number or a short text: those need not be written out to be measured. */
function isSmall(value: Json): boolean {
  if (typeof value === 'string') return value.length < limits.inlineValueBytes / 4;
  if (value === null || typeof value !== 'object') return true;
  return Buffer.byteLength(JSON.stringify(value)) <= limits.inlineValueBytes;
}

function placesOf({ name }: WorkOrder): Parameters<typeof keepLarge>[2]['places'] {
  const { artifacts, values } = keptKeys(name);
  return { artifacts: '', artifactsKey: artifacts, valuesKey: values };
}

function whyFailed(error: unknown): { reason: Reason; message: string; trace?: string } {
  if (!(error instanceof Thrown)) return reasonOf(error);
  return { reason: 'function_failed', message: error.message, trace: error.trace };
}

const nameOf = ({ kind }: Halt): string => (kind === 'timed_out' ? 'TimeoutError' : 'AbortError');

/** Something that a handler threw, which need not be an error. */
class Thrown {
  readonly message: string;
  readonly trace: string;

  constructor(thrown: unknown) {
    const { message, trace } = saidBy(thrown);
    this.message = message;
    this.trace = trace;
  }
}

function saidBy(thrown: unknown): { message: string; trace: string } {
  try {
    if (thrown instanceof Error) {
      const message = thrown.message === '' ? thrown.name : thrown.message;
      return { message: String(message), trace: inspect(thrown) };
    }
    if (typeof thrown === 'string') return { message: thrown, trace: thrown };
    const shown = inspect(thrown, { depth: 2, breakLength: Number.POSITIVE_INFINITY });
    return { message: `the handler threw ${shown}`, trace: shown };
  } catch {
    const message = 'the handler threw something that cannot be shown';
    return { message, trace: message };
  }
}
