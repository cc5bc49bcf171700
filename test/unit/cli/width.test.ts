// Columns of a terminal: what stands in a table stands below itself, in whatever letters it is written.
import { expect, test } from 'vitest';
import { renderTable } from '#cli/render/table.ts';
import { columnsOf, fitting, padded } from '#cli/render/width.ts';
import { shorten } from '#cli/render/words.ts';

test('a letter of Chinese takes two columns, an accent and a colour none', () => {
  expect(columnsOf('数据清洗')).toBe(8);
  expect(columnsOf('ｶﾅ')).toBe(2);
  expect(columnsOf('e\u0301')).toBe(1);
  expect(columnsOf('\u001B[31m特征\u001B[39m')).toBe(4);
  expect(columnsOf('clean-op')).toBe(8);
});

test('a text is cut between signs, where it still fits', () => {
  expect(fitting('数据清洗', 5)).toBe('数据');
  expect(fitting('a数', 2)).toBe('a');
  expect(shorten('数据清洗', 8)).toBe('数据清洗');
  expect(shorten('数据清洗', 7)).toBe('数据清…');
  expect(padded('数据', 6)).toBe('数据  ');
});

test('columns of a table begin below each other', () => {
  const lines = renderTable([
    ['数据清洗', 'after 特征', 'x'],
    ['load', 'now', 'y'],
  ]).split('\n');
  const before = lines.map((line) => columnsOf(line.slice(0, -1)));
  expect(before[0]).toBe(before[1]);
});
