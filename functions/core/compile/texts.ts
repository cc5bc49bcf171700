// Texts of the expression language inside a file: parsing them, and saying where in the file a character of them stands.

import { parseCondition, parseTemplate } from '#core/expression/parse.ts';
import type { ExpressionProblem } from '#core/expression/problem.ts';
import { message } from '#core/messages.ts';
import type { Binding, ConditionText, ConditionUse, ScalarPlace } from './draft.ts';
import { type Findings, subjectOf } from './findings.ts';
import type { Place, ScalarTree, Tree } from './tree.ts';

/** How a binding may be used; see Binding. */
export interface BindingRule {
  readonly secrets: boolean;
  readonly own: boolean;
  readonly element: boolean;
}

export function isScalarPlace(place: Place): place is ScalarPlace {
  return place.tree.kind === 'scalar';
}

/** A condition, or undefined when it does not parse, which is said. */
export function conditionText(
  findings: Findings,
  place: Place,
  use: ConditionUse,
): ConditionText | undefined {
  if (!isScalarPlace(place) || typeof place.tree.value !== 'string') return undefined;
  if (cutByComment(findings, place)) return undefined;
  const parsed = parseCondition(place.tree.value);
  if (parsed.ok) return { use, place, condition: parsed.value };
  reportProblem(findings, place, parsed.problem);
  return undefined;
}

/** Every text below a place that holds `{{`, parsed. Those that do not parse are said and left out. */
export function bindingsIn(
  findings: Findings,
  place: Place,
  rule: BindingRule,
): readonly Binding[] {
  const found: Binding[] = [];
  gather(findings, place, rule, found);
  return found;
}

/** The depth of what is walked through is bounded by limits.yamlDepth. */
function gather(findings: Findings, place: Place, rule: BindingRule, found: Binding[]): void {
  const { tree } = place;
  if (tree.kind === 'scalar') {
    const binding = bindingText(findings, place, rule);
    if (binding !== undefined) found.push(binding);
  } else if (tree.kind === 'list') {
    for (const [key, item] of tree.items.entries()) {
      if (item.kind !== 'scalar' || hasBraces(item)) {
        gather(findings, { tree: item, up: place, key }, rule, found);
      }
    }
  } else {
    for (const [key, { value }] of tree.entries) {
      if (value.kind !== 'scalar' || hasBraces(value)) {
        gather(findings, { tree: value, up: place, key }, rule, found);
      }
    }
  }
}

export function bindingText(
  findings: Findings,
  place: Place,
  rule: BindingRule,
): Binding | undefined {
  if (!isScalarPlace(place) || !hasBraces(place.tree)) return undefined;
  if (cutByComment(findings, place)) return undefined;
  const parsed = parseTemplate(`${place.tree.value}`);
  if (parsed.ok) return { place, template: parsed.value, ...rule };
  reportProblem(findings, place, parsed.problem);
  return undefined;
}

export function hasBraces(tree: Tree): boolean {
  return tree.kind === 'scalar' && typeof tree.value === 'string' && tree.value.includes('{{');
}

/** `{{ a.b == ' #1' }}` unquoted: YAML takes ` #` for a comment and cuts the text off there. */
function cutByComment(findings: Findings, place: ScalarPlace): boolean {
  const { tree } = place;
  const value = `${tree.value}`;
  if (tree.raw !== undefined || tree.style !== 'plain') return false;
  if (value.lastIndexOf('{{') <= value.lastIndexOf('}}')) return false;
  const rest = /^\s+#[^\n]*\}\}/.exec(findings.source.slice(tree.end, tree.end + 1_000));
  if (rest === null) return false;
  const whole = findings.source.slice(tree.at, tree.end) + rest[0];
  findings.error(
    message('yaml_unquoted_question', 'comment', { subject: subjectOf(place) }),
    place,
    { at: tree.end, suggestion: `"${whole.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"` },
  );
  return true;
}

function reportProblem(findings: Findings, place: ScalarPlace, problem: ExpressionProblem): void {
  findings.error(problem.about(subjectOf(place)), place, {
    at: sourceOffset(findings.source, place.tree, problem.at),
    suggestion: problem.suggestion,
  });
}

/** Where in the source the character `index` of a scalar's value stands; its beginning where that cannot be told. */
export function sourceOffset(source: string, tree: ScalarTree, index: number): number {
  if (tree.raw !== undefined) return tree.at;
  const raw = source.slice(tree.at, tree.end);
  const value = `${tree.value}`;
  if (tree.style === 'plain' && !raw.includes('\n')) return tree.at + Math.min(index, raw.length);
  if (tree.style === 'block') return tree.at + inBlock(raw, value, index);
  if (raw.includes('\n')) return tree.at + inWords(raw, value, index);
  return tree.at + inQuotes(raw, tree.style, index);
}

/** Length of an escape in double quotes, from its backslash. */
const ESCAPE_LENGTHS: Readonly<Record<string, number>> = { x: 4, u: 6, U: 10 };

function inQuotes(raw: string, style: ScalarTree['style'], index: number): number {
  let at = 1;
  for (let done = 0; done < index && at < raw.length - 1; done += 1) {
    if (style === 'single') at += raw.startsWith("''", at) ? 2 : 1;
    else at += raw[at] === '\\' ? (ESCAPE_LENGTHS[raw[at + 1] ?? ''] ?? 2) : 1;
  }
  return at;
}

/** In a block scalar the lines stand as they are, indented; line n of the value is line n of the block, where it is not folded. */
function inBlock(raw: string, value: string, index: number): number {
  const header = raw.indexOf('\n') + 1;
  return header + inWords(raw.slice(header), value, index);
}

/** Follows the characters that are not blank: folding and indenting change only blanks. */
function inWords(raw: string, value: string, index: number): number {
  let at = 0;
  for (let done = 0; done < Math.min(index, value.length); done += 1) {
    const letter = value[done] ?? '';
    if (/\s/.test(letter)) continue;
    const found = raw.indexOf(letter, at);
    if (found < 0) return at;
    at = found + 1;
  }
  const next = value[index];
  const found = next === undefined || /\s/.test(next) ? -1 : raw.indexOf(next, at);
  return found < 0 ? at : found;
}
