// The environment of an operator in the dialect `operators`: its kind, and what that kind is told.
import { message, nearHint } from '#core/messages.ts';
import { ENV_KINDS, ENV_NAME, operatorsEnvConfig } from '#schemas/dialect-operators.ts';
import type { ArchiveStore, Environment, MaybeSecret } from '#schemas/plan.ts';
import { type Findings, subjectOf } from './findings.ts';
import { nearest, shown } from './nearest.ts';
import { texts } from './operator.ts';
import { boolean, type MapPlace, mapping, present, required, text } from './read.ts';
import { safeInside } from './safe.ts';
import { member, type Place } from './tree.ts';

const ENV_KEYS = Object.keys(operatorsEnvConfig.shape);
type Kind = keyof typeof ENV_KINDS;
const KINDS = [
  'uv_project',
  'pixi_project',
  'conda_project',
  'poetry_project',
] as const satisfies Kind[];
const ENV_TYPES = [...KINDS, 'host'];

/** Where archives without a bucket lie. */
export type Store = Omit<ArchiveStore, 'bucket'> & { readonly bucket?: MaybeSecret };

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
  if (kind !== undefined) return READERS[kind](findings, { map, config, name, store });
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
  const told = KINDS.filter((each) => member(config, ENV_KINDS[each].tells) !== undefined);
  // What another kind is told as well tells nothing beside a key that is its own.
  const [kind, other] = told.filter(
    (each) =>
      !told.some((its) => its !== each && ENV_KINDS[each].tells in ENV_KINDS[its].keys.shape),
  );
  if (kind === undefined) return misspelt(config) ?? 'uv_project';
  if (other === undefined) return kind;
  const filling = {
    subject: subjectOf(config),
    key: ENV_KINDS[kind].tells,
    other: ENV_KINDS[other].tells,
  };
  findings.error(message('wrong_value', 'env_kinds', filling), config);
  return undefined;
}

/** The kind whose own key is nearest to one that nobody knows. */
function misspelt({ tree }: Place): Kind | undefined {
  if (tree.kind !== 'map') return undefined;
  const telling = KINDS.map((each) => ENV_KINDS[each].tells as string);
  for (const key of tree.entries.keys()) {
    const near = ENV_KEYS.includes(key) ? undefined : nearest(key, ENV_KEYS);
    const at = near === undefined ? -1 : telling.indexOf(near);
    if (at >= 0) return KINDS[at];
  }
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
  poetry_project: poetryProject,
};

