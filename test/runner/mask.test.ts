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
