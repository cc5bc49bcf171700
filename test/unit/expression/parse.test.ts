import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCondition, parseExpression, parseTemplate } from '#core/expression/parse.ts';
import { printExpr } from '#core/expression/print.ts';
import type { ExpressionProblem } from '#core/expression/problem.ts';
import { references } from '#core/expression/references.ts';
import type { Parsed } from '#core/expression/types.ts';

function parsedOf<T>(parsed: Parsed<T>): T {
  if (!parsed.ok) {
    throw new TypeError(parsed.problem.message);
  }
  return parsed.value;
}

function problemOf<T>(parsed: Parsed<T>): ExpressionProblem {
  if (parsed.ok) {
    throw new TypeError('there is no problem');
  }
  return parsed.problem;
}

const shape = (text: string) => printExpr(parsedOf(parseExpression(text)));

describe('operators bind as written', () => {
  test.each([
    ['1 + 2 * 3 - 4', '((1 + (2 * 3)) - 4)'],
    ['a.x > 1 && b.y < 2 || c.z == 3', '(((a.x > 1) && (b.y < 2)) || (c.z == 3))'],
    ['a.n ?? 0 > 5', '((a.n ?? 0) > 5)'],
    ['a.n ?? b.n + 1', '(a.n ?? (b.n + 1))'],
    ['a.n ?? b.n ?? 3', '((a.n ?? b.n) ?? 3)'],
    ['!a.ok && -a.x < 0', '(!a.ok && (-a.x < 0))'],
    ['a.ok ? 1 : b.ok ? 2 : 3', '(a.ok ? 1 : (b.ok ? 2 : 3))'],
    ['[1, "a", [true, null]]', '[1, "a", [true, null]]'],
    [
      'pipeline.input.x + system.run_id + secret.KEY',
      '((pipeline.input.x + system.run_id) + secret.KEY)',
    ],
    ["a['row-count'].b[0]", 'a["row-count"].b[0]'],
    ['item.name', 'item.name'],
    ['(a.x).y', 'a.x.y'],
    ['len( a.x )', 'len(a.x)'],
    ['größe.maß_1 + данные.число', '(größe.maß_1 + данные.число)'],
  ])('%s', (text, wanted) => {
    expect(shape(text)).toBe(wanted);
  });
});

test.each([
  ["'it\\'s'", "it's"],
  ['"\\u00e9\\n"', 'é\n'],
  ["'a\\\\d'", 'a\\d'],
  ["'}}'", '}}'],
])('the text %s is read with its escapes', (text, value) => {
  expect(parsedOf(parseExpression(text))).toMatchObject({ kind: 'literal', value });
});

test('a condition is events and terms, and its parts know where they stand', () => {
  const text = '(event:a.completed && {{ a.rows > 0 }}) || !event:external.stop';
  expect(parsedOf(parseCondition(text))).toMatchObject({
    kind: 'or',
    parts: [
      {
        kind: 'and',
        parts: [
          { kind: 'event', at: 1, pattern: 'a.completed' },
          { kind: 'term', at: 22, text: 'a.rows > 0', expr: { at: 25, right: { at: 34 } } },
        ],
      },
      { kind: 'not', at: 43, part: { kind: 'event', pattern: 'external.stop' } },
    ],
  });
});

test('a chain of one operator is one gate, brackets or not', () => {
  const parsed = parsedOf(parseCondition('event:a.x && (event:b.x && event:c.x) && event:d.x'));
  expect(parsed).toMatchObject({ kind: 'and', parts: [{}, {}, {}, {}] });
});

test('wildcards are patterns', () => {
  expect(parsedOf(parseCondition('event:*.failed'))).toMatchObject({ pattern: '*.failed' });
  expect(parsedOf(parseCondition('event:load_*.completed'))).toMatchObject({
    pattern: 'load_*.completed',
  });
});

test('a constant is a condition, which the compiler refuses with its own words', () => {
  expect(parsedOf(parseCondition('!true'))).toMatchObject({
    kind: 'not',
    part: { kind: 'constant' },
  });
});

