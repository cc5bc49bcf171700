import { describe, expect, test } from 'vitest';
import { asTruth, evaluate } from '#core/expression/evaluate.ts';
import { parseExpression, parseTemplate } from '#core/expression/parse.ts';
import { renderBinding, renderTemplate } from '#core/expression/template.ts';
import type { Evaluated, Variables } from '#core/expression/types.ts';
import type { Json } from '#schemas/values.ts';
import { OUTPUTS, someVariables } from './worlds.ts';

function run(text: string, changes: Partial<Variables> = {}): Evaluated {
  const parsed = parseExpression(text);
  if (!parsed.ok) {
    throw new TypeError(parsed.problem.message);
  }
  return evaluate(parsed.value, someVariables(changes));
}

describe('values', () => {
  test.each<[string, Json]>([
    ['1 + 2 * 3 % 4', 3],
    ['-(2 - 5)', 3],
    ['7 / 2', 3.5],
    ["'a' + 'b'", 'ab'],
    ["'b' > 'a' && 'Z' < 'a'", true],
    ["'\\uff5e' < '😀'", true],
    ['a.list == [1, 2, 3]', true],
    ['a.object == a.object && a.object != [1]', true],
    ["true == 'true'", false],
    ['null == a.nothing', true],
    ["[1] == 'x'", false],
    ['a.rows > 2 ? "many" : gone.x', 'many'],
    ['a.object.deep.deeper', 1],
    ['a.object.length + a.length', 19],
    ["a['row-count']", 4],
    ['a.list[a.rows - 1]', 3],
    ['[a.rows, [a.name]]', [3, ['Ada']]],
    ['pipeline.input.n + len(system.run_id)', 3],
    ['a.missing ?? 5', 5],
    ['a.nothing ?? 5', 5],
    ['a.nothing.x ?? 5', 5],
    ['a.object.deep.nope ?? 5', 5],
    ['a.list[9] ?? 5', 5],
    ['gone.x ?? 5', 5],
    ['gone.x ?? a.missing ?? 5', 5],
    ['a.large ?? 5', { ...(OUTPUTS['large'] as object) } as Json],
    ['a.file.name + " " + string(a.file.size)', 'a.csv 5'],
    ['a.file.metadata.rows', 9],
  ])('%s', (text, wanted) => {
    expect(run(text)).toEqual({ is: 'value', value: wanted });
  });
});

describe('errors say the subject, what came, and what was wanted', () => {
  test.each([
    ["a.rows == 'x'", 'number(…) or string(…)'],
    ["'x' == 1", 'number(…) or string(…)'],
    ["1 < 'x'", 'number(…) or string(…)'],
    ['true < false', 'two numbers or two texts'],
    ['[1] < [2]', 'two numbers or two texts'],
    ["'a' + 1", 'string(…)'],
    ["'a' * 2", 'two numbers'],
    ['1 / 0', 'division by zero'],
    ['1 % 0', 'division by zero'],
    ['a.rowz', 'did you mean rows?'],
    ['a.nothing.x', 'a.nothing is null'],
    ['a.list[3]', 'has 3 items'],
    ['a.list[0 - 1]', 'a whole number from 0'],
    ['a.list[0.5]', 'a whole number from 0'],
    ['a.name.size', 'the text "Ada"'],
    ['a.name.length', 'len(a.name)'],
    ['a.list.length', 'len(a.list)'],
    ['a.rows.x', 'the number 3'],
    ['a.rows ? 1 : 2', 'true or false'],
    ['a.rows && true', 'the number 3 came'],
    ['!a.name', 'the text "Ada" came'],
    ['-a.name', 'wants a number'],
    ['nope', 'no variable "nope"'],
    ['pipeline.input.nope', 'pipeline.input has no "nope"'],
    ['secret.KEY', 'where a program is started'],
    ["payload('external.go')", 'not known here'],
    ['a.large == 1', 'kept by reference'],
    ['a.large.x', 'kept by reference'],
    ['len(a.large)', 'no list'],
    ['a.file.nope', 'sha256'],
    ['a.file.path', 'known where a program is started'],
    ['9e300 * 9e300', 'too large'],
  ])('%s', (text, said) => {
    expect(run(text)).toMatchObject({ is: 'error', message: expect.stringContaining(said) });
  });
});

