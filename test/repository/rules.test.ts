// Rules of the sources that the linter has no word for.

import { expect, test } from 'vitest';
import { importTable } from './import-table.ts';
import { placesOf, sourcesOf } from './sources.ts';

const plainError = /\bnew (?:Error|TypeError|RangeError)\(/;
const clockOrChance =
  /\bDate\.now\b|\bnew Date(?:\(\s*\)|(?![\w(]))|(?<!new\s|\w)Date\(|\bMath\.random\b|\bperformance\b/;

const sources = Object.keys(importTable).flatMap(sourcesOf);

test('every error is of a family: none is a plain Error', () => {
  expect(sources.flatMap((source) => placesOf(source, plainError))).toEqual([]);
});

test('the core takes time and chance as arguments', () => {
  const core = sources.filter(({ file }) => file.startsWith('functions/core/'));
  expect(core.flatMap((source) => placesOf(source, clockOrChance))).toEqual([]);
});

test.each([
  'Date.now()',
  'new Date()',
  'new Date;',
  'Math.random()',
  '= Date()',
  'performance.now()',
])('%s counts as clock or chance', (text) => {
  expect(clockOrChance.test(text)).toBe(true);
});

test.each(['new Date(at)', 'Date.UTC(2020, 1)', 'Math.floor(1.5)', 'formatDate(x)'])(
  '%s does not count as clock or chance',
  (text) => {
    expect(clockOrChance.test(text)).toBe(false);
  },
);

test('what a comment says is not code', () => {
  const text = '// never new Error(\n/* nor\n Math.random() */\nthrow new Error("x");';
  expect(placesOf({ file: 'a.ts', text }, plainError)).toEqual(['a.ts:4 throw new Error("x");']);
  expect(placesOf({ file: 'a.ts', text }, clockOrChance)).toEqual([]);
});
