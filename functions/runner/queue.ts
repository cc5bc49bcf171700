// The orders a runner holds: waiting for room, asking for the claim, working.
import { limits } from '#schemas/limits.ts';
import type { Lacking } from '#schemas/run.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import type { Attempt } from './attempt.ts';
import { attemptKey } from './names.ts';
import { type Room, type Share, shareOf } from './room.ts';

export interface Held {
  readonly key: string;
  readonly order: WorkOrder;
  readonly share: Share;
  state: 'waiting' | 'claiming' | 'claimed';
  /** What was said about why it waits, so that nothing is said twice. */
  said: string;
  /** How many that came later went before it. */
  overtaken: number;
  attempt: Attempt | undefined;
  /** The graphics processors it was given, until it ends. */
  gpus: readonly string[];
}

/** Why an order does not start. */
export interface WaitingNotice {
  readonly held: Held;
  readonly message: string;
  readonly lacks: readonly Lacking[];
}

export class Queue {
  readonly #held = new Map<string, Held>();
  /** In the order they came; a set keeps it and forgets quickly. */
  readonly #waiting = new Set<Held>();
  readonly #room: Room;

  constructor(room: Room) {
    this.#room = room;
  }

  get all(): Iterable<Held> {
    return this.#held.values();
  }

  get size(): number {
    return this.#held.size;
  }

  find(key: string): Held | undefined {
    return this.#held.get(key);
  }

  /** The same order twice is held once. */
  add(order: WorkOrder): void {
    const key = attemptKey(order.name);
    if (this.#held.has(key)) return;
    const held: Held = {
      key,
      order,
      share: shareOf(order.resources),
      state: 'waiting',
      said: '',
      overtaken: 0,
      attempt: undefined,
      gpus: [],
    };
    this.#held.set(key, held);
    this.#waiting.add(held);
  }

  /** Those there is room for now, in order; the room is taken for them. */
  admit(): Held[] {
    const admitted: Held[] = [];
    const passed: Held[] = [];
    for (const held of this.#waiting) {
      if (this.#room.fits(held.share)) {
        held.gpus = this.#room.take(held.share);
        this.#waiting.delete(held);
        held.state = 'claiming';
        admitted.push(held);
        for (const one of passed) one.overtaken += 1;
      } else if (held.overtaken >= limits.overtakings) break;
      else passed.push(held);
      if (passed.length > limits.overtakings) break;
    }
    return admitted;
  }

  /** What to tell of those that wait for resources and were not told the same before. */
  waitingNotices(): WaitingNotice[] {
    const notices: WaitingNotice[] = [];
    let looked = 0;
    for (const held of this.#waiting) {
      looked += 1;
      if (looked > limits.overtakings) break;
      if (held.share.programs > 0) continue;
      // Where there is room it waits for one that has waited too long.
      const message = this.#room.explain(held.share) || 'waits until those before it have begun';
      if (message === held.said) continue;
      held.said = message;
      const lacks = this.#room.lacking(held.share).filter((kind) => kind !== 'programs');
      notices.push({ held, message, lacks });
    }
    return notices;
  }

  remove(held: Held): void {
    if (!this.#held.delete(held.key)) return;
    if (!this.#waiting.delete(held)) this.#room.give(held.share, held.gpus);
  }
}
