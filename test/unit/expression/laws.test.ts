// Properties of the language: total, bounded, Kleene's laws, the oracle and the evaluator agree.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asTruth, evaluate } from '#core/expression/evaluate.ts';
import { parseCondition } from '#core/expression/parse.ts';
import { printCondition } from '#core/expression/print.ts';
import { explainCondition, judge, type World } from '#core/expression/reference.ts';
import { references } from '#core/expression/references.ts';
import type { BinaryOperator, Condition, Expr, Known } from '#core/expression/types.ts';
import { explanation } from '#schemas/report.ts';
import { json } from '#schemas/values.ts';
import { someVariables } from './worlds.ts';

const name = fc.constantFrom(
  'a',
  'late',
  'gone',
  'rows',
  'list',
  'object',
  '__proto__',
  'constructor',
  'toString',
  'nope',
);
const operator = fc.constantFrom<BinaryOperator>(
  '&&',
  '||',
  '??',
  '==',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  '+',
  '-',
  '*',
  '/',
  '%',
);
const called = fc.constantFrom(
  'len',
  'contains',
  'matches',
  'join',
  'round',
  'sum',
  'min',
  'payload',
  'formatDate',
  'addDays',
  'string',
  'split',
  'toString',
  'nope',
);

const { expr: anyExpr } = fc.letrec<{ expr: Expr }>((tie) => ({
  expr: fc.oneof(
    { maxDepth: 6 },
    fc.record({
      kind: fc.constant('literal' as const),
      at: fc.constant(0),
      value: fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null)),
    }),
    fc.record({
      kind: fc.constantFrom(
        'input' as const,
        'system' as const,
        'secret' as const,
        'local' as const,
      ),
      at: fc.constant(0),
      name,
    }),
    fc.record({ kind: fc.constant('output' as const), at: fc.constant(0), node: name, name }),
    fc.record({
      kind: fc.constant('array' as const),
      at: fc.constant(0),
      items: fc.array(tie('expr'), { maxLength: 3 }),
    }),
    fc.record({
      kind: fc.constant('member' as const),
      at: fc.constant(0),
      object: tie('expr'),
      name,
    }),
    fc.record({
      kind: fc.constant('index' as const),
      at: fc.constant(0),
      object: tie('expr'),
      index: tie('expr'),
    }),
    fc.record({
      kind: fc.constantFrom('not' as const, 'negate' as const),
      at: fc.constant(0),
      operand: tie('expr'),
    }),
    fc.record({
      kind: fc.constant('binary' as const),
      at: fc.constant(0),
      operator,
      left: tie('expr'),
      right: tie('expr'),
    }),
    fc.record({
      kind: fc.constant('choice' as const),
      at: fc.constant(0),
      test: tie('expr'),
      // biome-ignore lint/suspicious/noThenProperty: the branch of a choice; nothing awaits an expression
      then: tie('expr'),
      otherwise: tie('expr'),
    }),
    fc.record({
      kind: fc.constant('call' as const),
      at: fc.constant(0),
      name: called,
      args: fc.array(tie('expr'), { maxLength: 3 }),
    }),
  ),
}));

const literal = (value: null | boolean | number | string): Expr => ({
  kind: 'literal',
  at: 0,
  value,
});

describe('evaluation is total', () => {
  test('any tree comes to one of the four, and values are JSON', () => {
    fc.assert(
      fc.property(anyExpr, (expr) => {
        const result = evaluate(expr, someVariables());
        expect(['value', 'not_yet', 'never', 'error']).toContain(result.is);
        references(expr);
        if (result.is === 'value' && !JSON.stringify(expr).includes('null')) {
          expect(json.safeParse(result.value).success).toBe(true);
        }
      }),
      { numRuns: 3_000 },
    );
  });

  test('a tree nested 100,000 deep is an error or a value, not an overflow', () => {
    let left = literal(1);
    let right = literal(1);
    let operand = literal(true);
    for (let level = 0; level < 100_000; level++) {
      left = { kind: 'binary', at: 0, operator: '+', left, right: literal(1) };
      right = { kind: 'binary', at: 0, operator: '+', left: literal(1), right };
      operand = { kind: 'not', at: 0, operand };
    }
    for (const expr of [left, right, operand]) {
      expect(evaluate(expr, someVariables())).toMatchObject({ is: 'error' });
    }
  });
});

