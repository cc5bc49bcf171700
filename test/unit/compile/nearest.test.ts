// "Did you mean": what is suggested, and that a large pipeline full of mistakes is told of as fast as a good one is compiled.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { compile } from '#core/compile/compile.ts';
import { nearest } from '#core/compile/nearest.ts';
import { limits } from '#schemas/limits.ts';

/** Edits from one word to the other, by the definition. */
function edits(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : j === 0 ? i : 0)),
  );
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i += 1)
    for (let j = 1; j <= b.length; j += 1) {
      const swaps = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : 99;
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const least = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + same, swaps);
      rows[i]?.splice(j, 1, least);
    }
  return at(a.length, b.length);
}

test('the first of those with the fewest edits is meant, where they are at most a third of the word; else the only one it begins', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(word, fc.array(word, { maxLength: 6 }), (asked, known) => {
      const bound = Math.max(1, Math.floor(asked.length / 3));
      const far = known.map((name) => edits(asked, name));
      const least = Math.min(...far);
      const begun = known.filter((name) => asked.length > 1 && name.startsWith(asked));
      const alone = begun.length === 1 ? begun[0] : undefined;
      expect(nearest(asked, known)).toBe(least <= bound ? known[far.indexOf(least)] : alone);
    }),
    { numRuns: 2_000 },
  );
});

test('a word that is cut short means the only one that it begins', () => {
  expect(nearest('uv', ['uv_project', 'pixi_project'])).toBe('uv_project');
  expect(nearest('p', ['pixi_project'])).toBeUndefined();
  expect(nearest('log', ['log_path', 'log_level'])).toBeUndefined();
});

test('the same word in another spelling is meant before any other', () => {
  expect(nearest('startWhen', ['start-when-ever', 'start_when'])).toBe('start_when');
});

test('what is not told is not looked for: thousands of unknown names take no longer than known ones', () => {
  const nodes = Array.from(
    { length: 4_000 },
    (_, i) =>
      `  - { id: some_long_name_${i}, needs: [some_lomg_name_${i}x], steps: [{ command: x }] }`,
  );
  const compiled = compile({ text: `id: p\nnodes:\n${nodes.join('\n')}\n` });
  if (compiled.ok) expect.fail('nothing is unknown');
  expect(compiled.problems).toHaveLength(limits.problems);
  expect(compiled.problems[0]).toMatchObject({
    code: 'unknown_node',
    suggestion: 'some_long_name_0',
  });
});
