import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Findings } from '#core/compile/findings.ts';
import { readPlainYaml } from '#core/compile/plain-yaml.ts';
import { readFullYaml } from '#core/compile/read-yaml.ts';
import type { Tree } from '#core/compile/tree.ts';

const root = path.join(import.meta.dirname, '../../..');

/** A tree without the ends of collections, which nothing depends on, and with its keys in order. */
function shape(tree: Tree): unknown {
  if (tree.kind === 'list') return [tree.at, tree.items.map(shape)];
  if (tree.kind === 'map') {
    return [tree.at, ...[...tree.entries].map(([key, { at, value }]) => [key, at, shape(value)])];
  }
  return tree.value === null && tree.end === tree.at
    ? null
    : { at: tree.at, end: tree.end, value: tree.value, style: tree.style };
}

/** What the plain reader reads, the library must read alike and without a problem. Answers whether it read anything. */
function agree(source: string): boolean {
  const plain = readPlainYaml(source);
  if (plain === undefined) return false;
  const findings = new Findings(source);
  const full = readFullYaml(findings);
  expect(findings.problems()).toEqual([]);
  expect(full === undefined ? undefined : shape(plain)).toEqual(
    full === undefined ? 'nothing' : shape(full),
  );
  return true;
}

test.each(['hello', 'flights', 'operators'])('the example %s is plain', (name) => {
  expect(agree(readFileSync(path.join(root, `examples/${name}/pipeline.yaml`), 'utf8'))).toBe(true);
});

test.each([
  'a: 1\nb: -2.5\nc: 7\nd: 1_000\ne: true\nf: null\ng: ~\nh: v1.0.0\ni: 1.2.0\nj: 90s\nk: 0.10\n',
  'a: no\nb: n0\nc: -x\nd: --x\ne: 2025-01-01\nf: nan\ng: infinite\nh: e5\ni: fa\nj: Null\n',
  'a:\nb:\n- 1\n- x: 1\n  y: 2\n-\n- - 1\n  - 2\n',
  'a:\n  - b:\n      - c\n    d: e\n  # comment\n\n  - f\n',
  'a: x # comment\nb: "x # y" # z\nc: it\'s # d\n',
  'a: {}\nb: []\nc: { d: [1, 2, { e: f }], g: "h, i" }\nd: [a b, c d]\ne: { a: b, }\n',
  'a: |\n  one\n    two\n\n  three # four\nb: |\n  x\n',
  "a: 'it''s'\nb: \"a\\n\\\"b\\\"\"\nc: ''\n",
  'a: event:x.completed && {{ x.y > 1 }}\nb: echo "hi" | cat\nc: ls && rm -rf x\n',
])('is read as the library reads it: %j', (source) => {
  expect(agree(source)).toBe(true);
});

const WORDS = [
  ...[
    'a',
    'b c',
    '1',
    '1.0',
    '-1',
    'true',
    'x:y',
    'x: y',
    'x #y',
    '#',
    '{{ a }}',
    'a {{ b }}',
    '"q"',
    "'s'",
  ],
  ...[
    '"a\\tb"',
    '[1, a]',
    '{ k: v }',
    '{k: v}',
    '[a,b]',
    '{ k: [x] }',
    '|',
    '>',
    '&a x',
    '*a',
    '!t x',
    '- x',
    '?',
    '-',
  ],
  ...[
    '0x1F',
    '1e5',
    '.5',
    '5.',
    '+1',
    '~',
    'null',
    '.inf',
    '@x',
    '`x',
    '%x',
    '"open',
    '[open',
    'k:',
    ',',
    ']',
    '0o7',
  ],
  ...[
    '2:30',
    'a:',
    ':a',
    '"a" b',
    "''",
    '""',
    '{ a }',
    '[a: b]',
    '{ a: }',
    '{ "a": b }',
    '=',
    '<<',
    '12345678901234567890',
  ],
];
const LINES = fc.array(
  fc.tuple(
    fc.constantFrom(0, 0, 2, 2, 4, 1, 6),
    fc.constantFrom('', '- ', '- - ', 'k: ', 'l: ', 'm:', '- k: ', '- k:', '#', '- l: '),
    fc.constantFrom(...WORDS, '', ''),
    fc.constantFrom('', '', '', ' # c', ' '),
  ),
  { minLength: 1, maxLength: 8 },
);

test('values of one line are read as the library reads them', () => {
  const value = fc
    .array(fc.constantFrom(...WORDS, ' ', ' ', '  '), { minLength: 1, maxLength: 3 })
    .map((words) => words.join(''));
  const flow = fc.tuple(value, value).map(([a, b]) => [`[${a}, ${b}]`, `{ k: ${a}, l: ${b} }`]);
  let read = 0;
  fc.assert(
    fc.property(value, flow, (text, [list, map]) => {
      for (const one of [text, list, map]) {
        if (agree(`k: ${one}\n`)) read += 1;
        if (agree(`- ${one}\n- x`)) read += 1;
      }
    }),
    { numRuns: 5_000 },
  );
  expect(read).toBeGreaterThan(5_000);
}, 60_000);

test('whatever it reads, it reads as the library does', () => {
  let read = 0;
  fc.assert(
    fc.property(LINES, fc.boolean(), (lines, ended) => {
      const text = lines.map(
        ([indent, head, word, tail]) => ' '.repeat(indent) + head + word + tail,
      );
      if (agree(text.join('\n') + (ended ? '\n' : ''))) read += 1;
    }),
    { numRuns: 20_000 },
  );
  expect(read).toBeGreaterThan(300);
}, 60_000);