type Four = 'true' | 'never' | 'not_yet' | 'error';

/** An expression for each way an operand can be. `false` and `never` are both never as truths. */
const OPERANDS: readonly (readonly [Four, Expr])[] = [
  ['true', literal(true)],
  ['never', literal(false)],
  ['never', { kind: 'output', at: 0, node: 'gone', name: 'x' }],
  ['not_yet', { kind: 'output', at: 0, node: 'late', name: 'x' }],
  ['error', { kind: 'output', at: 0, node: 'a', name: 'nope' }],
];

const both = (operator: '&&' | '||', left: Expr, right: Expr): Expr => ({
  kind: 'binary',
  at: 0,
  operator,
  left,
  right,
});
const not = (operand: Expr): Expr => ({ kind: 'not', at: 0, operand });
const truth = (expr: Expr) => asTruth(evaluate(expr, someVariables())).truth;

const AND: readonly Four[] = ['never', 'not_yet', 'error', 'true'];
const OR: readonly Four[] = ['true', 'not_yet', 'error', 'never'];
const first = (order: readonly Four[], ...given: Four[]) =>
  order.find((four) => given.includes(four));

describe("Kleene's laws", () => {
  const pairs = OPERANDS.flatMap((left) => OPERANDS.map((right) => [left, right] as const));

  test.each(pairs)('%j and %j', ([one, left], [other, right]) => {
    expect(truth(both('&&', left, right))).toBe(first(AND, one, other));
    expect(truth(both('||', left, right))).toBe(first(OR, one, other));
    expect(evaluate(both('&&', left, right), someVariables())).toEqual(
      evaluate(both('&&', right, left), someVariables()),
    );
    expect(evaluate(both('||', left, right), someVariables())).toEqual(
      evaluate(both('||', right, left), someVariables()),
    );
  });

  test.each(pairs)('De Morgan holds for %j and %j', ([, left], [, right]) => {
    expect(truth(not(both('&&', left, right)))).toBe(truth(both('||', not(left), not(right))));
    expect(truth(not(both('||', left, right)))).toBe(truth(both('&&', not(left), not(right))));
  });

  test('operators are associative', () => {
    for (const [, one] of OPERANDS) {
      for (const [, two] of OPERANDS) {
        for (const [, three] of OPERANDS) {
          for (const operator of ['&&', '||'] as const) {
            expect(truth(both(operator, both(operator, one, two), three))).toBe(
              truth(both(operator, one, both(operator, two, three))),
            );
          }
        }
      }
    }
  });
});

const EVENTS = ['a.completed', 'b.failed', 'c.started', 'external.go'];

const { condition: anyCondition } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 4 },
    fc.record({
      kind: fc.constant('event' as const),
      at: fc.constant(0),
      pattern: fc.constantFrom(...EVENTS),
    }),
    fc.constantFrom('x', 'y').map(
      (node): Condition => ({
        kind: 'term',
        at: 0,
        text: `${node}.n > 1`,
        expr: {
          kind: 'binary',
          at: 0,
          operator: '>',
          left: { kind: 'output', at: 0, node, name: 'n' },
          right: literal(1),
        },
      }),
    ),
    fc.record({ kind: fc.constant('not' as const), at: fc.constant(0), part: tie('condition') }),
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      at: fc.constant(0),
      parts: fc.array(tie('condition'), { minLength: 2, maxLength: 3 }),
    }),
  ),
}));

type Seen = Readonly<Record<string, 'true' | 'never' | 'not_yet'>>;
type Nodes = Readonly<Record<string, Known>>;

