import { expect, test } from 'vitest';
import { decodeSource } from '#core/compile/decode.ts';
import { resolveInputs } from '#core/compile/inputs.ts';
import { limits } from '#schemas/limits.ts';
import type { Plan } from '#schemas/plan.ts';

const inputs: Plan['inputs'] = {
  day: { type: 'string', default: 'today' },
  rows: { type: 'number' },
  flags: { type: 'array', default: [] },
  data: { type: 'file' },
};

test('texts are JSON for all but string and file; defaults fill in; files are left to the caller', () => {
  expect(
    resolveInputs(
      { inputs },
      {
        rows: { text: '7' },
        data: { text: './x.csv' },
        flags: { json: ['a'] },
        day: { text: '12' },
      },
    ),
  ).toEqual({
    ok: true,
    values: { day: '12', rows: 7, flags: ['a'] },
    files: [{ name: 'data', path: './x.csv', isDefault: false }],
  });
});

test('unknown, missing and wrong ones are told together', () => {
  const result = resolveInputs(
    { inputs },
    { row: { text: '7' }, rows: { text: 'many' }, flags: { text: '{}' } },
  );

  expect(result).toMatchObject({
    ok: false,
    problems: [
      { code: 'unknown_input', suggestion: 'rows' },
      { code: 'wrong_input', path: 'inputs.rows' },
      { code: 'wrong_input', path: 'inputs.flags' },
      { code: 'missing_input', path: 'inputs.data' },
    ],
  });
});

test('names of members of objects are not taken for inputs', () => {
  expect(resolveInputs({ inputs: {} }, {})).toEqual({ ok: true, values: {}, files: [] });
  expect(resolveInputs({ inputs: {} }, { toString: { text: '1' } })).toMatchObject({ ok: false });
});

const bytes = (...parts: readonly (string | number)[]): Uint8Array =>
  Uint8Array.from(
    parts.flatMap((part) => (typeof part === 'number' ? [part] : [...Buffer.from(part)])),
  );

test('UTF-8 is read, with and without a mark', () => {
  const text = 'id: 数据 é 😀\n'.repeat(2_000);
  expect(decodeSource(bytes(text))).toEqual({ ok: true, text });
  expect(decodeSource(bytes(0xef, 0xbb, 0xbf, 'id: p'))).toEqual({ ok: true, text: 'id: p' });
});

test.each([
  ['UTF-16LE', Uint8Array.from(Buffer.from('\ufeffid: p', 'utf16le'))],
  ['UTF-16LE', Uint8Array.from(Buffer.from('id: pipeline', 'utf16le'))],
  ['UTF-16BE', Uint8Array.from(Buffer.from('id: pipeline', 'utf16le').swap16())],
  ['Latin-1', bytes('name: caf', 0xe9, ' au lait')],
  ['Windows-1252', bytes('name: ', 0x93, 'quoted', 0x94)],
  ['GB18030', bytes('name: ', 0xca, 0xfd, 0xbe, 0xdd, 0xb2, 0xfa, 0xcf, 0xdf)],
])('%s is named', (name, source) => {
  const result = decodeSource(source);
  expect(result).toMatchObject({ ok: false, problems: [{ code: 'not_utf8' }] });
  expect(result.ok ? '' : result.problems[0]?.message).toContain(name);
});

test('overlong forms, halves of pairs and cut sequences are no UTF-8', () => {
  for (const bad of [
    [0xc0, 0x80],
    [0xed, 0xa0, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
    [0xe6, 0x95],
    [0x80],
  ]) {
    expect(decodeSource(bytes('a: ', ...bad)).ok).toBe(false);
  }
});

test('of very many inputs that are not declared some are told', () => {
  const given = Array.from({ length: 5_000 }, (_, i) => [`rowz${i}`, { json: 1 }] as const);
  const resolved = resolveInputs({ inputs: {} }, Object.fromEntries(given));
  expect(resolved.ok ? [] : resolved.problems).toHaveLength(limits.problems);
});
