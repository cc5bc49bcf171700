// Says what is meant where something stands that the language does not have: the slips of people who write other languages.
import { message } from '#core/messages.ts';
import type { Names, SentenceOf, Variant } from '#schemas/problem-messages.ts';
import { fail, type Source } from './problem.ts';

/** Sentences in which nothing is filled in. */
type Says = {
  [V in Variant<'expression_syntax'>]: [Names<SentenceOf<'expression_syntax', V>>] extends [never]
    ? V
    : never;
}[Variant<'expression_syntax'>];

interface Slip {
  /** Matches from where reading stopped. */
  readonly here: RegExp;
  /** Matches the text before it; what it matches is replaced as well. */
  readonly before?: RegExp;
  readonly by: string;
  readonly says: Says;
}

const SLIPS: readonly Slip[] = [
  { here: /^=/, before: /==$/, by: '==', says: 'equal' },
  { here: /^=/, before: /!=$/, by: '!=', says: 'unequal' },
  { here: /^=</, by: '<=', says: 'at_most' },
  { here: /^=>/, by: '>=', says: 'at_least' },
  { here: /^=(?!=)/, by: '==', says: 'assign' },
  { here: /^>/, before: /<\s*$/, by: '!=', says: 'diamond' },
  { here: /^and\b/i, by: '&&', says: 'and' },
  { here: /^or\b/i, by: '||', says: 'or' },
  { here: /^not\s+in\b/i, by: '', says: 'not_in' },
  { here: /^in\b/i, by: '', says: 'in' },
  { here: /^not\b\s*/i, by: '!', says: 'not' },
  { here: /^is\s+not\b/i, by: '!=', says: 'is_not' },
  { here: /^is\b/i, by: '==', says: 'is' },
  { here: /^&(?!&)/, by: '&&', says: 'and' },
  {
    here: /^\|\s*([\p{L}_]+)/u,
    by: '',
    says: 'filter',
  },
  { here: /^\|(?!\|)/, by: '||', says: 'or' },
  { here: /^[*]/, before: /\*\s*$/, by: '', says: 'power' },
  { here: /^\?\./, by: '.', says: 'question_dot' },
  { here: /^[“”„«»]/, by: '"', says: 'double_quotes' },
  { here: /^[‘’‚]/, by: "'", says: 'single_quotes' },
  { here: /^`/, by: "'", says: 'single_quotes' },
  {
    here: /^\$\{/,
    by: '',
    says: 'dollar_braces',
  },
  { here: /^\$/, by: '', says: 'dollar' },
  { here: /^\{/, by: '', says: 'object' },
  { here: /^;/, by: '', says: 'semicolon' },
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
      said: message('expression_syntax', slip.says),
      ...(slip.by === '' ? {} : { fix: { to: at + found[0].length, by: slip.by } }),
    });
  }
  const seen = rest.trimStart();
  if (seen === '') {
    const said = message('expression_syntax', 'early_end', { wanted });
    return fail(source, { at: source.text.length, said });
  }
  const token = /^[\p{L}\p{M}\p{Nd}_]+|^./su.exec(seen)?.[0] ?? '';
  return fail(source, {
    at,
    said: message('expression_syntax', 'other', { came: token, wanted }),
  });
}