const seen: fc.Arbitrary<Seen> = fc.record(
  Object.fromEntries(
    EVENTS.map((event) => [
      event,
      fc.constantFrom('true' as const, 'never' as const, 'not_yet' as const),
    ]),
  ),
);
const known = fc.constantFrom<Known>(
  { is: 'not_yet' },
  { is: 'never', because: 'it failed' },
  { is: 'outputs', outputs: { n: 2 } },
  { is: 'outputs', outputs: { n: 0 } },
  { is: 'outputs', outputs: {} },
);
const nodes: fc.Arbitrary<Nodes> = fc.record({ x: known, y: known });

function world(events: Seen, values: Nodes): World {
  return {
    event: (pattern) => ({ truth: events[pattern] ?? 'not_yet' }),
    variables: someVariables({ node: (id) => values[id] ?? { is: 'not_yet' } }),
  };
}

describe('conditions', () => {
  test('a condition that is decided stays as it is when more becomes known', () => {
    fc.assert(
      fc.property(
        anyCondition,
        fc.tuple(seen, nodes),
        fc.tuple(seen, nodes),
        (condition, [events, values], [laterEvents, laterValues]) => {
          const now = judge(condition, world(events, values)).truth;
          const decidedEvents = Object.fromEntries(
            Object.entries(events).map(([event, is]) => [
              event,
              is === 'not_yet' ? (laterEvents[event] ?? is) : is,
            ]),
          );
          const decidedValues = Object.fromEntries(
            Object.entries(values).map(([node, is]) => [
              node,
              is.is === 'not_yet' ? (laterValues[node] ?? is) : is,
            ]),
          );
          const later = judge(condition, world(decidedEvents, decidedValues)).truth;
          if (now === 'true' || now === 'never') {
            expect(later).toBe(now);
          }
          if (now === 'error') {
            expect(later).toBe('error');
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test('what is printed parses back to the same truth', () => {
    fc.assert(
      fc.property(anyCondition, seen, nodes, (condition, events, values) => {
        const parsed = parseCondition(printCondition(condition));
        expect(parsed.ok && judge(parsed.value, world(events, values)).truth).toBe(
          judge(condition, world(events, values)).truth,
        );
      }),
    );
  });

  test('an explanation is a tree whose parts come to the whole', () => {
    fc.assert(
      fc.property(anyCondition, seen, nodes, (condition, events, values) => {
        const tree = explainCondition(condition, world(events, values));
        expect(explanation.safeParse(tree).success).toBe(true);
        const parts = tree.parts?.map((part) => part.truth) ?? [];
        if (tree.kind === 'and' || tree.kind === 'or') {
          expect(tree.truth).toBe(first(tree.kind === 'and' ? AND : OR, ...parts));
        }
      }),
    );
  });

  test('an explanation names the term, its values and the reason', () => {
    const parsed = parseCondition(
      'event:clean.completed && {{ a.quality >= pipeline.input.n }} && {{ gone.x > 1 }}',
    );
    const tree =
      parsed.ok &&
      explainCondition(parsed.value, {
        event: () => ({ truth: 'true' }),
        variables: someVariables(),
      });
    expect(tree).toMatchObject({
      kind: 'and',
      truth: 'never',
      because: '{{ a.quality >= pipeline.input.n }}: it is false',
      parts: [
        { text: 'event:clean.completed', truth: 'true' },
        { kind: 'term', truth: 'never', values: { 'a.quality': 0.95, 'pipeline.input.n': 1 } },
        { truth: 'never', because: '{{ gone.x > 1 }}: gone ended failed' },
      ],
    });
  });

  test('a secret is not shown by an explanation', () => {
    const parsed = parseCondition("{{ secret.KEY == 'x' }}");
    const tree =
      parsed.ok &&
      explainCondition(parsed.value, {
        event: () => ({ truth: 'true' }),
        variables: someVariables({ secret: () => 'hunter2' }),
      });
    expect(JSON.stringify(tree)).not.toContain('hunter2');
  });
});
