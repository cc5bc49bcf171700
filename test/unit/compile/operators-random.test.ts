// Random production lines, compiled and walked in random order, against what `on_failure` means, written down in the plainest way: all operators in
// one node, and each in a node of its own.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compile } from '#core/compile/compile.ts';
import type { Plan } from '#schemas/plan.ts';
import type { AttemptResult } from '#schemas/run.ts';
import { Dice } from '#support/dice.ts';
import { failure, walkOf } from '../walk/story.ts';

interface Operator {
  readonly id: string;
  readonly needs: readonly string[];
  readonly fallback: string | undefined;
  /** What its program comes to, if it runs. */
  readonly ends: 'completed' | 'failed' | 'timed_out';
}

function aLine(dice: Dice): readonly Operator[] {
  const ids = Array.from({ length: 2 + dice.below(7) }, (_, at) => `o${at}`);
  return ids.map((id, at) => ({
    id,
    needs: ids.slice(0, at).filter(() => dice.chance(0.25)),
    fallback: dice.chance(0.4) ? ids[dice.below(ids.length)] : undefined,
    ends: dice.chance(0.5) ? 'completed' : dice.chance(0.8) ? 'failed' : 'timed_out',
  }));
}

/** Operators that nothing stops: what fails lets the others go on, or has a fallback. */
function textOf(line: readonly Operator[], nodes: readonly (readonly string[])[]): string {
  const operators = line.map(({ id, needs, fallback }) => {
    const then = fallback === undefined ? 'continue' : `"fallback: ${fallback}"`;
    return `  - { operator_id: ${id}, git_repo: ./code, git_tag: v1, start_command: run, upstream_dependencies: [${needs.join(', ')}], on_failure: ${then} }\n`;
  });
  const all = nodes.map(
    (ids, at) => `  - { node_id: n${at}, operator_ids: [${ids.join(', ')}] }\n`,
  );
  return `pipeline_id: line\noperators:\n${operators.join('')}nodes:\n${all.join('')}`;
}

/** What becomes of each operator, and of all together. */
function meant(line: readonly Operator[]): Record<string, string> {
  const status = new Map<string, string>();
  const fallbackOf = new Map(line.map(({ id, fallback }) => [id, fallback]));
  /** It, what takes its place, what takes the place of that. */
  const places = (id: string): readonly string[] => {
    const all = new Set([id]);
    for (const each of all) {
      const next = fallbackOf.get(each);
      if (next !== undefined) all.add(next);
    }
    return [...all];
  };
  const isFailure = (id: string): boolean => ['failed', 'timed_out'].includes(status.get(id) ?? '');
  // Again and again, until nothing more is decided: nobody waits for itself.
  for (let round = 0; round <= line.length; round += 1) {
    for (const { id, needs, ends } of line) {
      if (status.has(id)) continue;
      const replaced = line.filter(({ fallback }) => fallback === id).map((each) => each.id);
      const waits = [...needs.flatMap(places), ...replaced];
      if (!waits.every((each) => status.has(each))) continue;
      const isFed = needs.every((need) =>
        places(need).some((each) => status.get(each) === 'completed'),
      );
      const isWanted = replaced.length === 0 || replaced.some(isFailure);
      status.set(id, isFed && isWanted ? ends : 'skipped');
    }
  }
  const isOpen = ({ id, fallback }: Operator): boolean =>
    isFailure(id) && (fallback === undefined || status.get(fallback) !== 'completed');
  return { ...Object.fromEntries(status), all: line.some(isOpen) ? 'failed' : 'completed' };
}

const RESULTS: Readonly<Record<Operator['ends'], AttemptResult>> = {
  completed: { result: 'completed', outputs: {} },
  failed: failure(1),
  timed_out: { result: 'timed_out', message: 'too long' },
};

/** What a walk makes of a plan whose nodes come to this, in an order that the dice choose. */
function walked(
  plan: Plan,
  ends: ReadonlyMap<string, Operator['ends']>,
  dice: Dice,
): Record<string, string> {
  const run = walkOf(plan);
  const nodes = plan.nodes.filter(({ id }) => ends.has(id));
  for (const { id } of plan.nodes) if (!ends.has(id)) run.completes(id);
  for (;;) {
    const live = nodes.filter(({ id }) => run.node(id).status === 'running');
    const one = live[dice.below(Math.max(1, live.length))];
    if (one === undefined) break;
    run.walk(run.outcome(one.id, RESULTS[ends.get(one.id) ?? 'completed']));
  }
  return {
    ...Object.fromEntries(nodes.map(({ id }) => [id, run.node(id).status])),
    all: run.run(),
  };
}

function planOf(text: string): Plan | undefined {
  const result = compile({ text });
  return result.ok ? result.plan : undefined;
}

test('whatever the line, its operators come to what is meant, in one node and in nodes of their own', () => {
  let compiled = 0;
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const dice = new Dice(seed);
      const line = aLine(dice);
      const together = planOf(textOf(line, [line.map(({ id }) => id)]));
      const apart = planOf(
        textOf(
          line,
          line.map(({ id }) => [id]),
        ),
      );
      // Fallbacks that wait for what they replace are refused.
      if (together === undefined || apart === undefined) return;
      compiled += 1;
      const wanted = meant(line);
      const inner = together.nodes[0]?.executor;
      if (inner?.kind !== 'steps') throw new TypeError('the node has no steps');
      const ends = new Map(line.map(({ id, ends: end }) => [id, end]));
      expect(walked(inner.plan, ends, dice)).toEqual(wanted);
      const nodes = new Map(line.map(({ ends: end }, at) => [`n${at}`, end]));
      const byNode = Object.fromEntries(
        Object.entries(wanted).map(([id, status]) => [id.replace(/^o/, 'n'), status]),
      );
      expect(walked(apart, nodes, dice)).toEqual(byNode);
    }),
    { numRuns: 400 },
  );
  expect(compiled).toBeGreaterThan(50);
});
