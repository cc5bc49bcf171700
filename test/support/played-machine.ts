// Plays the walker's machine (infra/walker.asl.json) in this process: executions that call ticks, wait on tokens, try again and hand over.
import { Defect } from '#errors/families.ts';
import type { Walks } from '#ports/small.ts';
import type { TickDecision, TickOrder, WalkerInput } from '#schemas/walker.ts';

export interface Execution {
  readonly name: string;
  readonly input: WalkerInput;
  tick: number;
  retry: number;
  /** Entries of `Tick` so far. */
  entered: number;
  status: 'running' | 'succeeded' | 'failed';
  because?: string;
}

export interface MachineOptions {
  /** Calls the function; what it answers comes by the token. */
  readonly call: (order: TickOrder) => Promise<void>;
  readonly ticksPerExecution?: number;
}

export class PlayedMachine {
  readonly executions = new Map<string, Execution>();
  /** States that were entered. */
  transitions = 0;
  calls = 0;
  readonly #call: MachineOptions['call'];
  readonly #most: number;

  constructor({ call, ticksPerExecution = Number.POSITIVE_INFINITY }: MachineOptions) {
    this.#call = call;
    this.#most = ticksPerExecution;
  }

  /** To be given to a service. */
  readonly walks: Walks = {
    start: (from) => this.#begin(from),
    answer: (token, decision) => this.#answer(token, decision),
  };

  get running(): readonly Execution[] {
    return [...this.executions.values()].filter(({ status }) => status === 'running');
  }

  /** The execution that waits for an answer by this token. */
  waitingOn(token: string): Execution | undefined {
    return this.running.find((execution) => tokenOf(execution) === token);
  }

  /** The tick that an execution waits for took too long: it is tried again. */
  async timeout(execution: Execution): Promise<void> {
    execution.retry += 1;
    execution.entered += 1;
    await this.#enter(execution);
  }

  /** The call of a function failed. One for which nobody waits any more matters to nobody. */
  async failed(token: string): Promise<void> {
    const execution = this.waitingOn(token);
    if (execution !== undefined) await this.timeout(execution);
  }

  /** Somebody stops an execution; the ticks that it called go on. */
  abort(execution: Execution): void {
    execution.status = 'failed';
  }

  async #begin(input: WalkerInput): Promise<void> {
    const { walk, tick, retry } = input;
    const name = [input.name, walk, tick, retry].join('-');
    if (this.executions.has(name)) return;
    const execution: Execution = { name, input, tick, retry, entered: 0, status: 'running' };
    this.executions.set(name, execution);
    this.transitions += 1;
    await this.#enter(execution);
  }

  async #enter(execution: Execution): Promise<void> {
    const { namespace, run, walk } = execution.input;
    const { tick, retry } = execution;
    this.transitions += 1;
    this.calls += 1;
    await this.#call({ namespace, run, walk, tick, retry, token: tokenOf(execution) });
  }

  async #answer(token: string, { next, because }: TickDecision): Promise<boolean> {
    const execution = this.waitingOn(token);
    if (execution === undefined) return false;
    execution.tick += 1;
    execution.retry = 0;
    execution.entered += 1;
    this.transitions += 1;
    await this.#decide(execution, next, because);
    return true;
  }

  async #decide(
    execution: Execution,
    next: TickDecision['next'],
    because: string | undefined,
  ): Promise<void> {
    const handsOver = next === 'continue' || (next === 'tick' && execution.entered >= this.#most);
    if (next === 'tick' && !handsOver) return this.#enter(execution);
    this.transitions += 1;
    execution.status = next === 'fail' ? 'failed' : 'succeeded';
    if (because !== undefined) execution.because = because;
    const { tick, retry } = execution;
    if (handsOver) await this.#begin({ ...execution.input, tick, retry });
    else if (next !== 'done' && next !== 'fail') throw new Defect(`what is "${next}"?`);
  }
}

const tokenOf = ({ name, tick, retry }: Execution): string => `${name}:${tick}:${retry}`;
