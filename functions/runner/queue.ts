// The orders a runner holds: waiting for room, asking for the claim, working.
import { limits } from '#schemas/limits.ts';
import type { Lacking } from '#schemas/run.ts';
import type { AttemptName, WorkOrder } from '#schemas/work-order.ts';
import type { Attempt } from './attempt.ts';
import { attemptKey } from './names.ts';
import { POLICIES } from './policies.ts';
import { type Machine, type Room, type Share, shareOf } from './room.ts';

export interface Held {
  readonly key: string;
  readonly order: WorkOrder;
  readonly share: Share;
  state: 'waiting' | 'claiming' | 'claimed';
  /** What was said about why it waits, so that nothing is said twice. */
  said: string;
  /** Counts the orders of this runner. */
  readonly arrival: number;
  /** How many that came later went before it. */
  overtaken: number;
  attempt: Attempt | undefined;
  /** The graphics processors it was given, until it ends. */
  gpus: readonly string[];
}

type RunName = Pick<AttemptName, 'namespace' | 'run'>;

/** Why an order does not start. */
export interface WaitingNotice {
  readonly held: Held;
  readonly message: string;
  readonly lacks: readonly Lacking[];
}

export class Queue {
  readonly #held = new Map<string, Held>();
  #arrivals = 0;
  /** In the order they came; a set keeps it and forgets quickly. */
  readonly #waiting = new Set<Held>();
  /** Those that wait and have a turn of their own; none where nothing was said of it, and then nothing is sorted. */
  #turns = 0;
  /** All that wait as their turn comes, where it was worked out and nothing has come since. */
  #sorted: Set<Held> | undefined;
  readonly #paused = new Set<string>();
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

  /** Of a run that is paused nobody is let on. */
  pause(run: RunName, paused: boolean): void {
    if (paused) this.#paused.add(keyOf(run));
    else this.#paused.delete(keyOf(run));
  }

  isPaused(run: RunName): boolean {
    return this.#paused.size > 0 && this.#paused.has(keyOf(run));
  }

  /** The same order twice is held once. */
  add(order: WorkOrder): void {
    const key = attemptKey(order.name);
    if (this.#held.has(key)) return;
    this.#arrivals += 1;
    const held: Held = {
      key,
      order,
      share: shareOf(order.resources),
      state: 'waiting',
      said: '',
      arrival: this.#arrivals,
      overtaken: 0,
      attempt: undefined,
      gpus: [],
    };
    this.#held.set(key, held);
    this.#waiting.add(held);
    if (order.turn !== undefined) this.#turns += 1;
    this.#sorted = undefined;
  }

  /** Those there is room for now, in their turn; the room is taken for them. */
  admit(): Held[] {
    const admitted: Held[] = [];
    const passed: Held[] = [];
    for (const held of this.#inTurn()) {
      if (this.isPaused(held.order.name)) continue;
      if (this.#room.fits(held.share)) {
        held.gpus = this.#room.take(held.share);
        this.#leaveLine(held);
        held.state = 'claiming';
        admitted.push(held);
        this.#count(held, passed);
      } else if (held.overtaken >= limits.overtakings) break;
      else passed.push(held);
      if (passed.length > limits.overtakings) break;
    }
    return admitted;
  }

  /** Whoever waits and was overtaken; also the oldest of all, who may not even have been looked at. */
  #count(held: Held, passed: readonly Held[]): void {
    for (const one of passed) one.overtaken += 1;
    if (this.#turns === 0) return;
    const oldest = this.#oldest();
    if (oldest === undefined) return;
    if (oldest.arrival < held.arrival && !passed.includes(oldest)) oldest.overtaken += 1;
    if (oldest.overtaken >= limits.overtakings) this.#sorted = undefined;
  }

  /** Of those that may begin. */
  #oldest(): Held | undefined {
    for (const held of this.#waiting) if (!this.isPaused(held.order.name)) return held;
    return undefined;
  }

  /**
   * Those that wait, in the order in which they are looked at. The orders of a run change places among themselves as its policy says; what
   * belongs to others keeps its place. Who was overtaken too often comes first.
   */
  #inTurn(): Iterable<Held> {
    if (this.#turns === 0) return this.#waiting;
    this.#sorted ??= this.#sort();
    return this.#sorted;
  }

  #sort(): Set<Held> {
    const places = [...this.#waiting];
    const runs = new Map<string, number[]>();
    for (const [place, { order }] of places.entries()) {
      if (order.turn === undefined) continue;
      const run = keyOf(order.name);
      const known = runs.get(run);
      if (known === undefined) runs.set(run, [place]);
      else known.push(place);
    }
    const { machine } = this.#room;
    const sorted = [...places];
    for (const own of runs.values()) {
      const members = own.flatMap((place) => places[place] ?? []);
      members.sort((a, b) => compare(a, b, machine));
      for (const [at, place] of own.entries()) {
        const member = members[at];
        if (member !== undefined) sorted[place] = member;
      }
    }
    const oldest = this.#oldest();
    const first = oldest !== undefined && oldest.overtaken >= limits.overtakings ? [oldest] : [];
    return new Set([...first, ...sorted]);
  }

  #leaveLine(held: Held): boolean {
    if (!this.#waiting.delete(held)) return false;
    this.#sorted?.delete(held);
    if (held.order.turn !== undefined) this.#turns -= 1;
    return true;
  }

  /** What to tell of those that wait for resources and were not told the same before. */
  waitingNotices(): WaitingNotice[] {
    const notices: WaitingNotice[] = [];
    let looked = 0;
    for (const held of this.#inTurn()) {
      looked += 1;
      if (looked > limits.overtakings) break;
      if (held.share.programs > 0 || this.isPaused(held.order.name)) continue;
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
    if (!this.#leaveLine(held)) this.#room.give(held.share, held.gpus);
  }
}

const keyOf = ({ namespace, run }: RunName): string => `${namespace}/${run}`;

/** Orders of one run have one policy. */
function compare(one: Held, other: Held, machine: Machine): number {
  const [a, b] = [one.order.turn, other.order.turn];
  if (a === undefined || b === undefined) return 0;
  const seen = POLICIES[a.policy](
    { ...a, share: one.share },
    { ...b, share: other.share },
    machine,
  );
  return seen || one.arrival - other.arrival;
}
