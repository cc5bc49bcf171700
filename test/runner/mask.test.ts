import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Mask } from '#runner/mask.ts';

test('a secret is found however a stream cuts it', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (cuts) => {
      const text = 'before hunter2hunter2 between hunter2 after'.repeat(2);
      const stream = new Mask(['hunter2hunter2', 'hunter2']).stream();
      let out = '';
      let from = 0;
      for (let turn = 0; from < text.length; turn += 1) {
        const size = cuts[turn % cuts.length] ?? 1;
        out += stream.push(text.slice(from, from + size));
        from += size;
      }
      out += stream.end();
      expect(out).not.toContain('hunter2');
      expect(out.startsWith('before ***')).toBe(true);
      expect(out.endsWith(' after')).toBe(true);
    }),
  );
});

test.each(['', 'a', 'ab', 'abc'])(
  'a secret inside a longer text in base64 is found, after %j',
  (before) => {
    const encoded = Buffer.from(`${before}:correct-horse-battery:x`).toString('base64');
    const masked = new Mask(['correct-horse-battery']).text(encoded);
    expect(masked).toContain('***');
    expect(masked.length).toBeLessThan(encoded.length - 15);
  },
);

test('what may begin a secret is held back, what cannot is not', () => {
  const stream = new Mask(['secret']).stream();
  expect(stream.push('tell se')).toBe('tell ');
  expect(stream.push('at')).toBe('seat');
});

test('a secret in a URL is found as it is escaped there', () => {
  expect(new Mask(['p@ss/word']).text('https://x:p%40ss%2Fword@y')).toBe('https://x:***@y');
});

const SECRETS = [
  'hunter2hunter2',
  'hunter2',
  'k7Q',
  'a.b*c+d?(e)[f]{g}^$|\\h',
  `s3cr&t/"quoted" 'single' +plus=~é €`,
  'line one of it\nline two of it\r\nthird-line',
  'x'.repeat(30) + 'long-secret-that-base64-breaks'.repeat(6),
];
const ENCODINGS: readonly ((text: string) => string)[] = [
  (text) => text,
  encodeURIComponent,
  (text) => encodeURIComponent(text).replace(/%../g, (sign) => sign.toLowerCase()),
  encodeURI,
  (text) => new URLSearchParams({ v: text }).toString().slice(2),
  (text) => JSON.stringify(text).slice(1, -1),
  (text) => Buffer.from(text).toString('hex'),
  (text) => Buffer.from(text).toString('hex').toUpperCase(),
  (text) => Buffer.from(text).toString('base64'),
  (text) => Buffer.from(text).toString('base64url'),
  (text) => text.replaceAll("'", `'\\''`),
];

test('a secret is found in every spelling, and cut anywhere it reads as it does whole', () => {
  const mask = new Mask(SECRETS);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(...SECRETS), fc.nat(ENCODINGS.length - 1)), {
        minLength: 1,
        maxLength: 6,
      }),
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }),
      (said, cuts) => {
        const spelled = said.map(([secret, how]) => (ENCODINGS[how] ?? String)(secret));
        const text = spelled.map((one) => ` <${one}> `).join('between');
        const whole = mask.text(text);
        for (const one of spelled) expect(whole).not.toContain(one);
        const stream = mask.stream();
        let out = '';
        for (let from = 0, turn = 0; from < text.length; turn += 1) {
          const size = cuts[turn % cuts.length] ?? 1;
          out += stream.push(text.slice(from, from + size));
          from += size;
        }
        expect(out + stream.end()).toBe(whole);
      },
    ),
  );
});

test.each([60, 64, 76])(
  'base64 and hex that are broken after %i signs hide nothing, whatever stands before',
  (width) => {
    const secret = createHash('sha512').update('a long secret').digest('base64').repeat(3);
    const mask = new Mask([secret]);
    for (let before = 0; before < 8; before += 1) {
      for (const encoding of ['base64', 'hex'] as const) {
        const encoded = Buffer.from(`${'<'.repeat(before)}${secret}>>`).toString(encoding);
        const lines = encoded.match(new RegExp(`.{1,${width}}`, 'g')) ?? [];
        const stream = mask.stream();
        const out = lines.map((line) => stream.push(`${line}\n`)).join('') + stream.end();
        const left = out.split('\n').join('').replaceAll('***', '');
        // What stood round it, and a last line that is too short to be told from chance.
        expect(left.length).toBeLessThan(40);
      }
    }
  },
);

test('of two secrets of which one begins the other the longer one is hidden whole, though it comes in pieces', () => {
  const stream = new Mask(['pass', 'password123']).stream();
  expect(stream.push('<pass') + stream.push('word1') + stream.push('23>') + stream.end()).toBe(
    '<***>',
  );
});

test('what was made from a secret is hidden once it is known', () => {
  const mask = new Mask(['user:wonderland']);
  mask.learn('wonderland');
  mask.learn('Bearer user:wonderland');
  expect(mask.text('Bearer user:wonderland, wonderland')).toBe('Bearer ***, ***');
});

test('a number that is a secret is hidden too', () => {
  expect(new Mask(['48151623']).json({ pin: 48_151_623, year: 2013 })).toEqual({
    pin: '***',
    year: 2013,
  });
});

test('a long log costs little to look through', () => {
  const mask = new Mask([...SECRETS, 'z'.repeat(60_000)]);
  const stream = mask.stream();
  const chunk = 'a line of a log that tells /some/path/or/other and nothing else 12345\n'.repeat(
    900,
  );
  const began = process.cpuUsage();
  for (let turn = 0; turn < 50; turn += 1) stream.push(chunk);
  expect(process.cpuUsage(began).user / 1_000).toBeLessThan(5_000);
});