describe('templates', () => {
  test('a text without braces is one part', () => {
    expect(parsedOf(parseTemplate('a } { b')).parts).toEqual(['a } { b']);
    expect(parsedOf(parseTemplate('')).parts).toEqual(['']);
  });

  test('several values stand between texts', () => {
    expect(parsedOf(parseTemplate('a {{ a.x }}{{ b.y }} c')).parts).toMatchObject([
      'a ',
      { at: 2, text: 'a.x', expr: { at: 5 } },
      { at: 11, text: 'b.y', expr: { at: 14 } },
      ' c',
    ]);
  });

  test('braces inside quotes are text', () => {
    expect(parsedOf(parseTemplate("{{ '}}' }}{{ '{{' }}")).parts).toMatchObject([
      { expr: { value: '}}' } },
      { expr: { value: '{{' } },
    ]);
  });

  test('a problem points into the whole text and corrects the whole text', () => {
    expect(problemOf(parseTemplate('x {{ a.b = 3 }} y'))).toMatchObject({
      at: 9,
      suggestion: 'x {{ a.b == 3 }} y',
    });
  });
});

describe('slips are put right', () => {
  test.each([
    ['a.x = 1', 'a.x == 1'],
    ['a.x === 1', 'a.x == 1'],
    ['a.x !== 1', 'a.x != 1'],
    ['a.x <> 1', 'a.x != 1'],
    ['a.x => 1', 'a.x >= 1'],
    ['a.x =< 1', 'a.x <= 1'],
    ['a.x and b.y', 'a.x && b.y'],
    ['(a.x or b.y)', '(a.x || b.y)'],
    ['not a.x', '!a.x'],
    ['not(a.x)', '!(a.x)'],
    ['a.x & b.y', 'a.x && b.y'],
    ['a.x is null', 'a.x == null'],
    ['a.x == True', 'a.x == true'],
    ['a.x == None', 'a.x == null'],
    ['lenn(a.x)', 'len(a.x)'],
    ['length(a.x)', 'len(a.x)'],
    ['startswith(a.x, "b")', 'startsWith(a.x, "b")'],
    ['to_string(a.x)', 'string(a.x)'],
    ['a-b.x > 1', 'a_b.x > 1'],
    ['a.row-count > 1', "a['row-count'] > 1"],
    ['{{ a.x }}', 'a.x'],
    ['pipeline.inputs.x', 'pipeline.input.x'],
    ['pipeline.x', 'pipeline.input.x'],
    ['external.go', "payload('external.go')"],
    ["payload('go')", "payload('external.go')"],
    ['1_000', '1000'],
    ['9007199254740993', "'9007199254740993'"],
    ["matches(a.x, '\\d+')", "matches(a.x, '\\\\d+')"],
  ])('in an expression: %s', (text, suggestion) => {
    expect(problemOf(parseExpression(text)).suggestion).toBe(suggestion);
  });

  test.each([
    ['event:a.completed && a.rows > 0', 'event:a.completed && {{ a.rows > 0 }}'],
    ['a.rows > 0 && a.ok || event:b.failed', '{{ a.rows > 0 && a.ok }} || event:b.failed'],
    ['{{ a.rows }} > 0', '{{ a.rows > 0 }}'],
    [
      'event:a.completed && {{ a.x }} + {{ b.y }} == 3',
      'event:a.completed && {{ a.x + b.y == 3 }}',
    ],
    ['event:a.completed and event:b.completed', 'event:a.completed && event:b.completed'],
    ['not event:a.failed', '!event:a.failed'],
    ['event: a.completed', 'event:a.completed'],
    ['event:a', 'event:a.completed'],
    ['event:a-b.completed', 'event:a_b.completed'],
    ["event:'a.completed'", 'event:a.completed'],
  ])('in a condition: %s', (text, suggestion) => {
    expect(problemOf(parseCondition(text)).suggestion).toBe(suggestion);
  });
});

test.each([
  ['{{ event:a.completed }}', 'event_in_braces', 3],
  ['{{ a.x }} > 1', 'braces_in_comparison', 0],
  ['event:a.completed && {{ nope(1) }}', 'expression_function', 24],
  ['event:a.completed &&', 'expression_syntax', 20],
  ['event:per_region[0].completed', 'expression_syntax', 0],
  ['', 'expression_syntax', 0],
  ['(event:a.completed', 'expression_syntax', 0],
  ['event:a.completed event:b.completed', 'expression_syntax', 18],
  ['event:a.completed;', 'expression_syntax', 17],
  ['event:a.completed == true', 'expression_syntax', 0],
])('%s: the problem has its code and place', (text, code, at) => {
  expect(problemOf(parseCondition(text))).toMatchObject({ code, at });
});

