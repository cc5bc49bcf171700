// The heartbeat of a job: says that it lives, hears what it is told, and knows by its own clock when it no longer holds its attempt.
import { Rejected } from '#errors/families.ts';
import type { AttemptBody } from '#schemas/attempts.ts';
import { limits } from '#schemas/limits.ts';
import type { Attempts } from './attempts.ts';
import { say } from './say.ts';

export interface PulseTimes {
  /** Milliseconds between two beats, and how long the attempt is held without one that was answered. */
  readonly heartbeat: number;
  readonly lease: number;
  /** Milliseconds before the lease is over at which `lost` is called, so that all has ended when it is. */
  readonly before: number;
}

export interface Listener {
  /** The attempt was told to end. May be called again with every beat. */
  stopped(message: string): void;
  /** The attempt is another one's: what is done for it counts for nothing. */
  gone(): void;
  /** Nobody has answered for so long that another one may be doing the same. */
  lost(): void;
}

/** Characters of what is said with a beat. */
const NOTICE = 500;

type Said = NonNullable<AttemptBody<'beat'>['said']>;

export class Pulse {
  readonly #attempts: Attempts;
  readonly #times: PulseTimes;
  readonly #listener: Listener;
  #counter = 0;
  #said: Said | undefined;
  #next: NodeJS.Timeout | undefined;
  #end: NodeJS.Timeout | undefined;
  #beating: Promise<void> | undefined;
  #ended = false;

  /** `since`: when the claim was asked for, by `performance.now()`. */
  constructor(attempts: Attempts, times: PulseTimes, listener: Listener) {
    this.#attempts = attempts;
    this.#times = times;
    this.#listener = listener;
  }

  /** `since`: when the claim that was granted was asked for, by `performance.now()`. */
  begin(since: number): void {
    this.#held(since);
    this.#beatIn(this.#times.heartbeat);
  }

  /** Goes with the next beat. */
  saying(progress: number, message: string): void {
    this.#said = {
      at: Date.now(),
      progress: Math.min(1, Math.max(0, progress)),
      ...(message === '' ? {} : { message: message.slice(0, NOTICE) }),
    };
  }

  /** Now instead of later: to hear what there is to hear. */
  async now(): Promise<void> {
    clearTimeout(this.#next);
    await this.#beat();
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#next);
    clearTimeout(this.#end);
  }

  #beatIn(milliseconds: number): void {
    clearTimeout(this.#next);
    if (!this.#ended) this.#next = setTimeout(() => void this.#beat(), milliseconds);
  }

  /** One at a time. Never rejects. */
  #beat(): Promise<void> {
    this.#beating ??= this.#beatOnce().finally(() => {
      this.#beating = undefined;
    });
    return this.#beating;
  }

  async #beatOnce(): Promise<void> {
    const { heartbeat } = this.#times;
    const asked = performance.now();
    const said = this.#said;
    this.#counter += 1;
    const beat = { counter: this.#counter, ...(said === undefined ? {} : { said }) };
    try {
      const answer = await this.#attempts.beat(beat, Math.min(heartbeat, limits.jobCall));
      if (this.#said === said) this.#said = undefined;
      if (answer.gone) {
        this.#listener.gone();
        return;
      }
      this.#held(asked);
      if (answer.stop !== undefined) this.#listener.stopped(answer.stop);
      this.#beatIn(heartbeat);
    } catch (error) {
      say(`a heartbeat was not heard: ${error instanceof Error ? error.message : error}`);
      if (error instanceof Rejected && error.code === 'not_permitted') this.#listener.gone();
      // Sooner than the next one was due: the lease runs on.
      else this.#beatIn(heartbeat / 4);
    }
  }

  /** Counted from when it was asked: whoever answered cannot have counted from earlier. */
  #held(since: number): void {
    const { lease, before } = this.#times;
    clearTimeout(this.#end);
    if (this.#ended) return;
    const left = since + lease - before - performance.now();
    this.#end = setTimeout(() => this.#listener.lost(), Math.max(0, left));
  }
}
