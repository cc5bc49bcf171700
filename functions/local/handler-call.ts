// One attempt that a handler does: its input made ready, the call, its end by time or on demand, and what it came to as a report.
import { inspect } from 'node:util';
import { Defect } from '#errors/families.ts';
import type { AttemptDesk } from '#ports/jobs.ts';
import { bounded, reasonOf, StepFailure } from '#runner/failure.ts';
import { checkSize, keepOutputs } from '#runner/keep.ts';
import { Mask } from '#runner/mask.ts';
import { keptKeys, logFolder } from '#runner/names.ts';
import { plainInputs, type Rendering, renderConfig, renderInputs } from '#runner/render.ts';
import type { AttemptReport, AttemptResult } from '#schemas/run.ts';
import type { Json } from '#schemas/values.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { type AttemptLog, attemptLog, type HandlerLog } from './handler-log.ts';
import { namedOutputs } from './handler-output.ts';

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

export class FunctionCall {
  readonly order: WorkOrder;
  readonly #work: FunctionWork;
  readonly #around: CallSurroundings;
  readonly #log: AttemptLog;
  #mask: Mask = NO_MASK;
  #halt: Halt | undefined;
  #abort: AbortController | undefined;
  #timer: NodeJS.Timeout | undefined;
  #giveUp: (() => void) | undefined;

  constructor(order: WorkOrder, around: CallSurroundings) {
    if (order.work.kind !== 'function')
      throw new Defect(`node "${order.node}" is ${order.work.kind}: a handler does functions`);
    this.order = order;
    this.#work = order.work;
    this.#around = around;
    this.#log = attemptLog(
      () => logFolder(around.dataDir, order.name),
      () => this.#mask,
    );
  }

  /** Asks the handler to end; after `grace` milliseconds the attempt ends without it. */
  stop(grace: number, message: string): void {
    this.#end({ kind: 'cancelled', message }, grace);
  }

  /** The engine closes. What the handler still completes counts, anything else is left to the next engine. */
  leave(grace: number): void {
    this.#end({ kind: 'closed', message: 'the engine closes' }, grace);
  }

  /** Never rejects. Undefined when the attempt is left as it is, because the engine closes. */
  async perform(handler: Handler): Promise<AttemptReport | undefined> {
    const startedAt = this.#around.now();
    const result = await this.#result(handler);
    clearTimeout(this.#timer);
    this.#log.close();
    return result && { result, startedAt, endedAt: this.#around.now() };
  }

  async #result(handler: Handler): Promise<AttemptResult | undefined> {
    try {
      const { timeout, grace, node, label } = this.order;
      if (timeout !== undefined) {
        const message = `node "${label ?? node}" took longer than its timeout of ${timeout / 1000} s`;
        const end = (): void => this.#end({ kind: 'timed_out', message }, grace);
        this.#timer = setTimeout(end, Math.min(timeout, LONGEST_TIMER));
      }
      const call = await this.#call();
      const returned = this.#untilGivenUp(handler, call);
      return await this.#completed(await returned);
    } catch (error) {
      return this.#failed(error);
    }
  }

  async #call(): Promise<HandlerCall> {
    const { name, node, instance } = this.order;
    const { inputs: bound, config, scope } = this.#work;
    const secrets = await this.#secrets();
    const { dataDir } = this.#around;
    const rendering: Rendering = { dataDir, scope, secrets, steps: NO_STEPS };
    const inputs = renderInputs(bound, rendering);
    const self = this;
    return {
      namespace: name.namespace,
      run: name.run,
      node,
      attempt: name.attempt,
      ...(instance === undefined ? {} : { instance }),
      input: plainInputs(inputs, dataDir),
      config: renderConfig(config, { rendering, inputs }),
      log: this.#log.log,
      // Made when it is asked for: most handlers that are done at once never look.
      get signal() {
        return self.#controller().signal;
      },
    };
  }

  async #secrets(): Promise<Readonly<Record<string, string>>> {
    const names = this.#work.secrets;
    if (names.length === 0) return NO_SECRETS;
    const { values, missing } = await this.#around.secrets(this.order.name, names);
    this.#mask = new Mask(Object.values(values));
    if (missing.length === 0) return values;
    const list = missing.map((name) => `"${name}"`).join(', ');
    throw new StepFailure(
      'secret_missing',
      `node "${this.order.node}" names ${list} of secret.*, which is not set; set it with: millrace secret set NAME`,
    );
  }

  /** What the handler returns; rejects when it did not end in time after it was asked to. */
  #untilGivenUp(handler: Handler, call: HandlerCall): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#giveUp = () => reject(new StepFailure('timeout', 'the handler did not end'));
      if (this.#halt !== undefined) this.#giveUp();
      else
        new Promise((returned) => {
          returned(handler(call));
        }).then(resolve, (thrown: unknown) => reject(new Thrown(thrown)));
    });
  }

  async #completed(returned: unknown): Promise<AttemptResult> {
    // It was asked to end because its time was up: what it gives after that is late.
    if (this.#halt?.kind === 'timed_out')
      return { result: 'timed_out', message: this.#halt.message };
    const raw = namedOutputs(returned);
    if (raw.size === 0) return { result: 'completed', outputs: {} };
    const { dataDir } = this.#around;
    const keys = keptKeys(this.order.name);
    const outputs = await keepOutputs(raw, {
      dataDir,
      places: { artifacts: '', artifactsKey: keys.artifacts, valuesKey: keys.values },
      mask: this.#mask,
    });
    checkSize(outputs);
    return { result: 'completed', outputs };
  }

  #failed(error: unknown): AttemptResult | undefined {
    const halt = this.#halt;
    if (halt?.kind === 'closed') return undefined;
    if (halt !== undefined) return { result: halt.kind, message: this.#mask.text(halt.message) };
    const { reason, message } =
      error instanceof Thrown ? { reason: 'function_failed' as const, ...error } : reasonOf(error);
    const said = bounded(this.#mask.text(message));
    this.#log.say(error instanceof Thrown ? error.trace : said);
    return { result: 'failed', reason, message: said };
  }

  #end(halt: Halt, grace: number): void {
    // The first reason stays; a second call may only be less patient.
    this.#halt ??= halt;
    clearTimeout(this.#timer);
    this.#controller().abort(new DOMException(halt.message, nameOf(halt)));
    if (grace <= 0) this.#giveUp?.();
    else this.#timer = setTimeout(() => this.#giveUp?.(), grace);
  }

  #controller(): AbortController {
    this.#abort ??= new AbortController();
    return this.#abort;
  }
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
