// Jobs without programs: each says over HTTPS what a runner would say (claim, report), and comes to what a script tells. For graphs and
// arrays that are too large to run a program for each of their nodes. Stands in for the runner only: everything before and behind it is real.
import { setTimeout as pause } from 'node:timers/promises';
import {
  type AttemptAnswer,
  type AttemptBody,
  type AttemptVerb,
  attemptVerbs,
  jobVariables,
  type LogPart,
} from '#schemas/attempts.ts';
import type { AttemptResult } from '#schemas/run.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import type { Container, ContainerEnd, Containers, Running } from './containers.ts';

/** What an attempt comes to. May wait as long as it likes. */
export type Script = (name: AttemptName) => AttemptResult | Promise<AttemptResult>;

export interface ScriptedOptions {
  readonly script: Script;
  /** Requests under way at the same time. */
  readonly atOnce?: number;
  /** What each program printed: one line of its log, sent along with the report. */
  readonly printed?: string;
}

const TRIES = 8;
const PATIENCE_MS = 250;

export class Scripted implements Containers {
  readonly #options: ScriptedOptions;
  readonly #free: (() => void)[] = [];
  #room: number;
  /** Attempts that were claimed, in order: `address attempt`. What is here twice was done twice. */
  readonly claimed: string[] = [];
  /** When the report of an attempt was begun to be sent, in the clock of `performance`. */
  readonly reportedAt = new Map<string, number>();
  /** What went wrong between job and API. */
  readonly failures: string[] = [];

  constructor(options: ScriptedOptions) {
    this.#options = options;
    this.#room = options.atOnce ?? 4;
  }

  begin(container: Container): Running {
    let end: (ended: ContainerEnd) => void = () => {};
    const killed = new Promise<ContainerEnd>((resolve) => {
      end = resolve;
    });
    const gone = new AbortController();
    const stopped = Promise.withResolvers<AttemptResult>();
    const worked = this.#work(container, gone.signal, stopped.promise).catch(
      (error: unknown): ContainerEnd => {
        if (!gone.signal.aborted) this.failures.push(`${container.name}: ${String(error)}`);
        return { exitCode: 1, reason: String(error) };
      },
    );
    return {
      ended: Promise.race([killed, worked]),
      // As a runner does: it ends its programs and says so.
      stop: () => stopped.resolve({ result: 'cancelled' }),
      kill: () => {
        gone.abort();
        end({ exitCode: 137 });
      },
    };
  }

  async close(): Promise<void> {}

  async #work(
    container: Container,
    gone: AbortSignal,
    stopped: Promise<AttemptResult>,
  ): Promise<ContainerEnd> {
    const job = {
      v: 1 as const,
      job: container.job,
      ...(container.index === undefined ? {} : { index: container.index }),
    };
    const claim = await this.#ask(container, 'claim', job, gone);
    if (!claim.granted) return { exitCode: 0 };
    this.claimed.push(`${claim.name.address} ${claim.name.attempt}`);
    const startedAt = Date.now();
    const result = await Promise.race([this.#options.script(claim.name), stopped]);
    if (gone.aborted) return { exitCode: 137 };
    const report = { result, startedAt, endedAt: Date.now() };
    this.reportedAt.set(claim.name.address, performance.now());
    await this.#ask(container, 'report', { ...job, report, ...this.#log(startedAt) }, gone);
    return { exitCode: result.result === 'completed' ? 0 : 1 };
  }

  #log(at: number): { log?: LogPart } {
    const { printed } = this.#options;
    if (printed === undefined) return {};
    const line = { n: 1, at, step: 'step_1', stream: 'stdout', text: printed };
    return { log: { first: 1, text: `${JSON.stringify(line)}\n` } };
  }

  async #ask<V extends AttemptVerb>(
    { environment }: Container,
    verb: V,
    body: AttemptBody<V>,
    gone: AbortSignal,
  ): Promise<AttemptAnswer<V>> {
    for (let tried = 1; ; tried += 1) {
      await this.#take();
      try {
        const answer = await fetch(`${environment[jobVariables.url]}/${verb}`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${environment[jobVariables.token]}`,
            'content-type': 'application/json',
          },
          body: JSON.stringify(body),
          signal: gone,
        });
        const text = await answer.text();
        if (answer.ok) return attemptVerbs[verb].answer.parse(JSON.parse(text)) as AttemptAnswer<V>;
        if (tried === TRIES || answer.status < 500)
          throw new Error(`${verb}: ${answer.status} ${text.slice(0, 300)}`);
      } finally {
        this.#give();
      }
      await pause(PATIENCE_MS * tried);
    }
  }

  async #take(): Promise<void> {
    if (this.#room > 0) this.#room -= 1;
    else await new Promise<void>((resolve) => this.#free.push(resolve));
  }

  #give(): void {
    const next = this.#free.shift();
    if (next === undefined) this.#room += 1;
    else next();
  }
}
