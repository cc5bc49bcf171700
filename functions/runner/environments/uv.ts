// Python environments made by uv from a pyproject.toml and, where there is one, its lock.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Environment } from '#schemas/plan.ts';
import { copyTree } from '../code/working-tree.ts';
import type { Variables } from '../host-environment.ts';
import { textOf } from './activation.ts';
import { emptyEnvironment } from './empty-environment.ts';
import { shownArguments } from './extra-args.ts';
import { EnvironmentFailed } from './failed.ts';
import type {
  BuildPlace,
  CommandOptions,
  EnvironmentKind,
  KeyParts,
  Source,
  Tools,
} from './kind.ts';
import { checkExtraArgs, pythonIn } from './uv-args.ts';
import { seemsToFit } from './uv-lock.ts';
import { readProject } from './uv-project.ts';
import { findInterpreter, findUv } from './uv-tool.ts';

type UvEnvironment = Extract<Environment, { kind: 'uv' }>;

export const uv: EnvironmentKind<UvEnvironment> = {
  relocatable: true,
  fixed: true,
  checkArguments: checkExtraArgs,
  ...{ validate, key, build, activate },
  essential: (_, folder) => path.join(folder, 'env/bin/python'),
};

function validate(environment: UvEnvironment, source: Source): void {
  const file = path.join(source.folder, environment.project);
  if (!existsSync(file))
    throw new EnvironmentFailed(`${source.label} has no file "${environment.project}"`);
}

async function key(environment: UvEnvironment, source: Source, tools: Tools): Promise<KeyParts> {
  const tool = await findUv(tools);
  const { folder, settings, lock, takesSources } = readProject(source.folder, environment.project);
  const { python } = pythonIn(environment.extraArgs ?? []);
  const interpreter = await findInterpreter(tool, { project: folder, python }, tools);
  return {
    kind: 'uv',
    lock: lock === undefined ? 'none' : hash(lock),
    pyproject: hash(settings.join('\n').trimEnd()),
    sources: takesSources ? await source.digest() : 'none',
    extraArgs: JSON.stringify(shownArguments(environment.extraArgs ?? [])),
    platform: `${process.platform}-${process.arch}`,
    python: `${interpreter.path} ${interpreter.version}`,
    uv: tool.version,
  };
}

async function build(
  environment: UvEnvironment,
  source: Source,
  place: BuildPlace,
  tools: Tools,
): Promise<void> {
  const tool = await findUv(tools);
  const project = await projectFor(environment, source, place);
  const { python, others } = pythonIn(environment.extraArgs ?? []);
  const interpreter = await findInterpreter(tool, { project, python }, tools);
  const target = path.join(place.folder, 'env');
  const options = { folder: project, environment: buildVariables(target, interpreter.path, tools) };
  const run = (args: readonly string[]) => place.command(tool.program, args, options);
  const { pyproject, lock, folder, root } = readProject(source.folder, environment.project);
  if (lock === undefined) await run(['lock']);
  else if (!seemsToFit(pyproject, lock)) await tellStaleLock(tool.program, place, options);
  const sync = ['sync', '--frozen', '--no-dev', '--no-editable', '--project', project, ...others];
  if (!fixing.has(tool.version)) await run(sync);
  if (!isRelocatable(target)) {
    fixing.add(tool.version);
    await rm(target, { recursive: true, force: true });
    await copyTree(await emptyEnvironment(tool, interpreter, place, tools), target);
    await run(sync);
  }
  await keepLock(path.join(project, path.relative(folder, root)), place.folder);
  if (lock === undefined)
    place.warn(
      `there is no uv.lock: packages were resolved, and what was found is kept in ${path.join(place.folder, 'uv.lock')}; beside pyproject.toml it makes every build the same`,
    );
  await rm(copyFolder(place), { recursive: true, force: true });
}

/** Versions of uv whose `sync` makes environments that work at one path only. They are given one to begin with that works at any. */
const fixing = new Set<string>();

function isRelocatable(env: string): boolean {
  return /^relocatable = true$/m.test(textOf(path.join(env, 'pyvenv.cfg')) ?? '');
}

/** What the lock says is built all the same. */
async function tellStaleLock(
  program: string,
  place: BuildPlace,
  options: CommandOptions,
): Promise<void> {
  const end = await place.attempt(program, ['lock', '--check'], options);
  if (end.code !== 0 && /needs to be updated/.test(end.stderr))
    place.warn(
      'uv.lock no longer fits pyproject.toml: what it says is installed; mend it with: uv lock',
    );
}

const copyFolder = (place: BuildPlace): string => path.join(place.folder, 'source');

/**
 * Where the tool finds the project. Where it may write beside the sources (a lock to be made, a build backend at work), that is a
 * copy, because those are shared; with a lock that names nothing of the operator's own, it only reads.
 */
async function projectFor(
  environment: UvEnvironment,
  source: Source,
  place: BuildPlace,
): Promise<string> {
  const { lock, folder, takesSources } = readProject(source.folder, environment.project);
  if (lock !== undefined && !takesSources) return folder;
  const copy = copyFolder(place);
  await mkdir(copy, { recursive: true });
  await source.copy(copy);
  return path.dirname(path.join(copy, environment.project));
}

/** What uv calls it: an environment that it makes itself works at any path. Versions that do not know it say so and go on. */
const RELOCATABLE = 'relocatable-envs-default';

function buildVariables(target: string, python: string, tools: Tools): Record<string, string> {
  return {
    UV_PROJECT_ENVIRONMENT: target,
    UV_PYTHON: python,
    UV_PYTHON_DOWNLOADS: 'never',
    UV_PREVIEW_FEATURES: [tools.host['UV_PREVIEW_FEATURES'], RELOCATABLE].filter(Boolean).join(','),
    UV_NO_PROGRESS: '1',
    NO_COLOR: '1',
    ...(tools.offline === true ? { UV_OFFLINE: '1' } : {}),
  };
}

/** Without a lock in the repository the resolution is part of what was built, and is kept beside it. */
async function keepLock(root: string, folder: string): Promise<void> {
  await copyFile(path.join(root, 'uv.lock'), path.join(folder, 'uv.lock')).catch(() => undefined);
}

function activate(_: UvEnvironment, folder: string, inherited: Variables): Variables {
  const env = path.join(folder, 'env');
  return {
    VIRTUAL_ENV: env,
    PATH: [path.join(env, 'bin'), inherited['PATH'] ?? '/usr/bin:/bin'].join(path.delimiter),
    UV_ENV_ACTIVATED: 'true',
  };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
