// Why a node is where it is: the answer first, then its conditions as trees with values and verdicts.
import type { Explanation, NodeExplanation } from '#schemas/report.ts';
import { mark, statusWord } from './marks.ts';
import type { Palette } from './palette.ts';
import { shorten } from './words.ts';

const VERDICTS: Readonly<
  Record<Explanation['truth'], readonly [string, string, 'green' | 'red' | 'yellow']>
> = {
  true: ['✓', 'true', 'green'],
  never: ['✗', 'never', 'red'],
  not_yet: ['…', 'not yet', 'yellow'],
  error: ['!', 'error', 'red'],
};

export function renderExplanation(told: NodeExplanation, paint: Palette): string {
  const head = `${mark(told.status, paint)} ${paint.bold(told.node)} ${statusWord(told.status, paint)}: ${told.answer}`;
  const conditions = [
    ['starts when', told.start],
    ['stops when', told.stop],
    ['is skipped when', told.skip],
  ] as const;
  const trees = conditions.flatMap(([title, tree]) =>
    tree === undefined ? [] : [paint.dim(title), ...branch(tree, 1, told.deciding, paint)],
  );
  return [head, ...trees, ...attempts(told, paint)].join('\n');
}

function branch(
  tree: Explanation,
  depth: number,
  deciding: string | undefined,
  paint: Palette,
): readonly string[] {
  const [sign, word, colour] = VERDICTS[tree.truth];
  const text = shorten(
    tree.kind === 'and' || tree.kind === 'or' ? NAMES[tree.kind] : tree.text,
    100,
  );
  const shown = deciding !== undefined && tree.text === deciding ? paint.bold(text) : text;
  const why = tree.because === undefined || isJoined(tree) ? '' : `  ${paint.dim(tree.because)}`;
  const line = `${'  '.repeat(depth)}${paint[colour](sign)} ${shown}  ${paint[colour](word)}${why}`;
  const values = Object.entries(tree.values ?? {}).map(
    ([name, value]) =>
      `${'  '.repeat(depth + 1)}${paint.dim(`${name} = ${shorten(JSON.stringify(value), 80)}`)}`,
  );
  const parts = (tree.parts ?? []).flatMap((part) => branch(part, depth + 1, deciding, paint));
  return [line, ...values, ...parts];
}

const NAMES = { and: 'all of', or: 'any of' } as const;

/** Its parts say why. */
function isJoined({ kind, parts }: Explanation): boolean {
  return (kind === 'and' || kind === 'or' || kind === 'not') && parts !== undefined;
}

function attempts(told: NodeExplanation, paint: Palette): readonly string[] {
  return told.attempts.map(({ attempt, status, report }) => {
    const result = report?.result;
    if (result === undefined) return paint.dim(`attempt ${attempt}: ${status}`);
    const why = 'message' in result && result.message !== undefined ? `: ${result.message}` : '';
    return paint.dim(`attempt ${attempt}: ${result.result.replace('_', ' ')}${why}`);
  });
}
