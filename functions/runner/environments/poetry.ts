// Environments made by poetry from a pyproject.toml and, where there is one, its lock. The worked example of docs/environments.md.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Environment } from '#schemas/plan.ts';
import type { Variables } from '../host-environment.ts';
import { textOf } from './activation.ts';
import { type Allowed, checkArguments } from './extra-args.ts';
import { EnvironmentFailed } from './failed.ts';
import { findTool } from './find-tool.ts';
import type { BuildPlace, EnvironmentKind, KeyParts, Source, Tools } from './kind.ts';

type PoetryEnvironment = Extract<Environment, { kind: 'poetry' }>;

export const poetry: EnvironmentKind<PoetryEnvironment> = {
  // Scripts of its packages begin with the path of their interpreter.
  relocatable: false,
  fixed: true,
  checkArguments: (extraArgs) => checkArguments(extraArgs, ALLOWED),
  ...{ validate, key, build, activate },
  essential: (environment, folder) => path.join(venvIn(environment, folder), 'bin/python'),
};

const POETRY = {
  name: 'poetry',
  variable: 'MILLRACE_POETRY',
  install: 'pipx install poetry',
  version: /version (\d[^\s)]*)/,
};

const NAMES = /^[\w.-]+(?:[ ,][\w.-]+)*$/;
const ALLOWED: Allowed = {
  tool: 'poetry install',
  flags: new Set([
    ...['--all-extras', '--all-groups', '--compile', '--no-cache', '--no-root'],
    ...['--quiet', '--verbose', '-q', '-v', '-vv', '-vvv'],
  ]),
  values: {
    '--extras': NAMES,
    '-E': NAMES,
    '--only': NAMES,
    '--with': NAMES,
    '--without': NAMES,
  },
};

function validate(environment: PoetryEnvironment, source: Source): void {
  if (!existsSync(path.join(source.folder, environment.project)))
    throw new EnvironmentFailed(`${source.label} has no file "${environment.project}"`);
}

async function key(
  environment: PoetryEnvironment,
  source: Source,
  tools: Tools,
): Promise<KeyParts> {
  const tool = await findTool(POETRY, tools);
  const file = path.join(source.folder, environment.project);
  const lock = textOf(path.join(path.dirname(file), 'poetry.lock'));
  return {
    kind: 'poetry',
    lock: lock === undefined ? 'none' : hash(lock),
    pyproject: hash(readFileSync(file, 'utf8')),
    // The operator itself is installed unless it is told not to be.
    sources: environment.extraArgs?.includes('--no-root') === true ? 'none' : await source.digest(),
    extraArgs: JSON.stringify(environment.extraArgs ?? []),
    platform: `${process.platform}-${process.arch}`,
    // Without a wish in the project it makes environments of the Python that it runs on.
    poetry: `${tool.program} ${tool.version}`,
  };
}

async function build(
  environment: PoetryEnvironment,
  source: Source,
  place: BuildPlace,
  tools: Tools,
): Promise<void> {
  const tool = await findTool(POETRY, tools);
  const { extraArgs = [] } = environment;
  const copy = path.join(place.folder, 'project');
  await mkdir(copy, { recursive: true });
  await source.copy(copy);
  const folder = path.dirname(path.join(copy, environment.project));
  const chosen = extraArgs.some((each) => /^--(?:only|with|all-groups)\b/.test(each));
  await place.command(
    tool.program,
    ['install', '--no-interaction', ...(chosen ? [] : ['--only', 'main']), ...extraArgs],
    {
      folder,
      environment: {
        POETRY_VIRTUALENVS_CREATE: 'true',
        POETRY_VIRTUALENVS_IN_PROJECT: 'true',
        // The one that this process may run in is not meant.
        VIRTUAL_ENV: '',
        CONDA_PREFIX: '',
        NO_COLOR: '1',
      },
    },
  );
  if (!existsSync(path.join(folder, '.venv/bin/python')))
    throw new EnvironmentFailed(`poetry made no environment in ${folder}`);
  if (
    textOf(
      path.join(path.dirname(path.join(source.folder, environment.project)), 'poetry.lock'),
    ) !== undefined
  )
    return;
  const lock = path.join(place.folder, 'poetry.lock');
  await copyFile(path.join(folder, 'poetry.lock'), lock).catch(() => undefined);
  place.warn(
    `there is no poetry.lock: packages were resolved, and what was found is kept in ${lock}; beside pyproject.toml it makes every build the same`,
  );
}

function venvIn({ project }: PoetryEnvironment, folder: string): string {
  return path.join(path.dirname(path.join(folder, 'project', project)), '.venv');
}

function activate(environment: PoetryEnvironment, folder: string, inherited: Variables): Variables {
  const env = venvIn(environment, folder);
  return {
    VIRTUAL_ENV: env,
    POETRY_ACTIVE: '1',
    PATH: [path.join(env, 'bin'), inherited['PATH'] ?? '/usr/bin:/bin'].join(path.delimiter),
  };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