describe('never and not yet', () => {
  const never: Evaluated = { is: 'never', because: 'gone ended failed' };
  test.each<[string, Evaluated]>([
    ['gone.x > 1', never],
    ['gone.x.y[0] + late.x', never],
    ['len(gone.x) == 1 / 0', never],
    ["contains(gone.x, 'a')", never],
    ['late.x > 1', { is: 'not_yet' }],
    ['late.x + 1 / 0', { is: 'not_yet' }],
    ['late.x ?? 3', { is: 'not_yet' }],
    ['!(gone.x > 1)', { is: 'value', value: true }],
    ['gone.x > 1 || true', { is: 'value', value: true }],
    ['late.x > 1 || true', { is: 'value', value: true }],
    ['1 / 0 > 1 || true', { is: 'value', value: true }],
    ['late.x > 1 && false', { is: 'value', value: false }],
    ['1 / 0 > 1 && gone.x > 1', never],
    ['1 / 0 > 1 && late.x > 1', { is: 'not_yet' }],
    ['1 / 0 > 1 || late.x > 1', { is: 'not_yet' }],
    ['gone.x > 1 || false', never],
    ['gone.x > 1 || late.x', { is: 'not_yet' }],
    ['gone.x ? 1 : 2', never],
    ['late.x ? 1 : 2', { is: 'not_yet' }],
    ['true ? 1 : late.x', { is: 'value', value: 1 }],
    ['[1, late.x]', { is: 'not_yet' }],
  ])('%s', (text, wanted) => {
    expect(run(text)).toEqual(wanted);
  });
});

test('only true is true as a condition; a value that is neither true nor false is an error', () => {
  expect(asTruth(run('true'))).toEqual({ truth: 'true' });
  expect(asTruth(run('false'))).toMatchObject({ truth: 'never' });
  expect(asTruth(run('gone.x'))).toMatchObject({ truth: 'never', because: 'gone ended failed' });
  expect(asTruth(run('late.x'))).toEqual({ truth: 'not_yet' });
  for (const text of ['1', "'true'", 'null', '[]', '1 / 0']) {
    expect(asTruth(run(text))).toMatchObject({ truth: 'error' });
  }
});

