// Handlers of the embedding program, and the work that they do inside this very process. Nothing is offered or claimed for it: an
// attempt exists for others only once its report is saved. What has no handler yet is offered, so that it outlives the process,
// and claimed like any other work when a handler comes.
import { randomUUID } from 'node:crypto';
import { keyOf } from '#embedded/attempt-book.ts';
import { Rejected } from '#errors/families.ts';
import type { AttemptDesk, DirectDesk, Jobs } from '#ports/jobs.ts';
import { limits } from '#schemas/limits.ts';
import { REASONS } from '#schemas/reasons.ts';
import type { AttemptReport } from '#schemas/run.ts';
import type { AttemptName, WorkOrder } from '#schemas/work-order.ts';
import { FunctionCall, type Handler } from './handler-call.ts';
import { Lanes } from './lanes.ts';
import { RenewedMap } from './renewed-map.ts';

export interface HandlerOptions {
  /** Calls at once, besides the bound that all handlers share. */
  readonly concurrency?: number;
}

export interface Functions extends Jobs {
  /** Registers a handler; what waits for it starts at once. Answers how to take it back. Rejects a name that is taken. */
  register(name: string, handler: Handler, options?: HandlerOptions): () => void;
  /** Asks all handlers to end and starts none any more; waits a moment for those that do. */
  close(): Promise<void>;
}

export interface FunctionsOptions {
  readonly dataDir: string;
  readonly desk: AttemptDesk & DirectDesk;
  readonly now: () => number;
  /** Told of what could not be said to the desk. */
  readonly problem: (error: unknown) => void;
}

interface Registered {
  readonly handler: Handler;
  readonly concurrency: number;
  running: number;
}

interface Task {
  readonly order: WorkOrder;
  readonly name: string;
  readonly key: string;
  /** The attempt was offered and claimed by this process, because it had to wait for its handler. */
  readonly claimed: boolean;
  call: FunctionCall | undefined;
}

interface Coming {
  /** Whether it was granted is not known yet. */
  claiming?: boolean;
  /** It was told to stop meanwhile, and why. */
  stopped?: string;
}

/** Milliseconds of handlers in one piece, after which timers and sockets have their turn. */
const LONGEST_PIECE = 20;

/** Jobs done by registered handlers. */
export function createFunctions(options: FunctionsOptions): Functions {
  return new Handlers(options);
}

class Handlers implements Functions {
  readonly direct = new Set(['function'] as const);
  readonly #options: FunctionsOptions;
  /** Holds the claims of this process. */
  readonly #job = `functions-${randomUUID()}`;
  readonly #registered = new Map<string, Registered>();
  readonly #lanes = new Lanes<Task>();
  /** What waits for a place, runs, or is being reported. */
  readonly #known = new RenewedMap<string, Task>();
  /** What waits for its handler, by name: offered, and known to nobody but the table. */
  readonly #parked = new Map<string, Map<string, WorkOrder>>();
  /** What is being offered, is parked or is being claimed: whoever starts it once more starts nothing. */
  readonly #coming = new Map<string, Coming>();
  #running = 0;
  #closed = false;
  #pieceEnds = 0;
  #resting = false;
  #idle: (() => void) | undefined;

  constructor(options: FunctionsOptions) {
    this.#options = options;
  }

