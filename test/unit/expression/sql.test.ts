import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseTemplate } from '#core/expression/parse.ts';
import { evaluateSql, placeInTemplate, readSql, type SqlTemplate } from '#core/expression/sql.ts';
import type { Template } from '#core/expression/types.ts';

function templateOf(text: string): Template {
  const parsed = parseTemplate(text);
  if (!parsed.ok) throw new TypeError(parsed.problem.message);
  return parsed.value;
}

function read(text: string): SqlTemplate {
  return readSql(templateOf(text));
}

function textsOf(text: string): readonly string[] {
  const { statements, problems } = read(text);
  expect(problems.map(({ said }) => said.text)).toEqual([]);
  return statements.map((statement) => statement.text);
}

test.each([
  ['select {{ a }}', 'select $1'],
  ["from read_csv('{{ path }}')", 'from read_csv($1)'],
  ["where a = '{{ a }}' and b = {{ b }}", 'where a = $1 and b = $2'],
  ["select 'it''s' || {{ a }}", "select 'it''s' || $1"],
  ["select {{ a }}::date, e'\\'' || {{ b }}", "select $1::date, e'\\'' || $2"],
  ['select "a "" b", {{ a }}', 'select "a "" b", $1'],
  ["select $$ ' $$, $t$ ' $$ $t$, {{ a }}", "select $$ ' $$, $t$ ' $$ $t$, $1"],
  ["select 1 -- it's\n, {{ a }}", "select 1 -- it's\n, $1"],
  ["select /* it's /* nested */ */ {{ a }}", "select /* it's /* nested */ */ $1"],
  ["select a$1, 'a?', {{ a }} from b", "select a$1, 'a?', $1 from b"],
  ['select extract(year from {{ a }})', 'select extract(year from $1)'],
  ["select trim(both 'x' from {{ a }})", "select trim(both 'x' from $1)"],
  ['where a is distinct from {{ b }}', 'where a is distinct from $1'],
  ["select interval (1) day, {{ a }}, '{{ b }}'", 'select interval (1) day, $1, $2'],
])('%s is given to the database as %s', (text, bound) => {
  expect(textsOf(text)).toEqual([bound]);
});

test('a value that is written twice is one parameter, so that a query may group by it', () => {
  const { statements } = read('select a + {{ x }}, {{ y }} from t group by a + {{ x }}, {{ y }}');
  expect(statements[0]).toMatchObject({
    text: 'select a + $1, $2 from t group by a + $1, $2',
    parameters: [0, 1],
  });
});

test('statements end at semicolons of the query, not at those inside texts, names and comments', () => {
  const text = `create table "a;b" as select ';' -- ;\n; ; /* ; */ select {{ a }}, $$;$$; -- the end`;
  expect(textsOf(text).map((one) => one.trim())).toEqual([
    `create table "a;b" as select ';' -- ;`,
    '/* ; */ select $1, $$;$$',
  ]);
});

test('each statement counts its own parameters', () => {
  const { statements } = read('select {{ a }}, {{ b }}; select {{ b }}');
  expect(statements.map(({ text, parameters }) => [text.trim(), parameters])).toEqual([
    ['select $1, $2', [0, 1]],
    ['select $1', [2]],
  ]);
});

test.each<[string, RegExp, number]>([
  ["select 'pre_{{ a }}'", /longer text.*'…' \|\| \{\{ a \}\}/, 12],
  ["select '{{ a }} more'", /longer text/, 8],
  ["select '{{ a }}{{ b }}'", /longer text/, 8],
  ["select '{{ a }}''s'", /longer text/, 8],
  ["select e'{{ a }}'", /prefix e/, 9],
  ["select x'{{ a }}'", /prefix x/, 9],
  ["where d > date '{{ a }}'", /write \{\{ a \}\}::date/, 16],
  ['where d > timestamp {{ a }}', /write \{\{ a \}\}::timestamp/, 20],
  ['select "{{ a }}"', /name in double quotes/, 8],
  ['select 1 -- {{ a }}', /in a comment/, 12],
  ['select /* {{ a }} */ 1', /in a comment/, 10],
  ['select $$ {{ a }} $$', /dollar quotes/, 10],
  ["from '{{ a }}'", /read_parquet\(\{\{ a \}\}\)/, 6],
  ['select * from t join {{ a }} using (b)', /join read_parquet/, 21],
  ['select t_{{ a }}', /part of a name/, 9],
  ['select {{ a }}_t', /part of a name/, 7],
  ['select t.{{ a }}', /part of a name/, 9],
  ['select {{ a }}{{ b }}', /part of a name/, 14],
])('no value can stand in %s', (text, message, at) => {
  const { problems } = read(text);
  expect(problems.at(0)?.said.text).toMatch(message);
  expect(problems.map((problem) => problem.at)).toContain(at);
});

