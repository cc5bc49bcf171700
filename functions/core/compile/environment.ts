// Environments of steps, in the native dialect.
import { message } from '#core/messages.ts';
import {
  ENVIRONMENTS_TO_COME,
  nodesConda,
  nodesEnvironment,
  nodesPixi,
  nodesPoetry,
  nodesUv,
} from '#schemas/dialect-nodes.ts';
import type { ArchiveStore, Environment, MaybeSecret } from '#schemas/plan.ts';
import { type Findings, subjectOf } from './findings.ts';
import { shown } from './nearest.ts';
import { texts } from './operator.ts';
import { boolean, type MapPlace, mapping, required, text } from './read.ts';
import { safeInside } from './safe.ts';
import { member, type Place } from './tree.ts';

const KEYS = [...Object.keys(nodesEnvironment.shape), ...ENVIRONMENTS_TO_COME];
const KNOWN = Object.keys(nodesEnvironment.shape).join(', ');
const HOST: Environment = { kind: 'host' };

/** `environment: { uv: pyproject.toml }`, `{ uv: { project, extraArgs, name } }`, the same of other kinds, or `host`. */
export function environment(findings: Findings, place: Place | undefined): Environment | undefined {
  if (place === undefined) return HOST;
  if (place.tree.kind === 'scalar') return environmentWord(findings, place);
  const map = mapping(findings, place, KEYS);
  if (map === undefined) return undefined;
  const kinds = [...map.tree.entries.keys()].filter((key) => KEYS.includes(key));
  if (kinds.length > 1) {
    const filling = { subject: subjectOf(map), count: kinds.length, kinds: kinds.join(', ') };
    findings.error(message('wrong_value', 'environments', filling), map);
    return undefined;
  }
  const [kind] = kinds;
  if (kind === undefined) return undefined;
  if (isToCome(kind)) return lacking(findings, map, kind);
  return READERS[kind]?.(findings, member(map, kind)) ?? (kind === 'host' ? HOST : undefined);
}

type Reader = (findings: Findings, place: Place | undefined) => Environment | undefined;

const READERS: Readonly<Record<string, Reader>> = { uv, pixi, conda, poetry };

function environmentWord(findings: Findings, place: Place): Environment | undefined {
  const value = text(findings, place);
  if (value === undefined) return undefined;
  if (value === 'host') return HOST;
  if (value === 'uv' || value === 'poetry') return { kind: value, project: 'pyproject.toml' };
  if (value === 'pixi') return { kind: value, project: 'pixi.toml' };
  if (isToCome(value)) return lacking(findings, place, value);
  const filling = { subject: subjectOf(place), came: value };
  findings.error(message('wrong_value', 'environment', filling), place);
  return undefined;
}

function isToCome(kind: string): boolean {
  return ENVIRONMENTS_TO_COME.some((candidate) => candidate === kind);
}

function lacking(findings: Findings, place: Place, kind: string): undefined {
  const filling = { subject: subjectOf(place), kind, known: KNOWN };
  findings.error(message('environment_missing', 'kind', filling), place, {
    key: place.tree.kind === 'map' ? kind : undefined,
  });
}

interface Project {
  readonly map: MapPlace | undefined;
  readonly project: string;
  readonly extraArgs?: string[];
  readonly name?: string;
}

/** The project file alone, or with what else the tool is told. */
function projectOf(
  findings: Findings,
  place: Place | undefined,
  { keys, file }: { readonly keys: readonly string[]; readonly file: string },
): Project | undefined {
  if (place?.tree.kind !== 'map') {
    const project = text(findings, place);
    if (project === undefined || place === undefined) return undefined;
    return safeInside(findings, place, project) ? { map: undefined, project } : undefined;
  }
  const map = mapping(findings, place, keys);
  if (map === undefined) return undefined;
  const at = member(map, 'project');
  const project = at === undefined ? file : text(findings, at);
  const extraArgs = texts(findings, member(map, 'extraArgs'));
  if (project === undefined || (at !== undefined && !safeInside(findings, at, project)))
    return undefined;
  return {
    map,
    project,
    ...(extraArgs === undefined || extraArgs.length === 0 ? {} : { extraArgs }),
    ...nameOf(findings, map),
  };
}

function nameOf(findings: Findings, map: MapPlace): { name?: string } {
  const name = text(findings, member(map, 'name'));
  return name === undefined ? {} : { name };
}