  register(name: string, handler: Handler, options: HandlerOptions = {}): () => void {
    const concurrency = options.concurrency ?? limits.handlerCalls;
    if (this.#registered.has(name))
      throw new Rejected('invalid', `a handler is registered as "${name}" already`);
    if (!Number.isInteger(concurrency) || concurrency < 1)
      throw new Rejected('invalid', `concurrency of "${name}" is ${concurrency}; wanted 1 or more`);
    const registered: Registered = { handler, concurrency, running: 0 };
    this.#registered.set(name, registered);
    this.#unpark(name).catch(this.#options.problem);
    return () => {
      if (this.#registered.get(name) === registered) this.#registered.delete(name);
    };
  }

  async start(orders: readonly WorkOrder[]): Promise<void> {
    /** What has no handler, and what was offered because it had none. */
    const without: WorkOrder[] = [];
    for (const order of orders) {
      const name = nameOf(order);
      const key = keyOf(order.name);
      if (this.#known.has(key) || this.#coming.has(key)) continue;
      if (order.offered !== true && this.#registered.has(name))
        this.#add({ order, name, key, claimed: false });
      else without.push(order);
    }
    if (without.length > 0) await this.#park(without);
    this.#pump();
  }

  async stop(stops: Parameters<Jobs['stop']>[0]): Promise<void> {
    const waiting = new Map<string, string>();
    for (const { name, grace, message } of stops) {
      const key = keyOf(name);
      this.#stopComing(key, message);
      const task = this.#known.get(key);
      if (task?.call !== undefined) task.call.stop(grace, message);
      else if (task !== undefined) waiting.set(key, message);
    }
    if (waiting.size === 0) return;
    for (const task of this.#lanes.remove(({ key }) => waiting.has(key)))
      this.#cancelled(task, waiting.get(task.key) ?? '');
  }

  /** What is parked is nobody's any more; what is under way learns of it when it arrives. */
  #stopComing(key: string, message: string): void {
    const coming = this.#coming.get(key);
    if (coming === undefined) return;
    coming.stopped = message;
    for (const parked of this.#parked.values()) if (parked.delete(key)) this.#coming.delete(key);
  }

  /** It never began. */
  #cancelled(task: Task, message: string): void {
    const result = { result: 'cancelled', message } as const;
    this.#tell(task, { result, endedAt: this.#options.now() });
  }

  async adopt(names: readonly AttemptName[]): Promise<readonly AttemptName[]> {
    // What is parked is only an offer. What is being claimed is as good as known: its claim may be durable before it is heard of here.
    return names.filter((name) => {
      const key = keyOf(name);
      return this.#known.has(key) || this.#coming.get(key)?.claiming === true;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { call } of this.#known.values()) call?.leave(limits.runnerFarewell);
    if (this.#running === 0) return;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
  }

  #add(task: Omit<Task, 'call'>): void {
    const added: Task = { ...task, call: undefined };
    this.#known.set(task.key, added);
    this.#lanes.add(task.order.name.run, task.name, added);
  }

  /** Starts what has a place, one after the other; a longer while of it in pieces. */
  #pump(): void {
    if (this.#closed || this.#resting) return;
    while (this.#running < limits.handlerCalls) {
      if (this.#lanes.size > 0 && this.#isTired()) return;
      const task = this.#lanes.take((name) => this.#hasPlace(name));
      if (task === undefined) return;
      this.#perform(task);
    }
  }

  #isTired(): boolean {
    const now = performance.now();
    if (now < this.#pieceEnds) return false;
    const begins = this.#pieceEnds === 0;
    this.#pieceEnds = now + LONGEST_PIECE;
    if (begins) {
      // A piece ends with the turn of the event loop, however short it was.
      setImmediate(() => {
        this.#pieceEnds = 0;
      });
      return false;
    }
    this.#resting = true;
    setImmediate(() => {
      this.#resting = false;
      this.#pieceEnds = 0;
      this.#pump();
    });
    return true;
  }

  #hasPlace(name: string): boolean {
    const registered = this.#registered.get(name);
    // Taken back meanwhile: it is parked when its turn comes.
    return registered === undefined || registered.running < registered.concurrency;
  }

  #perform(task: Task): void {
    const registered = this.#registered.get(task.name);
    if (registered === undefined) {
      this.#known.delete(task.key);
      // What is claimed already is claimed once more when a handler comes.
      if (task.claimed) this.#wait(task.order);
      else this.#park([task.order]).catch(this.#options.problem);
      return;
    }
    const { desk, dataDir, now } = this.#options;
    const call = new FunctionCall(task.order, { dataDir, secrets: desk.secrets, now });
    task.call = call;
    this.#running += 1;
    registered.running += 1;
    void call.perform(registered.handler, (report) => this.#over(task, registered, report));
  }

  #over(task: Task, registered: Registered, report: AttemptReport | undefined): void {
    this.#running -= 1;
    registered.running -= 1;
    if (report !== undefined) this.#tell(task, report);
    if (registered.running === registered.concurrency - 1) this.#lanes.reopen(task.name);
    if (this.#closed && this.#running === 0) this.#idle?.();
    this.#pump();
  }

  /** Known until the report is durable, so that nobody takes the attempt for lost. */
  #tell({ order: { name }, key, claimed }: Task, report: AttemptReport): void {
    const { desk, problem } = this.#options;
    const told = claimed ? desk.report(this.#job, [{ name, report }]) : desk.done(name, report);
    // Rejected when the engine ends, or can save nothing: the next one finds the attempt interrupted.
    told.then(() => this.#known.delete(key), problem);
  }

  async #park(orders: readonly WorkOrder[]): Promise<void> {
    for (const { name } of orders) this.#coming.set(keyOf(name), {});
    const open = await this.#offered(orders);
    const registered = new Set<string>();
    for (const order of orders) {
      const key = keyOf(order.name);
      const stopped = this.#coming.get(key)?.stopped !== undefined;
      if (!open.has(key) || stopped) this.#coming.delete(key);
      else this.#wait(order);
      if (this.#registered.has(nameOf(order))) registered.add(nameOf(order));
    }
    // Its handler came while it was being offered.
    for (const name of registered) await this.#unpark(name);
  }

  async #offered(orders: readonly WorkOrder[]): Promise<ReadonlySet<string>> {
    try {
      return new Set((await this.#options.desk.offer(orders.map(({ name }) => name))).map(keyOf));
    } catch (error) {
      for (const { name } of orders) this.#coming.delete(keyOf(name));
      throw error;
    }
  }

  #wait(order: WorkOrder): void {
    const name = nameOf(order);
    const key = keyOf(order.name);
    this.#coming.set(key, {});
    const parked = this.#parked.get(name) ?? new Map<string, WorkOrder>();
    this.#parked.set(name, parked.set(key, order));
    const message = `${REASONS.no_handler}: "${name}"`;
    this.#options.desk.notice({
      name: order.name,
      at: this.#options.now(),
      state: 'queued',
      reason: 'no_handler',
      message,
    });
  }

  async #unpark(name: string): Promise<void> {
    const parked = this.#parked.get(name);
    if (parked === undefined || this.#closed) return;
    this.#parked.delete(name);
    const names = [...parked.values()].map((order) => order.name);
    for (const key of parked.keys()) this.#coming.set(key, { claiming: true });
    const claimed = new Set(await this.#claimed(names));
    for (const [key, order] of parked) {
      const stopped = this.#coming.get(key)?.stopped;
      this.#coming.delete(key);
      if (!claimed.has(key)) continue;
      const task: Task = { order, name, key, claimed: true, call: undefined };
      if (stopped !== undefined) this.#cancelled(task, stopped);
      else {
        this.#add(task);
        this.#options.desk.notice({ name: order.name, at: this.#options.now(), state: 'running' });
      }
    }
    this.#pump();
  }

  async #claimed(names: readonly AttemptName[]): Promise<readonly string[]> {
    try {
      return (await this.#options.desk.claim(this.#job, names)).map(keyOf);
    } catch (error) {
      for (const name of names) this.#coming.delete(keyOf(name));
      throw error;
    }
  }
}

function nameOf({ work }: WorkOrder): string {
  return work.kind === 'function' ? work.name : '';
}