/** The details, with the keys of this kind only. */
function details(findings: Findings, config: Place | undefined, kind: Kind): MapPlace | undefined {
  const map = mapping(findings, config, ENV_KEYS, 'warn');
  if (map === undefined) return undefined;
  const said = new Set(Object.keys(ENV_KINDS[kind].keys.shape));
  for (const other of KINDS) {
    for (const key of Object.keys(ENV_KINDS[other].keys.shape)) {
      if (said.has(key) || present(map, key) === undefined) continue;
      said.add(key);
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

interface Project {
  readonly known: MapPlace;
  readonly project: string;
  readonly extraArgs?: string[];
  readonly name: string;
}

/** What kinds with a project file have in common. */
function projectOf(
  findings: Findings,
  asked: Asked,
  keys: {
    readonly kind: Kind;
    readonly path: string;
    readonly file: string;
    readonly args: string;
  },
): Project | undefined {
  const known = details(findings, asked.config, keys.kind);
  if (known === undefined) return undefined;
  const at = required(findings, known, keys.path, `the path of a ${keys.file}`);
  const extraArgs = texts(findings, present(known, keys.args));
  const name = text(findings, present(known, 'env_name')) ?? asked.name;
  const path = project(findings, at, asked, keys.file);
  if (path === undefined) return undefined;
  const args = extraArgs === undefined || extraArgs.length === 0 ? {} : { extraArgs };
  return { known, project: path, ...args, name };
}

const UV = {
  kind: 'uv_project',
  ...{ path: 'pyproject_path', file: 'pyproject.toml', args: 'uv_extra_args' },
} as const;
const PIXI = {
  kind: 'pixi_project',
  ...{ path: 'pixi_toml_path', file: 'pixi.toml', args: 'pixi_extra_args' },
} as const;
const POETRY = {
  kind: 'poetry_project',
  ...{ path: 'pyproject_path', file: 'pyproject.toml', args: 'poetry_extra_args' },
} as const;

function uvProject(findings: Findings, asked: Asked): Environment | undefined {
  if (asked.config === undefined)
    return { kind: 'uv', project: 'pyproject.toml', name: asked.name };
  const read = projectOf(findings, asked, UV);
  if (read === undefined) return undefined;
  const { known: _, ...environment } = read;
  return { kind: 'uv', ...environment };
}

function poetryProject(findings: Findings, asked: Asked): Environment | undefined {
  if (asked.config === undefined)
    return { kind: 'poetry', project: 'pyproject.toml', name: asked.name };
  const read = projectOf(findings, asked, POETRY);
  if (read === undefined) return undefined;
  const { known: _, ...environment } = read;
  return { kind: 'poetry', ...environment };
}

function pixiProject(findings: Findings, asked: Asked): Environment | undefined {
  if (asked.config === undefined) return { kind: 'pixi', project: 'pixi.toml', name: asked.name };
  const read = projectOf(findings, asked, PIXI);
  if (read === undefined) return undefined;
  const { known, ...environment } = read;
  const channels = texts(findings, present(known, 'pixi_channels'));
  return {
    kind: 'pixi',
    ...environment,
    ...(channels === undefined || channels.length === 0 ? {} : { channels }),
  };
}

const ARCHIVE = /^(?:s3:\/\/[a-z0-9][a-z0-9._-]*\/|(?![a-z][a-z0-9+.-]*:\/\/))[^\s/][^\s]*$/i;

function condaProject(findings: Findings, asked: Asked): Environment | undefined {
  const { map, config, store } = asked;
  if (config === undefined) {
    const wanted = 'the archive of the environment in "s3_compress_path"';
    const filling = { subject: subjectOf(map), key: 'env_config', wanted };
    findings.error(message('missing_key', 'key', filling), map, { expected: wanted });
    return undefined;
  }
  const known = details(findings, config, 'conda_project');
  if (known === undefined) return undefined;
  const place = required(findings, known, 's3_compress_path', 's3://bucket/key');
  const update = boolean(findings, present(known, 'need_conda_update')) ?? true;
  const extraArgs = texts(findings, present(known, 'zstd_extra_args'));
  const name = text(findings, present(known, 'env_name')) ?? asked.name;
  const archive = archiveOf(findings, place, store);
  if (archive === undefined) return undefined;
  return {
    kind: 'conda',
    key: archive.key,
    store: { ...store, bucket: archive.bucket },
    update,
    ...(extraArgs === undefined || extraArgs.length === 0 ? {} : { extraArgs }),
    name,
  };
}

/** `s3://bucket/key`, a key of the bucket in `s3_config`, or, without one, `bucket/key`. */
function archiveOf(
  findings: Findings,
  place: Place | undefined,
  store: Store,
): { readonly bucket: MaybeSecret; readonly key: string } | undefined {
  const archive = text(findings, place);
  if (place === undefined || archive === undefined) return undefined;
  const filling = { subject: subjectOf(place), came: shown(archive) };
  if (!ARCHIVE.test(archive)) {
    const wanted = 's3://bucket/key, or a key of the bucket in "s3_config"';
    findings.error(message('wrong_value', 'form', { ...filling, wanted }), place, {
      expected: wanted,
    });
    return undefined;
  }
  const whole = archive.startsWith('s3://') ? archive.slice('s3://'.length) : undefined;
  if (whole === undefined && store.bucket !== undefined)
    return { bucket: store.bucket, key: archive };
  const [, bucket, key] = /^([^/]+)\/(.+)$/.exec(whole ?? archive) ?? [];
  if (bucket !== undefined && key !== undefined) return { bucket, key };
  findings.error(message('wrong_value', 'bucket', filling), place);
  return undefined;
}
