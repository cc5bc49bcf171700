// Who of those that wait for room goes first. No process is started: orders come, are let on, and end.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { attemptKey } from '#runner/names.ts';
import { type Held, Queue } from '#runner/queue.ts';
import { type Machine, Room } from '#runner/room.ts';
import { limits } from '#schemas/limits.ts';
import type { Scheduling } from '#schemas/plan.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { anOrder } from './orders.ts';

const MACHINE: Machine = { cpu: 4, memory: 16, gpu: 2, programs: 8 };

interface Asked {
  readonly address: string;
  readonly cpu?: number;
  readonly priority?: number;
  readonly rank?: number;
  readonly policy?: Scheduling;
  readonly run?: string;
}

function order({ address, cpu = 4, priority = 0, rank = 0, policy, run }: Asked): WorkOrder {
  const turn = policy === undefined ? {} : { turn: { policy, priority, rank } };
  const made = anOrder(['true'], { address, resources: { cpu }, ...turn });
  return { ...made, name: { ...made.name, ...(run === undefined ? {} : { run }) } };
}

/** A machine that does one after the other whatever it is let. */
class Line {
  readonly queue = new Queue(new Room(MACHINE));
  readonly #running: Held[] = [];

  add(...asked: readonly Asked[]): this {
    for (const each of asked) this.queue.add(order(each));
    return this;
  }

  /** Lets on whom there is room for, and answers their addresses. */
  admit(): string[] {
    const admitted = this.queue.admit();
    this.#running.push(...admitted);
    return admitted.map((held) => held.order.name.address);
  }

  end(): void {
    const first = this.#running.shift();
    if (first !== undefined) this.queue.remove(first);
  }

  /** Everything, one after the other. */
  drain(): string[] {
    const all: string[] = [];
    for (let round = 0; round < 1_000 && this.queue.size > 0; round += 1) {
      all.push(...this.admit());
      this.end();
    }
    return all;
  }
}

const asked = (policy: Scheduling) => [
  { address: 'early', policy, rank: 0, priority: 1 },
  { address: 'late', policy, rank: 3, priority: 9 },
  { address: 'beside', policy, rank: 0, priority: 5 },
  { address: 'same', policy, rank: 0, priority: 5 },
];

test('by default nodes with fewer before them go first, of equal ones the higher priority, then who came first', () => {
  expect(new Line().add(...asked('topological')).drain()).toEqual([
    'beside',
    'same',
    'early',
    'late',
  ]);
});

test('by priority the highest goes first, wherever it stands', () => {
  expect(new Line().add(...asked('priority')).drain()).toEqual(['late', 'beside', 'same', 'early']);
});

test('packing lets the largest go first, and fills what it leaves', () => {
  const line = new Line().add(
    { address: 'small', policy: 'packing', cpu: 1 },
    { address: 'middle', policy: 'packing', cpu: 2 },
    { address: 'large', policy: 'packing', cpu: 3 },
  );
  expect(line.admit()).toEqual(['large', 'small']);
});

test('without a word about it they go in the order in which they came', () => {
  expect(new Line().add({ address: 'b' }, { address: 'a' }).drain()).toEqual(['b', 'a']);
});

test('runs change nothing for each other: each keeps the places it came to', () => {
  const [one, two] = ['01KAN6V0000000000000000001', '01KAN6V0000000000000000002'];
  const line = new Line().add(
    { address: 'low', policy: 'priority', priority: 1, run: one },
    { address: 'other', policy: 'priority', priority: 50, run: two },
    { address: 'plain' },
    { address: 'high', policy: 'priority', priority: 9, run: one },
  );
  expect(line.drain()).toEqual(['high', 'other', 'plain', 'low']);
});

test('nobody waits for ever: after so many that came later the oldest goes first, and all wait behind it', () => {
  const line = new Line().add({ address: 'first', policy: 'priority', priority: 100 });
  expect(line.admit()).toEqual(['first']);
  line.add({ address: 'meek', policy: 'priority', priority: -1 });
  const before: string[] = [];
  for (let next = 0; !before.includes('meek'); next += 1) {
    line.add({ address: `pushing${next}`, policy: 'priority', priority: next });
    line.end();
    before.push(...line.admit());
  }
  expect(before).toHaveLength(limits.overtakings + 1);
});

test('what waits says what it lacks, once, and what only waits for its turn says that', () => {
  const line = new Line().add({ address: 'running', cpu: 3 }, { address: 'large', cpu: 2 });
  line.admit();
  const told = line.queue.waitingNotices();
  expect(told.map(({ held, lacks, message }) => [held.order.name.address, lacks, message])).toEqual(
    [['large', ['cpu'], 'asks for 2 CPU, free are 1 CPU of 4 CPU']],
  );
  expect(line.queue.waitingNotices()).toEqual([]);
});

test('whatever comes: the room is never overfull, and everybody has a turn', () => {
  const policy = fc.constantFrom<Scheduling | undefined>(
    undefined,
    'topological',
    'priority',
    'packing',
  );
  const one = fc.record({
    cpu: fc.integer({ min: 1, max: 4 }),
    priority: fc.integer({ min: -3, max: 3 }),
    rank: fc.nat(3),
    run: fc.integer({ min: 1, max: 2 }),
    policy,
    ends: fc.nat(2),
  });
  fc.assert(
    fc.property(fc.array(one, { maxLength: 200 }), (orders) => {
      const queue = new Queue(new Room(MACHINE));
      const running: Held[] = [];
      const came = new Set<string>();
      const step = (ends: number): void => {
        for (const held of running.splice(0, ends)) queue.remove(held);
        for (const held of queue.admit()) {
          running.push(held);
          came.delete(held.key);
        }
        const cpu = running.reduce((sum, { share }) => sum + share.cpu, 0);
        expect(cpu).toBeLessThanOrEqual(MACHINE.cpu);
      };
      for (const [index, { run, ends, policy: its, ...rest }] of orders.entries()) {
        const made = order({
          address: `n${index}`,
          run: `01KAN6V000000000000000000${run}`,
          ...rest,
          ...(its === undefined ? {} : { policy: its }),
        });
        queue.add(made);
        came.add(attemptKey(made.name));
        step(ends);
      }
      for (let round = 0; round <= orders.length; round += 1) step(running.length);
      expect(came.size).toBe(0);
      expect(queue.size - running.length).toBe(0);
    }),
    { numRuns: 200 },
  );
});
