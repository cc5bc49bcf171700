// One operator of the dialect `operators`.
import { message, nearHint } from '#core/messages.ts';
import {
  ENV_TYPES_TO_COME,
  operatorsEnvConfig,
  operatorsOperator,
} from '#schemas/dialect-operators.ts';
import { limits } from '#schemas/limits.ts';
import type { Environment, OperatorSource, PlanNode } from '#schemas/plan.ts';
import type { Binding } from './draft.ts';
import { type Findings, subjectOf } from './findings.ts';
import { idFrom } from './ids.ts';
import { nearest } from './nearest.ts';
import { type OperatorTable, texts } from './operator.ts';
import { variables } from './parts.ts';
import { list, type MapPlace, mapping, number, required, text } from './read.ts';
import { safeInside, safeRepository, safeTag } from './safe.ts';
import { bindingsIn } from './texts.ts';
import { isNothing, member, type Place } from './tree.ts';

const KEYS = Object.keys(operatorsOperator.shape);
const ENV_KEYS = Object.keys(operatorsEnvConfig.shape);
/** Keys that belong to kinds of environment of later versions. */
const LATER_ENV_KEYS = [
  'pixi_toml_path',
  'pixi_channels',
  'pixi_extra_args',
  's3_compress_path',
  'need_conda_update',
  'zstd_extra_args',
];
const ENV_TYPES = ['uv_project', 'host', ...ENV_TYPES_TO_COME];

export interface OperatorRead {
  readonly place: MapPlace;
  /** Its id as the user spells it. */
  readonly spelling: string;
  readonly upstream: readonly { readonly name: string; readonly place: Place }[];
  readonly step: Omit<PlanNode, 'id'>;
  readonly bindings: readonly Binding[];
}

function present(map: MapPlace, key: string): Place | undefined {
  const place = member(map, key);
  return place === undefined || isNothing(place.tree) ? undefined : place;
}

export function operator(
  findings: Findings,
  place: Place,
  table: OperatorTable,
): OperatorRead | undefined {
  const map = mapping(findings, place, KEYS, 'warn');
  if (map === undefined) return undefined;
  const spelling = text(findings, required(findings, map, 'operator_id', 'an id of the operator'));
  const command = text(findings, required(findings, map, 'start_command', 'a shell command'));
  const source = gitSource(findings, map);
  const environment = environmentOf(findings, map, spelling ?? 'operator');
  const env = variables(findings, present(map, 'extra_env_vars'));
  const timeout = seconds(findings, present(map, 'timeout'));
  const upstream = (list(findings, present(map, 'upstream_dependencies')) ?? []).flatMap((at) => {
    const name = text(findings, at);
    return name === undefined ? [] : [{ name, place: at }];
  });
  if (spelling === undefined) return undefined;
  if (source !== undefined && environment !== undefined) {
    table.add({ source, environment, place: map }, idFrom(spelling));
  }
  const step: Omit<PlanNode, 'id'> = {
    group: 0,
    ...(env === undefined ? {} : { env }),
    ...(timeout === undefined ? {} : { timeout }),
    executor: {
      kind: 'command',
      command: command ?? '',
      environment: environment ?? { kind: 'host' },
      ...(source === undefined ? {} : { operator: source }),
    },
  };
  return { place: map, spelling, upstream, step, bindings: bindingsOf(findings, map) };
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
    (repository === undefined || url === undefined || safeRepository(findings, repository, url)) &&
    (tag === undefined || name === undefined || safeTag(findings, tag, name));
  return fits && url !== undefined && name !== undefined ? { git: url, tag: name } : undefined;
}

/** Seconds as they are written here, to milliseconds. */
function seconds(findings: Findings, place: Place | undefined): number | undefined {
  const most = limits.longestDuration / 1_000;
  const value = number(findings, place, { from: 0, above: true, to: most });
  return value === undefined ? undefined : Math.round(value * 1_000);
}

function environmentOf(findings: Findings, map: MapPlace, name: string): Environment | undefined {
  const typePlace = present(map, 'env_type');
  const config = present(map, 'env_config');
  const type = typePlace === undefined ? guessed(config) : text(findings, typePlace);
  if (type === undefined) return undefined;
  if (ENV_TYPES_TO_COME.some((kind) => kind === type)) {
    const filling = { subject: subjectOf(map), kind: type, known: 'uv_project and host' };
    findings.error(message('environment_missing', 'type', filling), typePlace ?? config ?? map);
    return undefined;
  }
  if (type === 'host') return { kind: 'host' };
  if (type === 'uv_project') return uvProject(findings, map, config, name);
  const near = nearest(type, ENV_TYPES);
  const said = message('wrong_value', 'word', {
    subject: subjectOf(typePlace ?? map),
    came: type,
    known: ENV_TYPES.join(', '),
    hint: nearHint(near),
  });
  findings.error(said, typePlace, { suggestion: near });
  return undefined;
}

/** The type that the details of an environment tell, where it is not said. */
function guessed(config: Place | undefined): string {
  if (config === undefined) return 'host';
  if (member(config, 'pixi_toml_path') !== undefined) return 'pixi_project';
  return member(config, 's3_compress_path') === undefined ? 'uv_project' : 'conda_project';
}

function uvProject(
  findings: Findings,
  map: MapPlace,
  config: Place | undefined,
  name: string,
): Environment | undefined {
  if (config === undefined) {
    return { kind: 'uv', project: 'pyproject.toml', name };
  }
  const known = mapping(findings, config, [...ENV_KEYS, ...LATER_ENV_KEYS], 'warn');
  if (known === undefined) return undefined;
  const file = required(findings, known, 'pyproject_path', 'the path of a pyproject.toml');
  const written = text(findings, file);
  const extraArgs = texts(findings, present(known, 'uv_extra_args'));
  const own = text(findings, present(known, 'env_name'));
  if (file === undefined || written === undefined || !safeInside(findings, file, written)) {
    return undefined;
  }
  const project = written.replace(/^(?:\.\/+)+/, '');
  if (project.split('/').at(-1) !== 'pyproject.toml') {
    const filling = { subject: subjectOf(file), came: written, operator: subjectOf(map) };
    findings.error(message('wrong_value', 'project', filling), file);
    return undefined;
  }
  const args = extraArgs === undefined || extraArgs.length === 0 ? {} : { extraArgs };
  return { kind: 'uv', project, ...args, name: own ?? name };
}
