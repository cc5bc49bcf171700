// What a production line says of its surroundings: its folder, the store of archives, its log, the order of nodes.
import { message } from '#core/messages.ts';
import {
  LOG_RETENTION,
  LOG_ROTATION,
  operatorsLog,
  operatorsS3,
} from '#schemas/dialect-operators.ts';
import { type MaybeSecret, scheduling } from '#schemas/plan.ts';
import { LOG_LEVELS } from '#schemas/work-dir.ts';
import type { ProductionSettings, Rotation } from './draft.ts';
import { type Findings, subjectOf } from './findings.ts';
import type { Store } from './operators-environment.ts';
import { boolean, type MapPlace, mapping, number, present, shownAt, text, word } from './read.ts';
import type { Place } from './tree.ts';

const S3_KEYS = Object.keys(operatorsS3.shape);
const LOG_KEYS = Object.keys(operatorsLog.shape);
const DEFAULT_ROTATION = { bytes: 100_000_000 };
const DEFAULT_FILES = 10;

const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1_000,
  MB: 1_000_000,
  GB: 1_000_000_000,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

const DAY = 86_400_000;
const SPANS: Readonly<Record<string, number>> = {
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: DAY,
  week: 7 * DAY,
  month: 30 * DAY,
  year: 365 * DAY,
};

/** All of them, with their defaults; what is wrong is said. */
export function settings(findings: Findings, map: MapPlace): ProductionSettings {
  const workDir = text(findings, present(map, 'work_dir')) ?? './pipeline_workspace';
  const policy = word(findings, present(map, 'scheduling'), scheduling.options);
  return {
    workDir,
    scheduling: policy ?? 'topological',
    s3: s3(findings, present(map, 's3_config')),
    log: log(findings, present(map, 'log_config'), workDir),
  };
}

function s3(findings: Findings, place: Place | undefined): ProductionSettings['s3'] {
  const map = mapping(findings, place, S3_KEYS, 'warn');
  if (map === undefined) return { region: 'us-east-1', pathStyle: false };
  const at = present(map, 'endpoint');
  const endpoint = text(findings, at);
  if (at !== undefined && endpoint !== undefined && !/^https?:\/\/[^\s/]+/i.test(endpoint))
    form(findings, at, endpoint, 'an address such as https://s3.example.com');
  const accessKey = text(findings, present(map, 'access_key'));
  const secretKey = text(findings, present(map, 'secret_key'));
  checkPair(findings, map);
  const bucket = text(findings, present(map, 'bucket'));
  const region = text(findings, present(map, 'region')) ?? 'us-east-1';
  const pathStyle = boolean(findings, present(map, 'path_style')) ?? endpoint !== undefined;
  return {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(accessKey === undefined || secretKey === undefined
      ? {}
      : { credentials: { accessKey, secretKey } }),
    region,
    ...(bucket === undefined ? {} : { bucket }),
    pathStyle,
  };
}

/** The store of archives as a plan may say it: what is decoded, and the secret key always, by name. */
export function storeOf(map: MapPlace): Store {
  const place = present(map, 's3_config');
  const value = (key: string): MaybeSecret | undefined => {
    const tree = place === undefined ? undefined : present(place, key)?.tree;
    if (tree?.kind !== 'scalar' || typeof tree.value !== 'string') return undefined;
    const [piece] = tree.pieces ?? [];
    return typeof piece === 'object' ? { secret: piece.secret } : tree.value;
  };
  const style = place === undefined ? undefined : present(place, 'path_style')?.tree;
  const endpoint = value('endpoint');
  const bucket = value('bucket');
  const accessKey = value('access_key');
  const secretKey = value('secret_key');
  const pathStyle = style?.kind === 'scalar' ? style.value : undefined;
  return {
    ...(endpoint === undefined ? {} : { endpoint }),
    region: value('region') ?? 'us-east-1',
    ...(bucket === undefined ? {} : { bucket }),
    pathStyle: typeof pathStyle === 'boolean' ? pathStyle : endpoint !== undefined,
    ...(accessKey === undefined || secretKey === undefined
      ? {}
      : { credentials: { accessKey, secretKey } }),
  };
}

/** One half of a key opens nothing. */
function checkPair(findings: Findings, map: MapPlace): void {
  for (const [key, other] of [
    ['access_key', 'secret_key'],
    ['secret_key', 'access_key'],
  ] as const) {
    if (present(map, key) === undefined || present(map, other) !== undefined) continue;
    findings.error(message('wrong_value', 'pair', { subject: subjectOf(map), key, other }), map, {
      key,
    });
  }
}

function log(
  findings: Findings,
  place: Place | undefined,
  workDir: string,
): ProductionSettings['log'] {
  const standard = { level: 'INFO' as const, path: `${workDir}/logs/pipeline.log` };
  const map = mapping(findings, place, LOG_KEYS, 'warn');
  if (map === undefined)
    return { ...standard, rotation: DEFAULT_ROTATION, retention: { files: DEFAULT_FILES } };
  return {
    level: word(findings, present(map, 'level'), LOG_LEVELS) ?? standard.level,
    path: text(findings, present(map, 'log_path')) ?? standard.path,
    rotation: rotation(findings, present(map, 'rotation')),
    retention: retention(findings, present(map, 'retention')),
  };
}

function rotation(findings: Findings, place: Place | undefined): Rotation {
  if (place === undefined) return DEFAULT_ROTATION;
  const wanted = 'a size, a time of the day or a span: "100 MB", "00:00" or "1 week"';
  const written = place.tree.kind === 'scalar' ? `${place.tree.value}` : text(findings, place);
  if (written === undefined || broken(place)) return DEFAULT_ROTATION;
  if (!LOG_ROTATION.test(written)) {
    form(findings, place, written, wanted);
    return DEFAULT_ROTATION;
  }
  const [, count = '', unit = ''] = /^([\d.]+) ?([A-Za-z]+)$/.exec(written) ?? [];
  const bytes = BYTES[unit];
  if (bytes !== undefined) return { bytes: Math.round(Number(count) * bytes) };
  const [, hours, minutes] = /^(\d\d):(\d\d)$/.exec(written) ?? [];
  if (hours !== undefined) return { minuteOfDay: Number(hours) * 60 + Number(minutes) };
  return { milliseconds: span(count, unit) };
}

function span(count: string, unit: string): number {
  return Number(count) * (SPANS[unit.replace(/s$/, '')] ?? 0);
}

function retention(
  findings: Findings,
  place: Place | undefined,
): ProductionSettings['log']['retention'] {
  const standard = { files: DEFAULT_FILES };
  if (place === undefined || broken(place)) return standard;
  if (place.tree.kind !== 'scalar' || typeof place.tree.value !== 'string') {
    return { files: number(findings, place, { from: 0, whole: true }) ?? DEFAULT_FILES };
  }
  const written = place.tree.value;
  if (!LOG_RETENTION.test(written)) {
    form(findings, place, written, 'a number of files or a span: 10 or "10 days"');
    return standard;
  }
  const [, count = '', unit = ''] = /^(\d+) ?([a-z]+)$/.exec(written) ?? [];
  return { milliseconds: span(count, unit) };
}

function broken({ tree }: Place): boolean {
  return tree.kind === 'scalar' && tree.broken === true;
}

function form(findings: Findings, place: Place, came: string, wanted: string): void {
  const filling = { subject: subjectOf(place), came: shownAt(place, came), wanted };
  findings.error(message('wrong_value', 'form', filling), place, { expected: wanted });
}
