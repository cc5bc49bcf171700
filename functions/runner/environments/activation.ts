// What the activation scripts of an environment set: run once when it is built, and given to each of its programs.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { FORMAT } from '#schemas/ids.ts';
import { type EnvironmentActivation, environmentActivation } from '#schemas/runner-files.ts';
import type { Variables } from '../host-environment.ts';
import { EnvironmentFailed } from './failed.ts';
import type { BuildPlace, Tools } from './kind.ts';
import { readJson, writeWhole } from './store.ts';

/** The PATH that scripts see: what they put before it is theirs. */
export const BASE_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const FILE = 'activation.json';
/** A shell keeps these for itself, and a prompt is nothing to a program. */
const NOISE = new Set(['_', 'SHLVL', 'PWD', 'OLDPWD', 'PS1', 'PS2', 'PIXI_PROMPT']);
/** Scripts of packages are written for it; where there is none the plain shell must do. */
const SHELLS = ['/bin/bash', '/usr/bin/bash', '/bin/sh'];

/**
 * Runs the script apart from the host's variables and keeps what it set beside the environment.
 *
 * @param script for the shell; `variables` are there before it
 */
export async function keepActivation(
  place: BuildPlace,
  { host }: Tools,
  script: string,
  variables: Variables = {},
): Promise<EnvironmentActivation> {
  const before: Variables = { HOME: host['HOME'] ?? '/', PATH: BASE_PATH, ...variables };
  const shell = SHELLS.find((file) => existsSync(file)) ?? 'sh';
  // What scripts print must not stand among the variables.
  const text = `exec 3>&1 1>&2\n${script}\nexec /usr/bin/env -0 >&3`;
  const end = await place.command(shell, ['-c', text], {
    folder: place.folder,
    environment: before,
    apart: true,
  });
  const after = new Map(
    end.stdout.split('\0').flatMap((line): [string, string][] => {
      const at = line.indexOf('=');
      return at > 0 ? [[line.slice(0, at), line.slice(at + 1)]] : [];
    }),
  );
  const base = new Set(BASE_PATH.split(path.delimiter));
  const own = (after.get('PATH') ?? '').split(path.delimiter).filter((each) => !base.has(each));
  const kept = [...after].filter(
    ([name, value]) =>
      !NOISE.has(name) && name !== 'PATH' && (before[name] !== value || name in variables),
  );
  const activation: EnvironmentActivation = {
    ...{ v: FORMAT, path: own },
    variables: Object.fromEntries(kept),
  };
  writeWhole(path.join(place.folder, FILE), activation);
  return activation;
}

/** Where the environment of conda lies that was activated; nowhere where that is not known. */
export function prefixOf(folder: string): string {
  const parsed = environmentActivation.safeParse(readJson(path.join(folder, FILE)));
  return parsed.data?.variables['CONDA_PREFIX'] ?? path.join(folder, 'nowhere');
}

/** What was kept, with the PATH of whoever starts the program behind its own. */
export function activated(folder: string, inherited: Variables): Variables {
  const file = path.join(folder, FILE);
  const parsed = environmentActivation.safeParse(readJson(file));
  if (!parsed.success)
    throw new EnvironmentFailed(
      `${file} does not say what the environment sets; \`millrace env prune\` takes the environment away`,
    );
  const rest = inherited['PATH'] ?? BASE_PATH;
  return {
    ...parsed.data.variables,
    PATH: [...parsed.data.path, rest].join(path.delimiter),
  };
}

/** Scripts of a conda prefix in the order of their names, as conda runs them. */
export function activationScripts(prefix: string, names: readonly string[]): string {
  return [...names]
    .filter((name) => name.endsWith('.sh'))
    .sort()
    .map(
      (name) => `. '${path.join(prefix, 'etc/conda/activate.d', name).replaceAll("'", "'\\''")}'`,
    )
    .join('\n');
}

/** A text file, or undefined where there is none. */
export function textOf(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
