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

test('one final line end of standard input is not meant, any other is', async () => {
  const encoded = async (stdin: string) => (await aCommand(undefined, { stdin }).run('encode')).out;

  expect(await encoded('a\n')).toBe(await encoded('a'));
  expect(await encoded('a\r\n')).toBe(await encoded('a'));
  expect(await encoded('a\n\n')).not.toBe(await encoded('a'));
  expect(await encoded(' a ')).toBe('base64://IGEg\n');
  expect(await encoded('')).toBe('base64://\n');
});

test('only the mark is cut off: letters of it that follow belong to the text', async () => {
  for (const text of ['', 'base64://', 'base64://YSBi', 'b64', '/s/e', 'a6b4s'])
    expect((await aCommand().run('decode', encode(text))).out).toBe(text);
});

test('both read standard input when no text is given', async () => {
  const encoded = await aCommand(undefined, { stdin: 'a\nü' }).run('encode');
  expect(encoded.out).toBe('base64://YQrDvA==\n');
  const decoded = await aCommand(undefined, { stdin: encoded.out }).run('decode');
  expect(decoded.out).toBe('a\nü');
});
