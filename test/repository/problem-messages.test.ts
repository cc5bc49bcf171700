// One catalogue of what is said of problems: nothing in it is missing, superfluous or said elsewhere.
import { expect, test } from 'vitest';
import { message } from '#core/messages.ts';
import { PROBLEMS, problemCode } from '#schemas/problem-codes.ts';
import { PROBLEM_HELP } from '#schemas/problem-help.ts';
import { HINTS, PARTS, PROBLEM_MESSAGES } from '#schemas/problem-messages.ts';
import { importTable } from './import-table.ts';
import { placesOf, sourcesOf, withoutComments } from './sources.ts';

const sources = Object.keys(importTable)
  .filter((folder) => folder !== 'schemas')
  .flatMap(sourcesOf);
const code = sources.map(({ text }) => withoutComments(text)).join('\n');

const sentences = Object.entries(PROBLEM_MESSAGES).flatMap(([of, variants]) =>
  Object.entries(variants).map(([variant, sentence]) => ({ of, variant, sentence })),
);

test('every code has a meaning, a cause, a cure and a sentence', () => {
  const codes = [...problemCode.options].sort();

  expect(Object.keys(PROBLEMS).sort()).toEqual(codes);
  expect(Object.keys(PROBLEM_HELP).sort()).toEqual(codes);
  expect(Object.keys(PROBLEM_MESSAGES).sort()).toEqual(codes);
  expect(codes.filter((of) => !sentences.some((each) => each.of === of))).toEqual([]);
});

/** `message('code', 'variant'`, or a member `says` of a table of one code. */
function isUsed(of: string, variant: string): boolean {
  const call = new RegExp(`\\bmessage\\(\\s*'${of}',\\s*'${variant}'`);
  return call.test(code) || (of === 'expression_syntax' && code.includes(`says: '${variant}'`));
}

test('every sentence is said somewhere', () => {
  const unused = sentences.filter(({ of, variant }) => !isUsed(of, variant));

  expect(unused.map(({ of, variant }) => `${of}.${variant}`)).toEqual([]);
});

test('every part and every hint is used', () => {
  const parts = Object.keys(PARTS).filter(
    (name) => !new RegExp(`\\bpart\\(\\s*'${name}'`).test(code),
  );
  const hints = Object.keys(HINTS).filter(
    (name) => !new RegExp(`\\bhint\\(\\s*'${name}'`).test(code),
  );

  expect([...parts, ...hints]).toEqual([]);
});

/** A brace that stands for itself is followed by a blank or another brace. */
const FILLED = /\{(?![\s{])([^}]*)\}/g;

test('what is filled in is named by small letters only', () => {
  const texts = [
    ...sentences.map(({ sentence }) => sentence),
    ...Object.values(PARTS),
    ...Object.values(HINTS),
  ];
  const names = texts.flatMap((text) => [...text.matchAll(FILLED)].map(([, name]) => name ?? ''));

  expect(names.filter((name) => !/^[a-z]+$/.test(name))).toEqual([]);
});

test('a problem is made from the catalogue and nowhere else', () => {
  const own = ['functions/core/messages.ts', 'functions/core/compile/findings.ts'];
  const made = sources
    .filter(({ file }) => !own.includes(file))
    .flatMap((source) => placesOf(source, /\bseverity: '(?:error|warning)'/));

  expect(made).toEqual([]);
});

test('a sentence is filled once: braces in what a user wrote stay as they are', () => {
  const { text } = message('unknown_operator', 'unused', { name: '{name} {{ a.b }}' });

  expect(text).toBe('no node runs the operator "{name} {{ a.b }}"');
});

test('a sentence with braces of its own keeps them', () => {
  expect(message('expression_syntax', 'bare_value', { value: 'a.b' }).text).toBe(
    'a.b is a value; in a condition values stand in {{ }}: {{ a.b }}',
  );
  expect(message('wrong_value', 'environment', { subject: 'x', came: 'y' }).text).toBe(
    'x is "y"; wanted host, { uv: pyproject.toml }, { pixi: pixi.toml }, { conda: s3://bucket/key } or { poetry: pyproject.toml }',
  );
});

test('what fills a sentence is typed: nothing may be missing or superfluous', () => {
  // @ts-expect-error: `name` is missing
  expect(message('unknown_operator', 'unused', {}).text).toContain('{name}');
  // @ts-expect-error: there is nothing to fill in
  expect(message('yaml_tab', 'indent', { name: 'x' }).code).toBe('yaml_tab');
  // @ts-expect-error: no such sentence
  expect(message('yaml_tab', 'outdent').text).toBe('');
});