test.each(['select $1', 'select ?', 'select $name, 1'])(
  'a parameter of the database itself is none of ours: %s',
  (text) => {
    expect(read(text).problems.map(({ said }) => said.text)).toEqual([
      expect.stringMatching(/would be a parameter of the query; values are written \{\{ name \}\}/),
    ]);
  },
);

test('values keep their kinds', () => {
  const template = templateOf("select {{ a }}, '{{ b }}', {{ [1, 2] }}");
  const variables = {
    input: {},
    system: {},
    local: { a: { x: 1 }, b: null },
    node: () => ({ is: 'not_yet' }) as const,
  };
  expect(evaluateSql(template, variables)).toEqual({
    is: 'value',
    value: [{ x: 1 }, null, [1, 2]],
  });
});

/** Pieces of queries whose quotes and comments are whole. */
const whole = fc.constantFrom(
  "'it''s ; -- {'",
  '"a "" ; b"',
  "/* ; /* ' */ */",
  '-- \' ; " \n',
  "$$ ' ; $$",
  "$q$ ' $$ ; $q$",
  "e'\\' ;'",
  ' x ',
  ' + ',
  '(',
  ')',
  ' größe 🦆 ',
);
const values = fc.constantFrom('{{ a }}', "'{{ b }}'", '{{ [1, "}}", \'x\'] }}');
const piece = fc.oneof({ arbitrary: whole, weight: 3 }, { arbitrary: values, weight: 1 });

test('whatever stands round it, a value never reaches the text of the query, and what is not a value stays', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      // Blanks between, so that nothing touches.
      const { statements, problems } = read(pieces.join(' '));
      expect(problems).toEqual([]);
      const numbers = new Map<string, string>();
      const wanted = pieces
        .map((one) => {
          if (!one.includes('{{')) return one;
          const term = one.replaceAll("'{{", '{{').replaceAll("}}'", '}}');
          numbers.set(term, numbers.get(term) ?? `$${numbers.size + 1}`);
          return numbers.get(term);
        })
        .join(' ');
      const code = pieces.some(
        (one) => !one.startsWith('--') && !one.startsWith('/*') && one.trim() !== '',
      );
      expect(statements.map(({ text }) => text)).toEqual(code ? [wanted] : []);
    }),
  );
});

test('every character of a statement is found again in the template', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join(' ; ');
      for (const statement of read(text).statements) {
        let parameter = false;
        for (let at = 0; at < statement.text.length; at += 1) {
          const letter = statement.text.charAt(at);
          const place = placeInTemplate(statement, at);
          if (letter === '$' && /^'?\{\{/.test(text.slice(place))) parameter = true;
          else if (!/\d/.test(letter)) parameter = false;
          if (!parameter) expect(text.charAt(place)).toBe(letter);
        }
      }
    }),
  );
});

test('any text is read without throwing, in a time that grows with its length', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), fc.string({ maxLength: 50 }), (before, after) => {
      const parsed = parseTemplate(`${before.replaceAll('{{', '')}{{ a }}${after}`);
      if (parsed.ok) readSql(parsed.value);
    }),
  );
  const began = process.cpuUsage();
  read(`select ${"'a' || {{ a }} || ".repeat(10_000)} 1`);
  read('/*'.repeat(50_000));
  read(`select ${'('.repeat(100_000)}`);
  expect(process.cpuUsage(began).user / 1_000).toBeLessThan(2_000);
});
