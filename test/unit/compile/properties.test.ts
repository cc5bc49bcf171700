import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compile } from '#core/compile/compile.ts';
import { decodeSource } from '#core/compile/decode.ts';
import { plan } from '#schemas/plan.ts';
import { problem } from '#schemas/problems.ts';

const root = path.join(import.meta.dirname, '../../..');
const FILES = [
  'examples/hello/pipeline.yaml',
  'examples/flights/pipeline.yaml',
  'examples/operators/pipeline.yaml',
  'test/fixtures/eight-mistakes.yaml',
].map((file) => readFileSync(path.join(root, file), 'utf8'));

/** Either a plan that satisfies its schema, or problems that have a place and at least one error. */
function check(text: string): void {
  const result = compile({ text });
  if (result.ok) {
    plan.parse(result.plan);
    return;
  }
  const lines = text.split('\n').length;
  expect(result.problems.some(({ severity }) => severity === 'error')).toBe(true);
  for (const found of result.problems) {
    problem.parse(found);
    expect(found.line).toBeLessThanOrEqual(lines);
  }
}

const PIECES = [
  ...[
    'id: p\n',
    'nodes:\n',
    '  - id: a\n',
    '    needs: [a]\n',
    '- ',
    ': ',
    '\n',
    '  ',
    '\t',
    '{{',
    '}}',
  ],
  ...[
    'event:a.completed',
    '!',
    '&x ',
    '*x ',
    '|',
    '>',
    '"',
    "'",
    '[',
    ']',
    '{',
    '}',
    '#',
    '---',
    '? ',
    '%',
    '@',
  ],
  ...[
    'steps:',
    'command: x',
    'startWhen: ',
    'operators:',
    'node_id',
    '__proto__: 1\n',
    '\u0000',
    '𝒳',
    '数',
  ],
];

test('any text compiles or has problems; nothing is thrown', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), check), { numRuns: 500 });
  const made = fc
    .array(fc.constantFrom(...PIECES), { maxLength: 40 })
    .map((pieces) => pieces.join(''));
  fc.assert(fc.property(made, check), { numRuns: 2_000 });
});

test('nor by files that were right before something in them was changed', () => {
  const mutated = fc
    .tuple(
      fc.constantFrom(...FILES),
      fc.array(fc.tuple(fc.nat(), fc.nat(12), fc.constantFrom(...PIECES, '')), {
        minLength: 1,
        maxLength: 4,
      }),
    )
    .map(([file, changes]) => {
      let text = file;
      for (const [at, length, piece] of changes) {
        const from = at % (text.length + 1);
        text = text.slice(0, from) + piece + text.slice(from + length);
      }
      return text;
    });
  fc.assert(fc.property(mutated, check), { numRuns: 1_000 });
}, 60_000);

test('any bytes are decoded or refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const decoded = decodeSource(bytes);
      if (decoded.ok) expect(decoded.text).toBe(new TextDecoder().decode(bytes));
      else expect(decoded.problems).toHaveLength(1);
    }),
  );
});
