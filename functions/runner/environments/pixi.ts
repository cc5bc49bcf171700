// Environments made by pixi from a pixi.toml and, where there is one, its lock.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Environment } from '#schemas/plan.ts';
import type { Variables } from '../host-environment.ts';
import { activated, BASE_PATH, keepActivation, prefixOf, textOf } from './activation.ts';
import { type Allowed, checkArguments, optionOf, withoutOptions } from './extra-args.ts';
import { EnvironmentFailed } from './failed.ts';
import { findTool, type Tool } from './find-tool.ts';
import type { BuildPlace, EnvironmentKind, KeyParts, Source, Tools } from './kind.ts';
import { type Manifest, readManifest } from './pixi-manifest.ts';

type PixiEnvironment = Extract<Environment, { kind: 'pixi' }>;

export const pixi: EnvironmentKind<PixiEnvironment> = {
  // Its scripts name the path of their own interpreter.
  relocatable: false,
  fixed: true,
  checkArguments: (extraArgs) => checkArguments(extraArgs, ALLOWED),
  ...{ validate, key, build, activate },
  essential: (_, folder) => path.join(prefixOf(folder), 'conda-meta'),
};

const PIXI = {
  name: 'pixi',
  variable: 'MILLRACE_PIXI',
  install: 'curl -fsSL https://pixi.sh/install.sh | sh',
  version: /^pixi (\S+)/,
};

const NAME = /^[A-Za-z0-9][\w-]*$/;
const ALLOWED: Allowed = {
  tool: 'pixi install',
  flags: new Set([
    ...['--locked', '--no-progress', '--quiet', '--verbose', '-q', '-v', '-vv', '-vvv'],
    // pixi has no such options; configurations name them, and a build in a fresh folder is what they mean.
    ...['--force', '--no-cache'],
  ]),
  values: {
    '--environment': NAME,
    '-e': NAME,
    '--color': /^(?:always|never|auto)$/,
    '--concurrent-downloads': /^\d{1,3}$/,
    '--concurrent-solves': /^\d{1,3}$/,
    '--pypi-keyring-provider': /^(?:disabled|subprocess)$/,
  },
};
const MEANT_ONLY = new Set(['--force', '--no-cache', '--locked']);

function validate(environment: PixiEnvironment, source: Source): void {
  if (!existsSync(path.join(source.folder, environment.project)))
    throw new EnvironmentFailed(`${source.label} has no file "${environment.project}"`);
  readProject(environment, source);
}

interface Project {
  readonly manifest: Manifest;
  /** The lock, where it belongs to the manifest as it is to be built. */
  readonly lock: string | undefined;
}

function readProject(environment: PixiEnvironment, source: Source): Project {
  const file = path.join(source.folder, environment.project);
  const manifest = readManifest(readFileSync(file, 'utf8'), environment.channels);
  const lock = manifest.changed ? undefined : textOf(path.join(path.dirname(file), 'pixi.lock'));
  return { manifest, lock };
}

async function key(environment: PixiEnvironment, source: Source, tools: Tools): Promise<KeyParts> {
  const tool = await findTool(PIXI, tools);
  const { manifest, lock } = readProject(environment, source);
  return {
    kind: 'pixi',
    lock: lock === undefined ? 'none' : hash(lock),
    manifest: hash(manifest.text),
    sources: manifest.takesSources ? await source.digest() : 'none',
    extraArgs: JSON.stringify(environment.extraArgs ?? []),
    platform: `${process.platform}-${process.arch}`,
    pixi: tool.version,
  };
}