describe('functions', () => {
  test.each<[string, Json]>([
    ["len('a😀')", 2],
    ['len(a.list) + len(a.object)', 5],
    ["contains('abc', 'b') && contains(a.list, 2) && contains(a.object, 'deep')", true],
    ["contains([[1]], [1]) && !contains([1], '1')", true],
    ["startsWith('abc', 'ab') && endsWith('abc', 'bc')", true],
    ["matches('x12', '[0-9]+') && !matches('x12', '^[0-9]+$')", true],
    ["lower('ÄB') + upper('äb')", 'äbÄB'],
    ["split('a,b,,c', ',')", ['a', 'b', '', 'c']],
    ["split('ab', '')", ['a', 'b']],
    ["join([1, 'a', null, [2]], '-')", '1-a-null-[2]'],
    ["number(' 1.5e3 ') + number(2)", 1502],
    ['string(1.5) + string(true) + string(null) + string([1])', '1.5truenull[1]'],
    ['min(3, 1, 2) + max([3, 1, 2])', 4],
    ['sum([]) + sum(1, 2) + avg([1, 2])', 4.5],
    [
      '[round(2.5), round(-2.5), round(1.005, 2), round(1234, -2), round(1e-7, 3), round(1e21)]',
      [3, -2, 1.01, 1200, 0, 1e21],
    ],
    ["formatDate('2025-01-31', 'dd.MM.yyyy')", '31.01.2025'],
    [
      "formatDate('2025-01-31T23:30:00.5+01:00', \"yyyy-MM-dd'T'HH:mm:ss.SSS\")",
      '2025-01-31T22:30:00.500',
    ],
    ["formatDate(0, 'yyyy')", '1970'],
    ["addDays('2024-02-28', 1)", '2024-02-29'],
    ["addDays('2025-01-01T10:00:00Z', -1)", '2024-12-31T10:00:00.000Z'],
    ['addDays(0, 1)', 86_400_000],
  ])('%s', (text, wanted) => {
    expect(run(text)).toEqual({ is: 'value', value: wanted });
  });

  test.each([
    ['len(5)', 'len wants a text, a list or an object as its argument; the number 5 came'],
    ['lower(5)', 'lower wants a text as its argument; the number 5 came'],
    ["startsWith('a', 1)", 'startsWith wants a text as its second argument; the number 1 came'],
    ["contains(5, 'a')", 'contains wants a text, a list or an object as its first argument'],
    ["matches('a', '(' + '')", 'RE2 syntax'],
    ["join('a', ',')", 'join wants a list as its first argument; the text "a" came'],
    ["number('12a')", 'number wants a text with a number in it; the text "12a" came'],
    ['number(true)', 'true came'],
    [
      "min(1, 'a')",
      'min wants a number or one list of numbers as its second argument; the text "a" came',
    ],
    ["sum([1, 'a'])", 'item 1 of its list is the text "a"'],
    ['avg([])', 'avg of an empty list'],
    ['max([])', 'max of an empty list'],
    ["round('1')", 'round wants a number'],
    ['round(1, 99)', 'digits'],
    ["formatDate('2025-02-30', 'yyyy')", 'formatDate wants a date'],
    ["formatDate('yesterday', 'yyyy')", 'formatDate wants a date'],
    ["formatDate('2025-01-01', 'Y' + 'YYY')", 'yyyy'],
    ["addDays('2025-01-01', 1.5)", 'a whole number of days'],
    ["addDays('9999-12-31', 1)", 'years 1 to 9999'],
  ])('%s', (text, said) => {
    expect(run(text)).toMatchObject({ is: 'error', message: expect.stringContaining(said) });
  });

  test('a pattern that explodes elsewhere takes linear time here', () => {
    const text = 'a'.repeat(30_000);
    const local = { text: `${text}!` };
    for (let warm = 0; warm < 5; warm++) {
      run("matches(text, '(a+)+$')", { local });
    }
    const times = Array.from({ length: 5 }, () => {
      const begin = process.cpuUsage();
      expect(run("matches(text, '(a+)+$')", { local })).toEqual({ is: 'value', value: false });
      return process.cpuUsage(begin).user / 1_000;
    });
    expect(Math.min(...times)).toBeLessThan(10);
  });

  test('payload gives what an external event carried', () => {
    const payload = (event: string) =>
      event === 'external.go'
        ? { is: 'outputs' as const, outputs: { amount: 5 } }
        : { is: 'not_yet' as const };
    expect(run("payload('external.go').amount", { payload })).toEqual({ is: 'value', value: 5 });
    expect(run("payload('external.other').amount", { payload })).toEqual({ is: 'not_yet' });
  });
});

describe('values by reference', () => {
  const list = (): readonly Json[] => [10, 20];
  test('a list can be counted and indexed where it can be read', () => {
    expect(run('len(a.large) + a.large[1]', { list })).toEqual({ is: 'value', value: 22 });
    expect(run('a.large[2] ?? 0', { list })).toEqual({ is: 'value', value: 0 });
  });

  test('they are passed on whole', () => {
    expect(run('true ? a.large : 1')).toEqual({ is: 'value', value: OUTPUTS['large'] });
    expect(run('[a.large]')).toEqual({ is: 'value', value: [OUTPUTS['large']] });
  });
});