test.each([
  'a = b = c',
  'a; b',
  'a, b',
  'f(a b)',
  '[1,,2]',
  '[1,]',
  '(1',
  '[1',
  'a.x(',
  "'abc",
  'a ? b',
  'a ? b :',
  '1.2.3',
  '0x1f',
  '007',
  '5s',
  '1e999',
  '{a: 1}',
  'a => 1',
  'a ** 2',
  'a++',
  '+1',
  'this.x = 1',
  'a.b.toUpperCase()',
  'a?.b',
  '`x`',
  '$x',
  'a |upper',
  'a in b',
  '“x”',
  'len()',
  'len(1, 2)',
  "matches(a.x, '(')",
  "formatDate(a.x, 'YYYY')",
  'payload(a.x)',
  'pipeline',
  'pipeline.input',
  'secret',
  '__proto__',
  'a.constructor',
  "a['prototype']",
  '1 == 1 ?? false',
  '"\\x41"',
  '"\\ud800"',
  '~1',
  'a | b',
  '@',
  '()',
])('%s is a problem with words, not a value', (text) => {
  expect(problemOf(parseExpression(text)).message).toMatch(/\S/);
});

test('texts over a limit are a problem that names the limit', () => {
  expect(problemOf(parseExpression('1'.padEnd(10_001)))).toMatchObject({
    code: 'expression_limit',
  });
  for (const deep of [
    '('.repeat(9_000),
    '!'.repeat(9_000),
    'a ?'.repeat(3_000),
    `a${'.b'.repeat(4_000)}`,
    '['.repeat(9_000),
  ]) {
    expect(problemOf(parseExpression(deep))).toMatchObject({ code: 'expression_limit' });
  }
});

test('a chain may be as long as the text may be', () => {
  const chain = Array.from({ length: 2_000 }, () => 'a.x').join(' +');
  expect(references(parsedOf(parseExpression(chain))).outputs).toHaveLength(2_000);
});

test('any text parses or gives a problem; nothing is thrown', () => {
  const token = fc.constantFrom(
    'a',
    '.',
    'b',
    '(',
    ')',
    '[',
    ']',
    '{{',
    '}}',
    '&&',
    '||',
    '!',
    '==',
    '=',
    '<',
    '+',
    '-',
    '??',
    '?',
    ':',
    ',',
    ';',
    ' ',
    '"',
    "'",
    '\\',
    '1',
    '1e',
    'event:',
    '*',
    'len',
    'payload',
    'true',
    'pipeline',
    'input',
    'secret',
    '__proto__',
    '{',
    '}',
    '\n',
    '\0',
    '\ud800',
    'é',
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(token, { maxLength: 40 }).map((tokens) => tokens.join('')),
  );
  fc.assert(
    fc.property(text, (written) => {
      for (const parsed of [
        parseCondition(written),
        parseExpression(written),
        parseTemplate(written),
      ]) {
        if (parsed.ok) {
          references(parsed.value);
        } else {
          expect(parsed.problem.message).not.toBe('');
          expect(parsed.problem.at).toBeGreaterThanOrEqual(0);
          expect(parsed.problem.at).toBeLessThanOrEqual(written.length);
        }
      }
    }),
    { numRuns: 2_000 },
  );
});

test('references name everything, with places, signs and fallbacks', () => {
  const found = references(
    parsedOf(
      parseCondition(
        "event:a.completed && !(event:*.failed || !event:b.x) && {{ a.n ?? pipeline.input.d > item && payload('external.go').k == secret.S + system.run_id }}",
      ),
    ),
  );
  expect(found).toMatchObject({
    inputs: [{ name: 'd' }],
    outputs: [{ node: 'a', name: 'n', at: 59, fallback: true }],
    system: [{ name: 'run_id' }],
    secrets: [{ name: 'S' }],
    locals: [{ name: 'item' }],
    payloads: [{ name: 'external.go' }],
    events: [
      { pattern: 'a.completed', negated: false },
      { pattern: '*.failed', negated: true },
      { pattern: 'b.x', negated: false },
    ],
  });
});
