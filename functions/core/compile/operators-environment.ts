// The environment of an operator in the dialect `operators`: its kind, and what that kind is told.
import { message, nearHint } from '#core/messages.ts';
import {
  ENV_KINDS,
  ENV_NAME,
  ENV_TYPES_TO_COME,
  operatorsEnvConfig,
} from '#schemas/dialect-operators.ts';
import type { Environment } from '#schemas/plan.ts';
import { type Findings, subjectOf } from './findings.ts';
import { nearest, shown } from './nearest.ts';
import { texts } from './operator.ts';
import { boolean, type MapPlace, mapping, present, required, text } from './read.ts';
import { safeInside } from './safe.ts';
import { member, type Place } from './tree.ts';

const ENV_KEYS = Object.keys(operatorsEnvConfig.shape);
const ENV_TYPES = ['uv_project', 'host', ...ENV_TYPES_TO_COME];

type Kind = keyof typeof ENV_KINDS;
const KINDS = ['uv_project', 'pixi_project', 'conda_project'] as const satisfies Kind[];

/** Where archives without a bucket lie. */
export interface Store {
  readonly bucket: boolean;
}

export function environmentOf(
  findings: Findings,
  map: MapPlace,
  { name, store }: { readonly name: string; readonly store: Store },
): Environment | undefined {
  const typePlace = present(map, 'env_type');
  const config = present(map, 'env_config');
  const type = typePlace === undefined ? guessed(findings, config) : text(findings, typePlace);
  if (type === undefined) return undefined;
  if (type === 'host') return { kind: 'host' };
  const kind = KINDS.find((each) => each === type);
  const read =
    kind === undefined ? undefined : READERS[kind](findings, { map, config, name, store });
  if (ENV_TYPES_TO_COME.some((each) => each === type)) {
    const filling = { subject: subjectOf(map), kind: type, known: 'uv_project and host' };
    findings.error(message('environment_missing', 'type', filling), typePlace ?? config ?? map);
    return undefined;
  }
  if (kind !== undefined) return read;
  const near = nearest(type, ENV_TYPES);
  const said = message('wrong_value', 'word', {
    subject: subjectOf(typePlace ?? map),
    came: shown(type),
    known: ENV_TYPES.join(', '),
    hint: nearHint(near),
  });
  findings.error(said, typePlace, { suggestion: near });
  return undefined;
}

/** The type that the details of an environment tell, where it is not said. */
function guessed(findings: Findings, config: Place | undefined): string | undefined {
  if (config === undefined) return 'host';
  const [kind, other] = KINDS.filter((each) => member(config, ENV_KINDS[each].tells) !== undefined);
  if (kind === undefined) return 'uv_project';
  if (other === undefined) return kind;
  const filling = {
    subject: subjectOf(config),
    key: ENV_KINDS[kind].tells,
    other: ENV_KINDS[other].tells,
  };
  findings.error(message('wrong_value', 'env_kinds', filling), config);
  return undefined;
}

interface Asked {
  readonly map: MapPlace;
  readonly config: Place | undefined;
  readonly name: string;
  readonly store: Store;
}

type Reader = (findings: Findings, asked: Asked) => Environment | undefined;

const READERS: Readonly<Record<Kind, Reader>> = {
  uv_project: uvProject,
  pixi_project: pixiProject,
  conda_project: condaProject,
};

/** The details, with the keys of this kind only. */
function details(findings: Findings, config: Place | undefined, kind: Kind): MapPlace | undefined {
  const map = mapping(findings, config, ENV_KEYS, 'warn');
  if (map === undefined) return undefined;
  for (const other of KINDS) {
    if (other === kind) continue;
    for (const key of Object.keys(ENV_KINDS[other].keys.shape)) {
      if (key in ENV_KINDS[kind].keys.shape || present(map, key) === undefined) continue;
      const filling = { subject: subjectOf(map), key, kind: other, own: kind };
      findings.error(message('wrong_value', 'env_key', filling), map, { key });
    }
  }
  const named = present(map, 'env_name');
  const name = text(findings, named);
  if (named !== undefined && name !== undefined && !ENV_NAME.test(name)) {
    const wanted = 'a name: letters, digits, ".", "_" and "-"';
    const filling = { subject: subjectOf(named), came: shown(name), wanted };
    findings.error(message('wrong_value', 'form', filling), named, { expected: wanted });
  }
  return map;
}

/** A path inside the operator whose last part is this file. */
function project(findings: Findings, place: Place | undefined, asked: Asked, file: string) {
  const written = text(findings, place);
  if (place === undefined || written === undefined) return undefined;
  if (!safeInside(findings, place, written)) return undefined;
  const path = written.replace(/^(?:\.\/+)+/, '');
  if (path.split('/').at(-1) === file) return path;
  const filling = { subject: subjectOf(place), came: shown(written), file };
  const said = message('wrong_value', 'project', { ...filling, operator: subjectOf(asked.map) });
  findings.error(said, place);
  return undefined;
}

function uvProject(findings: Findings, asked: Asked): Environment | undefined {
  const { config, name } = asked;
  if (config === undefined) return { kind: 'uv', project: 'pyproject.toml', name };
  const known = details(findings, config, 'uv_project');
  if (known === undefined) return undefined;
  const file = required(findings, known, 'pyproject_path', 'the path of a pyproject.toml');
  const extraArgs = texts(findings, present(known, 'uv_extra_args'));
  const own = text(findings, present(known, 'env_name'));
  const path = project(findings, file, asked, 'pyproject.toml');
  if (path === undefined) return undefined;
  const args = extraArgs === undefined || extraArgs.length === 0 ? {} : { extraArgs };
  return { kind: 'uv', project: path, ...args, name: own ?? name };
}

function pixiProject(findings: Findings, asked: Asked): undefined {
  const known = details(findings, asked.config, 'pixi_project');
  if (known === undefined) return;
  const file = required(findings, known, 'pixi_toml_path', 'the path of a pixi.toml');
  project(findings, file, asked, 'pixi.toml');
  texts(findings, present(known, 'pixi_channels'));
  texts(findings, present(known, 'pixi_extra_args'));
}

const ARCHIVE = /^(?:s3:\/\/[a-z0-9][a-z0-9.-]*\/)?[^\s/][^\s]*$/;

function condaProject(findings: Findings, asked: Asked): undefined {
  const { map, config, store } = asked;
  if (config === undefined) {
    const wanted = 'the archive of the environment in "s3_compress_path"';
    const filling = { subject: subjectOf(map), key: 'env_config', wanted };
    findings.error(message('missing_key', 'key', filling), map, { expected: wanted });
    return;
  }
  const known = details(findings, config, 'conda_project');
  if (known === undefined) return;
  const place = required(findings, known, 's3_compress_path', 's3://bucket/key');
  const archive = text(findings, place);
  boolean(findings, present(known, 'need_conda_update'));
  texts(findings, present(known, 'zstd_extra_args'));
  if (place === undefined || archive === undefined) return;
  const filling = { subject: subjectOf(place), came: shown(archive) };
  if (!ARCHIVE.test(archive)) {
    const wanted = 's3://bucket/key, or a key of the bucket in "s3_config"';
    findings.error(message('wrong_value', 'form', { ...filling, wanted }), place, {
      expected: wanted,
    });
  } else if (!archive.includes('/') && !store.bucket) {
    findings.error(message('wrong_value', 'bucket', filling), place);
  }
}