describe('nothing beyond the variables is reached', () => {
  test.each(['toString', 'valueOf', 'hasOwnProperty', '__defineGetter__'])('%s', (name) => {
    expect(run(`a.object.${name}`)).toMatchObject({ is: 'error', missing: true });
    expect(run(`a.${name}`)).toMatchObject({ is: 'error', missing: true });
    expect(run(`pipeline.input.${name}`)).toMatchObject({ is: 'error', missing: true });
    expect(run(`a.object['to' + '${name.slice(2)}']`)).toMatchObject({ is: 'error' });
    expect(run(name)).toMatchObject({ is: 'error' });
  });

  test('forbidden members are refused when they are computed, too', () => {
    for (const name of ['__proto__', 'constructor', 'prototype']) {
      expect(run(`a.object['${name.slice(0, 3)}' + '${name.slice(3)}'] ?? 1`)).toMatchObject({
        is: 'error',
        message: expect.stringContaining('no member that an expression may name'),
      });
    }
  });
});

describe('work is bounded', () => {
  test('an expression that needs too many operations is an error', () => {
    const local = { list: Array.from({ length: 20_000 }, (_, index) => index) };
    const text = Array.from({ length: 10 }, () => 'contains(list, -1)').join(' || ');
    expect(run(`${text} || true`, { local })).toMatchObject({
      is: 'error',
      message: expect.stringContaining('operations'),
    });
  });

  test('a text that grows too long is an error', () => {
    const local = { text: 'x'.repeat(600_000) };
    expect(run('text + text', { local })).toMatchObject({
      is: 'error',
      message: expect.stringContaining('1200000'),
    });
    expect(run("join([text, text], '')", { local })).toMatchObject({ is: 'error' });
  });

  test('values nested without end are an error as text', () => {
    let deep: Json = 1;
    for (let level = 0; level < 100_000; level++) {
      deep = [deep];
    }
    expect(run('string(deep)', { local: { deep } })).toMatchObject({ is: 'error' });
    expect(run('deep == deep', { local: { deep } })).toEqual({ is: 'value', value: true });
  });
});

test("a node's own input hides a node of the same name", () => {
  expect(run('a.rows', { local: { a: { rows: 99 } } })).toEqual({ is: 'value', value: 99 });
});

describe('templates', () => {
  const file = { uri: () => 'file:///k', path: () => '/data/a.csv' };
  function render(text: string): Evaluated {
    const parsed = parseTemplate(text);
    return parsed.ok
      ? renderTemplate(parsed.value, someVariables({ file }))
      : { is: 'error', message: parsed.problem.message };
  }

  test('one {{ }} alone keeps the type', () => {
    expect(render('{{ a.list }}')).toEqual({ is: 'value', value: [1, 2, 3] });
    expect(render('{{ a.file }}')).toEqual({ is: 'value', value: OUTPUTS['file'] });
  });

  test('in a longer text values stand as text', () => {
    expect(
      render(
        '{{ a.name }} {{ a.rows }} {{ 0.1 }} {{ a.list }} {{ a.object.deep }} {{ null }} {{ true }} {{ a.file }}',
      ),
    ).toEqual({
      is: 'value',
      value: 'Ada 3 0.1 [1,2,3] {"deeper":1} null true /data/a.csv',
    });
  });

  test('what is open keeps the whole text open', () => {
    expect(render('{{ late.x }} {{ a.nope }}')).toEqual({ is: 'not_yet' });
    expect(render('{{ late.x }} {{ gone.x }}')).toMatchObject({ is: 'never' });
    expect(render('x {{ a.nope }}')).toMatchObject({ is: 'error' });
  });

  test('a binding has its texts filled at any depth, and nothing else', () => {
    const binding = { list: ['{{ a.rows }}', 'n={{ a.rows }}'], plain: 5, '{{ x }}': null };
    expect(renderBinding(binding, someVariables())).toEqual({
      is: 'value',
      value: { list: [3, 'n=3'], plain: 5, '{{ x }}': null },
    });
    expect(renderBinding(['{{ late.x }}'], someVariables())).toEqual({ is: 'not_yet' });
    expect(renderBinding('{{ a.', someVariables())).toMatchObject({ is: 'error' });
  });
});
