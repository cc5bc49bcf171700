// Of any plan and any order: folding the log gives the state (S2), what is stored gives it back, a finished node never
// changes (W4), and the run ends (W6). `Story` checks S2, S3 and the stored form after every walk.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decode } from '#core/walk/codec.ts';
import { fold } from '#core/walk/fold.ts';
import { initialState } from '#core/walk/state.ts';
import type { AttemptResult, WalkEvent } from '#schemas/run.ts';
import { aPlan, failure, Story, stored } from './story.ts';

const EVENTS = ['completed', 'failed', 'ended', 'skipped', 'started', 'retrying', 'cancelled'];

const leaf = (at: number) =>
  fc.oneof(
    fc
      .tuple(fc.nat(Math.max(0, at - 1)), fc.constantFrom(...EVENTS))
      .map(([node, event]) => (at === 0 ? 'event:*.failed' : `event:n${node}.${event}`)),
    fc.constantFrom('event:*.failed', 'event:n*.skipped', 'event:n1*.completed', 'event:*.*'),
    fc
      .tuple(fc.nat(Math.max(0, at - 1)), fc.nat(3))
      .map(([node, than]) => (at === 0 ? '{{ pipeline.input.x }}' : `{{ n${node}.v > ${than} }}`)),
  );

const condition = (at: number) =>
  fc
    .array(fc.tuple(leaf(at), fc.boolean(), fc.constantFrom('&&', '||')), {
      minLength: 1,
      maxLength: 4,
    })
    .map((leaves) =>
      leaves
        .map(([text, not, operator], index) => {
          const one = not ? `!${text}` : text;
          return index === 0 ? one : `${operator} (${one})`;
        })
        .join(' '),
    );

const node = (at: number) =>
  fc.record({
    start: fc.option(condition(at), { nil: undefined }),
    stop: fc.option(condition(at), { nil: undefined, freq: 6 }),
    group: fc.constantFrom(undefined, 'g', 'h'),
    forEach: fc.option(fc.array(fc.nat(9), { maxLength: 5 }), { nil: undefined, freq: 4 }),
    retry: fc.boolean(),
    join: fc.boolean(),
  });

const plans = fc.integer({ min: 1, max: 14 }).chain((size) =>
  fc
    .tuple(
      fc.tuple(...Array.from({ length: size }, (_, at) => node(at))),
      fc.boolean(),
      fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
    )
    .map(([nodes, failFast, maxParallel]) => {
      const plan = aPlan()
        .pipeline({ failFast, ...(maxParallel ? { maxParallel } : {}) })
        .group('g', { failFast: !failFast })
        .group('h', { in: 'g', maxParallel: 2 });
      for (const [at, { start, stop, group, forEach, retry, join }] of nodes.entries()) {
        plan.node(`n${at}`, {
          ...(start === undefined ? {} : { start }),
          ...(stop === undefined ? {} : { stop }),
          ...(group === undefined ? {} : { group }),
          ...(forEach === undefined ? {} : { forEach }),
          ...(join && forEach === undefined ? { join } : {}),
          ...(retry
            ? {
                retry: {
                  maxAttempts: 2,
                  on: ['failed'],
                  delay: 5,
                  backoff: 'exponential',
                  maxDelay: 9,
                },
              }
            : {}),
        });
      }
      return plan.build();
    }),
);

const results = fc.constantFrom<AttemptResult[]>(
  { result: 'completed', outputs: { v: 2 } },
  { result: 'completed', outputs: {} },
  failure(),
  { result: 'timed_out', message: 'late' },
  { result: 'interrupted', message: 'gone' },
  { result: 'cancelled' },
);

const orders = fc.record({
  picks: fc.array(fc.tuple(fc.nat(), results, fc.boolean()), { minLength: 30, maxLength: 30 }),
  reload: fc.nat(5),
  changes: fc.constantFrom(3, 20, 2_000),
  cancelAt: fc.option(fc.nat(12), { nil: undefined, freq: 4 }),
});

type Order = { picks: readonly [number, AttemptResult, boolean][]; reload: number };

/** Answers what is under way, one after the other in the given order, until the run ends. */
function drive(run: Story, order: Order & { cancelAt: number | undefined }): void {
  const open: WalkEvent[] = [];
  let seen = 0;
  for (let step = 0; step < 400 && run.state.head.end === undefined; step++) {
    for (; seen < run.commands.length; seen++) open.push(...startedBy(run, seen));
    const [pick, result, twice] = order.picks[step % order.picks.length] ?? [0, failure(), false];
    if (step === order.cancelAt) run.walk({ event: 'wanted', wanted: 'cancel' });
    if (step % 6 === order.reload) run.reload();
    const [event] = open.splice(pick % Math.max(1, open.length), 1);
    if (event?.event !== 'outcome') {
      run.after(40_000);
      continue;
    }
    const outcome = { ...event, result };
    if (result.result === 'completed' && event.instance === undefined) {
      run.outputs.set(event.node, result.outputs);
    }
    run.walk(...(twice ? [outcome, outcome] : [outcome]));
  }
}

function startedBy(run: Story, at: number): WalkEvent[] {
  const command = run.commands[at];
  if (command?.command !== 'start-node') return [];
  const { node: id, attempt, instances } = command;
  const result = failure();
  if (!instances) return [{ event: 'outcome', node: id, attempt, result }];
  return Array.from({ length: instances[1] - instances[0] + 1 }, (_, index) => ({
    event: 'outcome' as const,
    node: id,
    instance: instances[0] + index,
    attempt,
    result,
  }));
}

test('the log folds to the state, the run ends, and what has ended stays as it is', () => {
  fc.assert(
    fc.property(plans, orders, (plan, order) => {
      const bounds = { starts: 4, changes: order.changes };
      const run = new Story(plan, { bounds, inputs: { x: true } }).walk();
      drive(run, order);
      expect(run.state.head.end).toBeDefined();
      const folded = fold(run.graph, initialState(run.graph, {}), run.facts);
      expect(stored(folded)).toEqual(stored(run.state));
      const ended = run.facts.flatMap((fact) =>
        fact.fact === 'ended' && !fact.instances ? [fact.node] : [],
      );
      expect(new Set(ended).size).toBe(ended.length);
      expect(ended.length).toBe(plan.nodes.length);
    }),
    { numRuns: 300 },
  );
}, 60_000);

test('a state that was stored and read back has the same future', () => {
  fc.assert(
    fc.property(plans, orders, (plan, order) => {
      const kept = new Story(plan, { inputs: { x: true } }).walk();
      const read = new Story(plan, { inputs: { x: true } }).walk();
      drive(kept, { ...order, reload: 6 });
      drive(read, order);
      expect(read.facts).toEqual(kept.facts);
      expect(read.commands).toEqual(kept.commands);
    }),
    { numRuns: 100 },
  );
}, 60_000);

test('what a newer version wrote is refused, untouched', () => {
  const run = new Story(aPlan().node('a').build()).walk();
  const { head, chunks } = stored(run.state);
  const newer = { ...Object(head), v: 2 };
  expect(() => decode(run.graph, newer, new Map())).toThrow(/format 2/);
  const chunk = { ...Object(chunks['n0']), v: 2 };
  expect(() => decode(run.graph, head, new Map([['n0', chunk]]))).toThrow(/format 2/);
  expect(() => decode(run.graph, head, new Map([['n0', { v: 1, e: ['x'] }]]))).toThrow(/chunk n0/);
  expect(() => decode(run.graph, head, new Map([['x', { v: 1, e: [] }]]))).toThrow(/no key/);
});