async function build(
  environment: PixiEnvironment,
  source: Source,
  place: BuildPlace,
  tools: Tools,
): Promise<void> {
  const tool = await findTool(PIXI, tools);
  const { extraArgs = [] } = environment;
  const { manifest, lock } = readProject(environment, source);
  tellDifferences(environment, source, place, manifest);
  const folder = await projectFor(environment, source, place, manifest);
  const strict = extraArgs.includes('--locked') ? '--locked' : '--frozen';
  const chosen = optionOf(extraArgs, '--environment', '-e');
  const where = [
    ...['--manifest-path', path.join(folder, 'pixi.toml')],
    ...(chosen === undefined ? [] : ['--environment', chosen]),
  ];
  const rest = withoutOptions(extraArgs, '--environment', '-e');
  await place.command(
    tool.program,
    [
      ...['install', ...where, ...(lock === undefined ? [] : [strict])],
      ...rest.filter((each) => !MEANT_ONLY.has(each)),
    ],
    {
      folder,
      environment: {
        NO_COLOR: '1',
        ...(extraArgs.includes('--no-cache')
          ? { PIXI_CACHE_DIR: path.join(place.folder, 'cache') }
          : {}),
      },
    },
  );
  if (lock === undefined) await tellLock(folder, place);
  await keepHook(tool, where, { place, folder, tools });
}

/** What is built is not quite what was written. */
function tellDifferences(
  { channels, project }: PixiEnvironment,
  source: Source,
  place: BuildPlace,
  { dropped, changed }: Manifest,
): void {
  for (const each of dropped)
    place.warn(
      `"${each}" is no channel of conda and is left out; packages of PyPI are named in [pypi-dependencies] of ${project}`,
    );
  const lock = path.join(path.dirname(path.join(source.folder, project)), 'pixi.lock');
  if (changed && existsSync(lock))
    place.warn(
      `pixi.lock was made for the channels of ${project}, not for ${channels?.join(', ')}: packages are resolved anew`,
    );
}

/** A copy to build from: pixi writes beside its manifest, and the sources are shared. */
async function projectFor(
  environment: PixiEnvironment,
  source: Source,
  place: BuildPlace,
  manifest: Manifest,
): Promise<string> {
  const copy = path.join(place.folder, 'project');
  const from = path.dirname(path.join(source.folder, environment.project));
  await mkdir(copy, { recursive: true });
  if (manifest.takesSources) await source.copy(copy);
  const folder = manifest.takesSources ? path.dirname(path.join(copy, environment.project)) : copy;
  await writeFile(path.join(folder, 'pixi.toml'), manifest.text);
  const lock = path.join(from, 'pixi.lock');
  if (!manifest.changed && existsSync(lock)) await copyFile(lock, path.join(folder, 'pixi.lock'));
  // Somebody's own settings may put environments elsewhere, out of reach of whoever takes this one away.
  await mkdir(path.join(folder, '.pixi'), { recursive: true });
  await writeFile(path.join(folder, '.pixi/config.toml'), 'detached-environments = false\n');
  return folder;
}

/** Without a lock in the repository what was found is part of what was built, and is kept beside it. */
async function tellLock(folder: string, place: BuildPlace): Promise<void> {
  const lock = path.join(place.folder, 'pixi.lock');
  await copyFile(path.join(folder, 'pixi.lock'), lock).catch(() => undefined);
  place.warn(
    `there is no pixi.lock for this: packages were resolved, and what was found is kept in ${lock}; beside pixi.toml it makes every build the same`,
  );
}

/** What pixi's own hook for shells sets, the scripts of packages included. */
async function keepHook(
  tool: Tool,
  where: readonly string[],
  { place, folder, tools }: { place: BuildPlace; folder: string; tools: Tools },
): Promise<void> {
  const host = Object.entries(tools.host).flatMap(([name, value]): [string, string][] =>
    value === undefined || /^(?:CONDA|PIXI)_/.test(name) ? [] : [[name, value]],
  );
  const hook = await place.command(
    tool.program,
    ['shell-hook', '--shell', 'bash', ...where, '--frozen'],
    { folder, environment: { ...Object.fromEntries(host), PATH: BASE_PATH }, apart: true },
  );
  const { variables } = await keepActivation(place, tools, hook.stdout);
  if (variables['CONDA_PREFIX'] === undefined)
    throw new EnvironmentFailed('the hook of pixi for shells names no CONDA_PREFIX');
}

function activate(environment: PixiEnvironment, folder: string, inherited: Variables): Variables {
  const variables = activated(folder, inherited);
  return {
    ...variables,
    CONDA_DEFAULT_ENV: environment.name ?? variables['CONDA_PREFIX'] ?? '',
    PIXI_ENV_ACTIVATED: 'true',
  };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
