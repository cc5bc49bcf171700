// Why a node is where it is: the answer first, then its conditions as trees with values and verdicts.
import type { Explanation, NodeExplanation } from '#schemas/report.ts';
import { mark, statusWord } from './marks.ts';
import type { Palette } from './palette.ts';
import { plain, shorten } from './words.ts';

const VERDICTS: Readonly<
  Record<Explanation['truth'], readonly [string, string, 'green' | 'red' | 'yellow']>
> = {
  true: ['✓', 'true', 'green'],
  never: ['✗', 'never', 'red'],
  not_yet: ['…', 'not yet', 'yellow'],
  error: ['!', 'error', 'red'],
};

export function renderExplanation(told: NodeExplanation, paint: Palette): string {
  const head = `${mark(told.status, paint)} ${paint.bold(told.node)} ${statusWord(told.status, paint)}: ${plain(told.answer)}`;
  const conditions = [
    ['starts when', told.start],
    ['stops when', told.stop],
    ['is skipped when', told.skip],
  ] as const;
  const trees = conditions.flatMap(([title, tree]) =>
    tree === undefined ? [] : [paint.dim(title), ...branch(tree, 1, told.deciding, paint)],
  );
  const cache = told.cache === undefined ? [] : [`${paint.dim('cache')} ${plain(told.cache)}`];
  return [head, ...trees, ...cache, ...attempts(told, paint)].join('\n');
}

function branch(
  tree: Explanation,
  depth: number,
  deciding: string | undefined,
  paint: Palette,
): readonly string[] {
  const [sign, word, colour] = VERDICTS[tree.truth];
  const text = shorten(NAMES[tree.kind] ?? tree.text, 100);
  const shown = deciding !== undefined && tree.text === deciding ? paint.bold(text) : text;
  const why = whyOf(tree);
  const because = why === '' ? '' : `  ${paint.dim(shorten(why, 120))}`;
  const line = `${'  '.repeat(depth)}${paint[colour](sign)} ${shown}  ${paint[colour](word)}${because}`;
  const values = Object.entries(tree.values ?? {}).map(
    ([name, value]) =>
      `${'  '.repeat(depth + 1)}${paint.dim(`${name} = ${shorten(JSON.stringify(value), 80)}`)}`,
  );
  const parts = (tree.parts ?? []).flatMap((part) => branch(part, depth + 1, deciding, paint));
  return [line, ...values, ...parts];
}

const NAMES: Readonly<Partial<Record<Explanation['kind'], string>>> = {
  and: 'all of',
  or: 'any of',
  needs: 'all of',
};

/** Of what is made of parts they say why; what the reason repeats of the text is left out. */
function whyOf({ text, parts, because = '' }: Explanation): string {
  if (parts !== undefined && parts.length > 0) return '';
  return because.startsWith(`${text}: `) ? because.slice(text.length + 2) : because;
}

/** Of a node with many instances the last ones would hide its answer. */
const MOST_ATTEMPTS = 20;

function attempts(told: NodeExplanation, paint: Palette): readonly string[] {
  const lines = told.attempts
    .slice(0, MOST_ATTEMPTS)
    .map(({ address, attempt, status, report }) => {
      const name = address === told.node ? `attempt ${attempt}` : `${address} attempt ${attempt}`;
      const result = report?.result;
      if (result === undefined) return paint.dim(`${name}: ${status}`);
      const why =
        'message' in result && result.message !== undefined ? `: ${plain(result.message)}` : '';
      return paint.dim(`${name}: ${result.result.replace('_', ' ')}${why}`);
    });
  const more = told.attempts.length - lines.length;
  return more > 0 ? [...lines, paint.dim(`… and ${more} attempts more`)] : lines;
}
