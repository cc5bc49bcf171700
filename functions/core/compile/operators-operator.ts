// One operator of the dialect `operators`.
import { operatorsNeed, operatorsOperator } from '#schemas/dialect-operators.ts';
import { limits } from '#schemas/limits.ts';
import type { OperatorSource, PlanNode } from '#schemas/plan.ts';
import type { Binding } from './draft.ts';
import type { Findings } from './findings.ts';
import type { OperatorTable } from './operator.ts';
import { environmentOf, type Store } from './operators-environment.ts';
import { type OnFailure, onFailure, operatorRetry } from './operators-failure.ts';
import { variables } from './parts.ts';
import { list, type MapPlace, mapping, number, present, required, text } from './read.ts';
import { plainAddress, safeRepository, safeTag } from './safe.ts';
import { bindingsIn } from './texts.ts';
import type { Place } from './tree.ts';

const IN_GIB = { unit: 'GiB' } as const;
const KEYS = Object.keys(operatorsOperator.shape);
const NEED_KEYS = Object.keys(operatorsNeed.shape);

/** What an operator says that it needs: cores, GiB, graphics processors. */
export type Need = Partial<Record<'cpu' | 'memory' | 'gpu', number>>;

export interface OperatorRead {
  readonly place: MapPlace;
  /** Its id as the user spells it. */
  readonly spelling: string;
  readonly upstream: readonly { readonly name: string; readonly place: Place }[];
  readonly step: Omit<PlanNode, 'id'>;
  readonly bindings: readonly Binding[];
  readonly need: Need;
  readonly onFailure: OnFailure | undefined;
}

/** What all operators of a source share. */
export interface Line {
  readonly table: OperatorTable;
  readonly store: Store;
}

export function operator(
  findings: Findings,
  place: Place,
  { table, store }: Line,
): OperatorRead | undefined {
  const map = mapping(findings, place, KEYS, 'warn');
  if (map === undefined) return undefined;
  const spelling = text(findings, required(findings, map, 'operator_id', 'an id of the operator'));
  const command = text(findings, required(findings, map, 'start_command', 'a shell command'));
  const source = gitSource(findings, map);
  const name = spelling ?? 'operator';
  const environment = environmentOf(findings, map, { name, store });
  const env = variables(findings, present(map, 'extra_env_vars'));
  const timeout = seconds(findings, present(map, 'timeout'));
  const retry = operatorRetry(findings, present(map, 'retry'));
  const then = onFailure(findings, present(map, 'on_failure'));
  const needed = need(findings, present(map, 'resources'));
  const upstream = (list(findings, present(map, 'upstream_dependencies')) ?? []).flatMap((at) => {
    const other = text(findings, at);
    return other === undefined ? [] : [{ name: other, place: at }];
  });
  if (spelling === undefined) return undefined;
  if (source !== undefined && environment !== undefined) {
    table.add({ source, environment, place: map }, spelling);
  }
  const step: Omit<PlanNode, 'id'> = {
    group: 0,
    ...(env === undefined ? {} : { env }),
    ...(timeout === undefined ? {} : { timeout }),
    ...(retry === undefined ? {} : { retry }),
    executor: {
      kind: 'command',
      command: command ?? '',
      environment: environment ?? { kind: 'host' },
      ...(source === undefined ? {} : { operator: source }),
    },
  };
  const bindings = bindingsOf(findings, map);
  return { place: map, spelling, upstream, step, bindings, need: needed, onFailure: then };
}

function bindingsOf(findings: Findings, map: MapPlace): readonly Binding[] {
  return ['start_command', 'extra_env_vars'].flatMap((key) => {
    const place = present(map, key);
    if (place === undefined) return [];
    return bindingsIn(findings, place, { secrets: true, own: false, element: false });
  });
}

function gitSource(findings: Findings, map: MapPlace): OperatorSource | undefined {
  const repository = required(findings, map, 'git_repo', 'the address of a git repository');
  const tag = required(findings, map, 'git_tag', 'a tag');
  const url = text(findings, repository);
  const name = text(findings, tag);
  const fits =
    (repository === undefined ||
      url === undefined ||
      safeRepository(findings, repository, plainAddress(repository, url))) &&
    (tag === undefined || name === undefined || safeTag(findings, tag, name));
  return fits && url !== undefined && name !== undefined ? { git: url, tag: name } : undefined;
}

/** Seconds as they are written here, to milliseconds. */
function seconds(findings: Findings, place: Place | undefined): number | undefined {
  const most = limits.longestDuration / 1_000;
  const value = number(findings, place, { from: 0, above: true, to: most, unit: 'seconds' });
  return value === undefined ? undefined : Math.round(value * 1_000);
}

function need(findings: Findings, place: Place | undefined): Need {
  const map = mapping(findings, place, NEED_KEYS, 'warn');
  if (map === undefined) return {};
  const found: Need = {};
  for (const key of ['cpu', 'memory', 'gpu'] as const) {
    const rule = { from: 0, whole: key === 'gpu', ...(key === 'memory' ? IN_GIB : {}) };
    const value = number(findings, present(map, key), rule);
    if (value !== undefined) found[key] = value;
  }
  return found;
}
