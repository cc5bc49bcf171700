// Operators and environments of steps, in the native dialect, and the table of those a plan uses.
import { message } from '#core/messages.ts';
import {
  ENVIRONMENTS_TO_COME,
  nodesEnvironment,
  nodesOperator,
  nodesUv,
} from '#schemas/dialect-nodes.ts';
import type { Environment, OperatorSource } from '#schemas/plan.ts';
import { canonical } from './canonical.ts';
import type { PlanOperator } from './draft.ts';
import { type Findings, subjectOf } from './findings.ts';
import { idFrom } from './ids.ts';
import { list, type MapPlace, mapping, text } from './read.ts';
import { safeArgument, safeInside, safePath, safeRepository, safeTag } from './safe.ts';
import { member, type Place } from './tree.ts';

const OPERATOR_KEYS = Object.keys(nodesOperator.shape);
const ENVIRONMENT_KEYS = [...Object.keys(nodesEnvironment.shape), ...ENVIRONMENTS_TO_COME];
const UV_KEYS = Object.keys(nodesUv.shape);

/** Operators of a plan, each once; how many steps use it does not matter. */
export class OperatorTable {
  readonly list: PlanOperator[] = [];
  readonly #index = new Map<string, number>();
  readonly #names = new Set<string>();

  /** The index of this operator; one that is there already has the same source and environment. */
  add(operator: Omit<PlanOperator, 'name'>, spelling?: string): number {
    const { name: _, ...environment } = { name: undefined, ...operator.environment };
    const key = canonical([operator.source, environment]);
    const known = this.#index.get(key);
    if (known !== undefined) return known;
    const index = this.list.length;
    this.#index.set(key, index);
    this.list.push({ ...operator, name: this.#fresh(spelling ?? nameOf(operator.source)) });
    return index;
  }

  #fresh(base: string): string {
    let name = base;
    for (let count = 2; this.#names.has(name); count += 1) name = `${base}_${count}`;
    this.#names.add(name);
    return name;
  }
}

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
    (git === undefined || url === undefined || safeRepository(findings, git, url)) &&
    (tag === undefined || name === undefined || safeTag(findings, tag, name));
  return fits && url !== undefined && name !== undefined ? { git: url, tag: name } : undefined;
}

const HOST: Environment = { kind: 'host' };

/** `environment: { uv: pyproject.toml }`, `{ uv: { project, extraArgs, name } }` or `host`. */
export function environment(findings: Findings, place: Place | undefined): Environment | undefined {
  if (place === undefined) return HOST;
  if (place.tree.kind === 'scalar') return environmentWord(findings, place);
  const map = mapping(findings, place, ENVIRONMENT_KEYS);
  if (map === undefined) return undefined;
  const kinds = [...map.tree.entries.keys()].filter((key) => ENVIRONMENT_KEYS.includes(key));
  if (kinds.length > 1) {
    const filling = { subject: subjectOf(map), count: kinds.length, kinds: kinds.join(', ') };
    findings.error(message('wrong_value', 'environments', filling), map);
    return undefined;
  }
  const [kind] = kinds;
  if (kind === undefined) return undefined;
  if (isToCome(kind)) return lacking(findings, map, kind);
  return kind === 'uv' ? uv(findings, member(map, 'uv')) : HOST;
}

function environmentWord(findings: Findings, place: Place): Environment | undefined {
  const value = text(findings, place);
  if (value === undefined) return undefined;
  if (value === 'host') return HOST;
  if (value === 'uv') return { kind: 'uv', project: 'pyproject.toml' };
  if (isToCome(value)) return lacking(findings, place, value);
  const filling = { subject: subjectOf(place), came: value };
  findings.error(message('wrong_value', 'environment', filling), place);
  return undefined;
}

function isToCome(kind: string): boolean {
  return ENVIRONMENTS_TO_COME.some((candidate) => candidate === kind);
}

function lacking(findings: Findings, place: Place, kind: string): undefined {
  const filling = { subject: subjectOf(place), kind, known: 'uv and host' };
  findings.error(message('environment_missing', 'kind', filling), place, {
    key: place.tree.kind === 'map' ? kind : undefined,
  });
}

function uv(findings: Findings, place: Place | undefined): Environment | undefined {
  if (place?.tree.kind !== 'map') {
    const project = text(findings, place);
    if (project === undefined || place === undefined) return undefined;
    return safeInside(findings, place, project) ? { kind: 'uv', project } : undefined;
  }
  const map = mapping(findings, place, UV_KEYS);
  if (map === undefined) return undefined;
  const file = member(map, 'project');
  const project = file === undefined ? 'pyproject.toml' : text(findings, file);
  const extraArgs = texts(findings, member(map, 'extraArgs'));
  const name = text(findings, member(map, 'name'));
  if (project === undefined || (file !== undefined && !safeInside(findings, file, project)))
    return undefined;
  return {
    kind: 'uv',
    project,
    ...(extraArgs === undefined || extraArgs.length === 0 ? {} : { extraArgs }),
    ...(name === undefined ? {} : { name }),
  };
}

/** A list of texts that a tool gets as arguments. */
export function texts(findings: Findings, place: Place | undefined): string[] | undefined {
  return list(findings, place)?.flatMap((item) => {
    const value = text(findings, item);
    return value !== undefined && safeArgument(findings, item, value) ? [value] : [];
  });
}

/** uv builds from the operator's own project file, so it needs an operator. */
export function needsOperator(
  findings: Findings,
  place: Place,
  found: Environment,
  operator: Place | undefined,
): void {
  if (found.kind === 'host' || operator !== undefined) return;
  findings.error(message('missing_key', 'operator', { subject: subjectOf(place) }), place, {
    expected: 'operator: { git, tag } or { path }',
  });
}
