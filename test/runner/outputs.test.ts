import { expect, test } from 'vitest';
import { FileMention, parseOutputs } from '#runner/outputs.ts';

const parse = (text: string) => Object.fromEntries(parseOutputs(new TextEncoder().encode(text)));

test.each([
  ['n=3', 3],
  ['n=1.10', '1.10'],
  ['n=007', '007'],
  ['n=12345678901234567890', '12345678901234567890'],
  ['n=1e3', '1e3'],
  ['n=-0.5', -0.5],
  ['n=true', true],
  ['n=null', null],
  ['n="3"', '3'],
  ['n=[1,"a"]', [1, 'a']],
  ['n={"a":1}', { a: 1 }],
  ['n=plain text', 'plain text'],
  ['n=a=b', 'a=b'],
  ['n=', ''],
  ['n=@@home', '@home'],
  ['n={not json', '{not json'],
  ['n=x\r', 'x'],
])('%j is read as %j', (line, value) => {
  expect(parse(`${line}\n`)).toEqual({ n: value });
});

test('a value that begins with @ is a file', () => {
  expect(parse('f=@a/b.csv')).toEqual({ f: new FileMention('a/b.csv') });
});

test('one JSON object gives all outputs, files within', () => {
  const text = '{"rows": 3, "all": [{"$file": "a.csv", "metadata": {"rows": 3}}]}';
  expect(parse(text)).toEqual({ rows: 3, all: [new FileMention('a.csv', { rows: 3 })] });
});

test('a later line of the same name wins', () => {
  expect(parse('a=1\na=2\n')).toEqual({ a: 2 });
});

test.each([
  ['just words', 'line 1'],
  ['a=1\n\nb\n', 'line 3'],
  ['{"a": 1', 'begin like JSON'],
  ['=1', 'names an output ""'],
  ['constructor=1', 'constructor'],
  ['a={"__proto__": 1}', '__proto__'],
  ['a={"$ref": {}}', '$ref'],
  ['a={"$file": 3}', '"$file"'],
])('%j is malformed, and the message says where', (text, told) => {
  expect(() => parse(text)).toThrow(told);
});

test('bytes that are not UTF-8 are malformed, with their line', () => {
  const bytes = Buffer.concat([Buffer.from('a=1\nb='), Buffer.from([0xff, 0x0a])]);
  expect(() => parseOutputs(bytes)).toThrow('line 2 of the outputs is not UTF-8');
});
