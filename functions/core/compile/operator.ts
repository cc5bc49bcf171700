// Operators of steps, in the native dialect, and the table of those a plan uses.
import { message } from '#core/messages.ts';
import { nodesOperator } from '#schemas/dialect-nodes.ts';
import type { OperatorSource } from '#schemas/plan.ts';
import { canonical } from './canonical.ts';
import type { PlanOperator } from './draft.ts';
import { type Findings, subjectOf } from './findings.ts';
import { idFrom } from './ids.ts';
import { list, type MapPlace, mapping, text } from './read.ts';
import { plainAddress, safeArgument, safePath, safeRepository, safeTag } from './safe.ts';
import { member, type Place } from './tree.ts';

const OPERATOR_KEYS = Object.keys(nodesOperator.shape);

/** Operators of a plan, each once; how many steps use it does not matter. */
export class OperatorTable {
  readonly list: PlanOperator[] = [];
  readonly #index = new Map<string, number>();
  readonly #names = new Set<string>();

  /** The index of this operator; one that is there already has the same source and environment. */
  add(operator: Omit<PlanOperator, 'name' | 'label'>, spelling?: string): number {
    const { name: _, ...environment } = { name: undefined, ...operator.environment };
    const key = canonical([operator.source, environment]);
    const known = this.#index.get(key);
    if (known !== undefined) return known;
    const index = this.list.length;
    this.#index.set(key, index);
    const name = this.#fresh(spelling === undefined ? nameOf(operator.source) : idFrom(spelling));
    const label = spelling === undefined || spelling === name ? {} : { label: spelling };
    this.list.push({ ...operator, name, ...label });
    return index;
  }

  #fresh(base: string): string {
    let name = base;
    for (let count = 2; this.#names.has(name); count += 1) name = `${base}_${count}`;
    this.#names.add(name);
    return name;
  }
}

/** Names by which it may be called, as the user spells it first. */
export const spellingsOf = ({
  name,
  label,
}: Pick<PlanOperator, 'name' | 'label'>): readonly string[] =>
  label === undefined ? [name] : [label, name];

/** `clean` of `https://example.com/team/clean.git` and of `../clean/`. */
function nameOf(source: OperatorSource): string {
  const address = 'path' in source ? source.path : source.git;
  const last =
    address
      .replace(/[/\\]+$/, '')
      .split(/[/\\:]/)
      .at(-1) ?? '';
  const name = idFrom(last.replace(/\.git$/, ''));
  return /^_*$/.test(name) ? 'operator' : name;
}

/** `operator: { git, tag }` or `{ path }`. */
export function operatorSource(
  findings: Findings,
  place: Place | undefined,
): OperatorSource | undefined {
  const map = mapping(findings, place, OPERATOR_KEYS);
  if (map === undefined) return undefined;
  const path = member(map, 'path');
  const git = member(map, 'git');
  const tag = member(map, 'tag');
  if (path === undefined) return gitSource(findings, map, git, tag);
  if (git !== undefined || tag !== undefined) {
    findings.error(message('wrong_value', 'path_and_git', { subject: subjectOf(map) }), map);
  }
  const value = text(findings, path);
  return value !== undefined && safePath(findings, path, value) ? { path: value } : undefined;
}

function gitSource(
  findings: Findings,
  map: MapPlace,
  git: Place | undefined,
  tag: Place | undefined,
): OperatorSource | undefined {
  for (const [key, found] of [
    ['git', git],
    ['tag', tag],
  ] as const) {
    if (found !== undefined) continue;
    const wanted = '{ git, tag } or { path }';
    findings.error(message('missing_key', 'key', { subject: subjectOf(map), key, wanted }), map, {
      key,
    });
  }
  const url = text(findings, git);
  const name = text(findings, tag);
  const fits =
    (git === undefined ||
      url === undefined ||
      safeRepository(findings, git, plainAddress(git, url))) &&
    (tag === undefined || name === undefined || safeTag(findings, tag, name));
  return fits && url !== undefined && name !== undefined ? { git: url, tag: name } : undefined;
}

/** A list of texts that a tool gets as arguments. */
export function texts(findings: Findings, place: Place | undefined): string[] | undefined {
  return list(findings, place)?.flatMap((item) => {
    const value = text(findings, item);
    return value !== undefined && safeArgument(findings, item, value) ? [value] : [];
  });
}
