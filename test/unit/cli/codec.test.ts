import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decode, encode } from '#cli/codec.ts';
import { aCommand } from '#support/fake-host.ts';

test('any text comes back as it was', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      // Half of a surrogate pair is no character: it has no UTF-8.
      fc.pre(text.isWellFormed());
      expect(decode(encode(text))).toBe(text);
    }),
  );
});

test('what was not encoded is refused, never misread', () => {
  fc.assert(
    fc.property(fc.string(), (word) => {
      let read: string | undefined;
      try {
        read = decode(`base64://${word}`);
      } catch (error) {
        expect(error).toMatchObject({ family: 'rejected' });
        return;
      }
      expect(encode(read)).toBe(`base64://${word}`);
    }),
  );
});

test.each([
  ['YSBi', 'does not begin with base64://'],
  ['base64://YS', 'its length, 2, is no multiple of 4'],
  ['base64://Y*Bi', 'character 2 behind the mark is "*"'],
  ['base64://YQ==YQ==', 'a "=" stands where none may'],
  ['base64://A0+=', 'its last letter, "+", holds more than the last byte'],
  ['base64:///w==', 'no UTF-8 text'],
])('decode %s says what is wrong', async (word, message) => {
  expect(await aCommand().run('decode', word)).toMatchObject({
    code: 2,
    err: expect.stringContaining(message),
  });
});

test('both read standard input when no text is given', async () => {
  const encoded = await aCommand(undefined, { stdin: 'a\nü' }).run('encode');
  expect(encoded.out).toBe('base64://YQrDvA==\n');
  const decoded = await aCommand(undefined, { stdin: encoded.out }).run('decode');
  expect(decoded.out).toBe('a\nü');
});
