// Hands orders to the runner a few at a time. Starting a program costs the runner the more the larger its memory is, so what it
// could not start soon anyway waits here. Orders that ask for resources, or have a turn of their own, go at once: only the runner knows which
// of them fits, and which comes first.
import { limits } from '#schemas/limits.ts';
import type { AttemptName, WorkOrder } from '#schemas/work-order.ts';
import { type AttemptBook, keyOf } from './attempt-book.ts';
import { encodeStarts } from './frames.ts';
import type { RunnerLink } from './runner-link.ts';

export interface Feeder {
  /** Takes orders over; what the runner has room for is sent when this returns. */
  add(link: RunnerLink, orders: readonly WorkOrder[]): Promise<void>;
  /** These were claimed, refused or reported: the runner does not hold them waiting any more. */
  taken(link: RunnerLink, names: readonly AttemptName[]): void;
  /** Forgets those that were not sent yet; answers the names of the others. */
  drop(names: readonly AttemptName[]): readonly AttemptName[];
  /** Another runner: nothing was sent to it yet. What waits here is known, whatever the book has forgotten. */
  renew(link: RunnerLink | undefined): void;
  /** How many orders wait here. */
  readonly waiting: number;
}

const isDirect = ({ resources, turn }: WorkOrder): boolean =>
  resources !== undefined || turn !== undefined;

export function createFeeder(book: AttemptBook, problem: (error: unknown) => void): Feeder {
  const waiting = new Map<string, WorkOrder>();
  const sent = new Set<string>();
  let current: RunnerLink | undefined;

  const feed = async (link: RunnerLink): Promise<void> => {
    const next: WorkOrder[] = [];
    for (const [key, order] of waiting) {
      if (sent.size >= limits.runnerWindow) break;
      waiting.delete(key);
      sent.add(key);
      next.push(order);
    }
    for (const text of encodeStarts(next)) await link.sendText(text);
  };

  return {
    add: async (link, orders) => {
      const direct = orders.filter(isDirect);
      for (const order of orders) {
        if (!isDirect(order)) waiting.set(keyOf(order.name), order);
      }
      for (const text of encodeStarts(direct)) await link.sendText(text);
      if (link === current) await feed(link);
    },
    taken: (link, names) => {
      // A claim may be answered when its runner is gone already: what waits here is not for that one.
      if (link !== current) return;
      for (const name of names) sent.delete(keyOf(name));
      // A few at a time: every frame costs, and a runner that has some left does not wait.
      if (waiting.size > 0 && sent.size <= limits.runnerWindow / 2) feed(link).catch(problem);
    },
    drop: (names) =>
      names.filter((name) => {
        if (!waiting.delete(keyOf(name))) return true;
        book.remove(name);
        return false;
      }),
    renew: (link) => {
      current = link;
      sent.clear();
      for (const { name } of waiting.values()) book.add(name);
      if (link !== undefined && waiting.size > 0) feed(link).catch(problem);
    },
    get waiting() {
      return waiting.size;
    },
  };
}