const UV = { keys: Object.keys(nodesUv.shape), file: 'pyproject.toml' };
const PIXI = { keys: Object.keys(nodesPixi.shape), file: 'pixi.toml' };
const POETRY = { keys: Object.keys(nodesPoetry.shape), file: 'pyproject.toml' };
const CONDA_KEYS = Object.keys(nodesConda.shape);

function uv(findings: Findings, place: Place | undefined): Environment | undefined {
  const read = projectOf(findings, place, UV);
  if (read === undefined) return undefined;
  const { map: _, ...project } = read;
  return { kind: 'uv', ...project };
}

function poetry(findings: Findings, place: Place | undefined): Environment | undefined {
  const read = projectOf(findings, place, POETRY);
  if (read === undefined) return undefined;
  const { map: _, ...project } = read;
  return { kind: 'poetry', ...project };
}

function pixi(findings: Findings, place: Place | undefined): Environment | undefined {
  const read = projectOf(findings, place, PIXI);
  if (read === undefined) return undefined;
  const { map, ...project } = read;
  const channels = map === undefined ? undefined : texts(findings, member(map, 'channels'));
  return {
    kind: 'pixi',
    ...project,
    ...(channels === undefined || channels.length === 0 ? {} : { channels }),
  };
}

const ARCHIVE = /^s3:\/\/([^\s/]+)\/(\S+)$/;

function conda(findings: Findings, place: Place | undefined): Environment | undefined {
  if (place === undefined) return undefined;
  const map = place.tree.kind === 'map' ? mapping(findings, place, CONDA_KEYS) : undefined;
  if (map === undefined && place.tree.kind === 'map') return undefined;
  const wanted = 's3://bucket/key';
  const at = map === undefined ? place : required(findings, map, 'archive', wanted);
  const archive = text(findings, at);
  if (at === undefined || archive === undefined) return undefined;
  const [, bucket, key] = ARCHIVE.exec(archive) ?? [];
  if (bucket === undefined || key === undefined) {
    const filling = { subject: subjectOf(at), came: shown(archive), wanted };
    findings.error(message('wrong_value', 'form', filling), at, { expected: wanted });
    return undefined;
  }
  const store = { ...storeOf(findings, map), bucket };
  const update = map === undefined ? undefined : boolean(findings, member(map, 'update'));
  const name = map === undefined ? {} : nameOf(findings, map);
  return { kind: 'conda', key, store, update: update ?? true, ...name };
}

function storeOf(findings: Findings, map: MapPlace | undefined): Omit<ArchiveStore, 'bucket'> {
  const read = (key: string) => (map === undefined ? undefined : text(findings, member(map, key)));
  const endpoint = read('endpoint');
  const pathStyle = map === undefined ? undefined : boolean(findings, member(map, 'pathStyle'));
  const credentials = map === undefined ? undefined : credentialsOf(findings, map);
  return {
    ...(endpoint === undefined ? {} : { endpoint }),
    region: read('region') ?? 'us-east-1',
    pathStyle: pathStyle ?? endpoint !== undefined,
    ...(credentials === undefined ? {} : { credentials }),
  };
}

const SECRET = /^\{\{\s*secret\.([\p{L}_][\p{L}\p{N}_]*)\s*\}\}$/u;

function credentialsOf(findings: Findings, map: MapPlace): ArchiveStore['credentials'] {
  const accessKey = maybeSecret(text(findings, member(map, 'accessKey')));
  const place = member(map, 'secretKey');
  const secretKey = maybeSecret(text(findings, place));
  if (place !== undefined && typeof secretKey === 'string')
    findings.error(message('wrong_value', 'not_secret', { subject: subjectOf(place) }), place, {
      expected: '{{ secret.NAME }}',
    });
  for (const [key, own, other, its] of [
    ['accessKey', accessKey, 'secretKey', secretKey],
    ['secretKey', secretKey, 'accessKey', accessKey],
  ] as const) {
    if (own === undefined || its !== undefined) continue;
    const filling = { subject: subjectOf(map), key, other };
    findings.error(message('wrong_value', 'pair', filling), map, { key });
  }
  return accessKey === undefined || secretKey === undefined ? undefined : { accessKey, secretKey };
}

function maybeSecret(written: string | undefined): MaybeSecret | undefined {
  const secret = written === undefined ? undefined : SECRET.exec(written)?.[1];
  return secret === undefined ? written : { secret };
}

/** Tools build from files of the operator, so it needs an operator. */
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
