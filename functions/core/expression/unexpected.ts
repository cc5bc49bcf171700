// Says what is meant where something stands that the language does not have: the slips of people who write other languages.
import { fail, type Source } from './problem.ts';

interface Slip {
  /** Matches from where reading stopped. */
  readonly here: RegExp;
  /** Matches the text before it; what it matches is replaced as well. */
  readonly before?: RegExp;
  readonly by: string;
  readonly message: string;
}

const SLIPS: readonly Slip[] = [
  { here: /^=/, before: /==$/, by: '==', message: 'equality is written ==, not ===' },
  { here: /^=/, before: /!=$/, by: '!=', message: 'inequality is written !=, not !==' },
  { here: /^=</, by: '<=', message: 'at most is written <=' },
  { here: /^=>/, by: '>=', message: 'at least is written >=' },
  { here: /^=(?!=)/, by: '==', message: 'a single = assigns elsewhere; equality is written ==' },
  { here: /^>/, before: /<\s*$/, by: '!=', message: 'inequality is written !=' },
  { here: /^and\b/i, by: '&&', message: '"and" is written &&' },
  { here: /^or\b/i, by: '||', message: '"or" is written ||' },
  { here: /^not\s+in\b/i, by: '', message: '"not in" is written !contains(list, value)' },
  { here: /^in\b/i, by: '', message: '"in" is written contains(list, value)' },
  { here: /^not\b\s*/i, by: '!', message: '"not" is written !' },
  { here: /^is\s+not\b/i, by: '!=', message: '"is not" is written !=' },
  { here: /^is\b/i, by: '==', message: '"is" is written ==' },
  { here: /^&(?!&)/, by: '&&', message: '"and" is written &&' },
  {
    here: /^\|\s*([\p{L}_]+)/u,
    by: '',
    message: 'there are no filters; a function is written before its value: lower(x)',
  },
  { here: /^\|(?!\|)/, by: '||', message: '"or" is written ||' },
  { here: /^[*]/, before: /\*\s*$/, by: '', message: 'there is no power operator **' },
  { here: /^\?\./, by: '.', message: 'there is no ?. here; a missing member falls back with ??' },
  { here: /^[“”„«»]/, by: '"', message: 'a text stands in plain quotes, " or \'' },
  { here: /^[‘’‚]/, by: "'", message: 'a text stands in plain quotes, \' or "' },
  { here: /^`/, by: "'", message: 'a text stands in plain quotes, \' or "' },
  {
    here: /^\$\{/,
    by: '',
    message: 'a value is named plainly, without $ and braces: pipeline.input.x',
  },
  { here: /^\$/, by: '', message: 'a value is named without $' },
  { here: /^\{/, by: '', message: 'objects cannot be written here; hand one over as an input' },
  { here: /^;/, by: '', message: 'one expression only, without ;' },
];

/** Ends the reading at `at`, where `wanted` should have stood. */
export function unexpected(source: Source, at: number, wanted: string): never {
  const rest = source.text.slice(at);
  const before = source.text.slice(0, at);
  for (const slip of SLIPS) {
    const found = slip.here.exec(rest);
    const earlier = slip.before === undefined ? undefined : slip.before.exec(before);
    if (found === null || earlier === null) {
      continue;
    }
    const from = at - (earlier?.[0].length ?? 0);
    return fail(source, {
      at: from,
      message: slip.message,
      ...(slip.by === '' ? {} : { fix: { to: at + found[0].length, by: slip.by } }),
    });
  }
  const seen = rest.trimStart();
  if (seen === '') {
    return fail(source, {
      at: source.text.length,
      message: `ends too early: ${wanted} is missing`,
    });
  }
  const token = /^[\p{L}\p{M}\p{Nd}_]+|^./su.exec(seen)?.[0] ?? '';
  return fail(source, { at, message: `"${token}" where ${wanted} was wanted` });
}
