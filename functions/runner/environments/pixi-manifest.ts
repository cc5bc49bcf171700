// Reads a pixi.toml, and writes a copy of it with other channels. The operator's own file is never changed.
import { parse, stringify, TomlDate, type TomlTable, type TomlValue } from 'smol-toml';
import { EnvironmentFailed } from './failed.ts';

export interface Manifest {
  /** As it is to be built: the file itself, or with the channels in the place of its own. */
  readonly text: string;
  /** Whether it differs from the file, so that a lock of the file does not belong to it. */
  readonly changed: boolean;
  /** Whether something of the operator's own goes into the environment: packages by path, scripts that activate it. */
  readonly takesSources: boolean;
  /** Channels that were asked for and are none. */
  readonly dropped: readonly string[];
}

/** Not a channel of conda, though configurations name it as if it were. */
const NO_CHANNELS = new Set(['pypi', 'pip']);

/**
 * @param channels in the place of those of the file; undefined leaves the file as it is
 * @throws EnvironmentFailed when the file is not TOML, or no project of pixi
 */
export function readManifest(text: string, channels: readonly string[] | undefined): Manifest {
  const table = tableOf(text);
  const key = ['workspace', 'project'].find((each) => isTable(table[each]));
  const project = key === undefined ? undefined : table[key];
  if (key === undefined || !isTable(project))
    throw new EnvironmentFailed('pixi.toml has neither a table [workspace] nor [project]');
  const asked = channels ?? [];
  const wanted = asked.filter((each) => !NO_CHANNELS.has(each.toLowerCase()));
  const changed = wanted.length > 0 && !sameChannels(project['channels'], wanted);
  return {
    text: changed ? stringify({ ...table, [key]: { ...project, channels: [...wanted] } }) : text,
    changed,
    takesSources: namesPath(table, ''),
    dropped: asked.filter((each) => !wanted.includes(each)),
  };
}

function tableOf(text: string): TomlTable {
  try {
    return parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message.trim() : String(error);
    throw new EnvironmentFailed(`pixi.toml cannot be read: ${why}`);
  }
}

function isTable(value: TomlValue | undefined): value is TomlTable {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof TomlDate);
}

function sameChannels(own: TomlValue | undefined, wanted: readonly string[]): boolean {
  return (
    Array.isArray(own) &&
    own.length === wanted.length &&
    wanted.every((each, at) => own[at] === each)
  );
}

/** A dependency `{ path = … }` anywhere, or a script that is sourced. */
function namesPath(value: TomlTable, under: string): boolean {
  return Object.entries(value).some(([key, each]) => {
    if (under === 'activation' && key === 'scripts') return true;
    if (key === 'path' && under !== 'tasks' && typeof each === 'string') return true;
    return isTable(each) && key !== 'tasks' && namesPath(each, key);
  });
}
