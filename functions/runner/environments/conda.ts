// Environments of conda, unpacked from what conda-pack made of them.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Environment } from '#schemas/plan.ts';
import type { Variables } from '../host-environment.ts';
import { activated, activationScripts, BASE_PATH, keepActivation, prefixOf } from './activation.ts';
import type { ArchiveObject } from './archive-store.ts';
import { type Allowed, checkArguments, optionOf } from './extra-args.ts';
import { EnvironmentFailed } from './failed.ts';
import { programOf } from './find-tool.ts';
import type { BuildPlace, EnvironmentKind, KeyParts, Source, Tools } from './kind.ts';

type CondaEnvironment = Extract<Environment, { kind: 'conda' }>;

export const conda: EnvironmentKind<CondaEnvironment> = {
  // conda-unpack writes its path into its files.
  relocatable: false,
  // Somebody may put another archive in the place of this one.
  fixed: false,
  checkArguments: (extraArgs) => checkArguments(extraArgs, ALLOWED),
  // Whether there is an archive only its store can tell.
  validate: () => undefined,
  ...{ key, build, activate },
  essential: (_, folder) => path.join(prefixOf(folder), 'bin/python'),
};

const ALLOWED: Allowed = {
  tool: 'zstd',
  // Unpacking uses one thread, says nothing and always writes: these are understood and change nothing.
  flags: new Set([
    '-d',
    '--decompress',
    '-q',
    '--quiet',
    '-v',
    '--verbose',
    '-f',
    '--force',
    '--long',
    '--no-progress',
    '-T0',
  ]),
  values: { '--threads': /^\d{1,3}$/, '-T': /^\d{1,3}$/, '--long': /^(?:2[0-9]|3[01]|1[0-9])$/ },
};
const LONG_WINDOW = 27;

async function key(environment: CondaEnvironment, source: Source, tools: Tools): Promise<KeyParts> {
  const archive = await archiveOf(environment, tools);
  const { tag, size } = await archive.look();
  const file = environmentFile(environment, source);
  return {
    kind: 'conda',
    archive: archive.name,
    content: `${tag} ${size}`,
    update: file === undefined ? 'none' : hash(readFileSync(file, 'utf8')),
    conda: file === undefined ? 'none' : (condaOf(tools.host) ?? 'of the archive'),
    platform: `${process.platform}-${process.arch}`,
  };
}

/** What signs and unpacks is loaded by those who need it: a runner starts without. */
async function archiveOf(environment: CondaEnvironment, tools: Tools): Promise<ArchiveObject> {
  const store = await import('./archive-store.ts');
  return store.ArchiveObject.at(environment, tools);
}

async function build(
  environment: CondaEnvironment,
  source: Source,
  place: BuildPlace,
  tools: Tools,
): Promise<void> {
  const archive = await archiveOf(environment, tools);
  const target = path.join(place.folder, 'env');
  await mkdir(target, { recursive: true });
  const object = await archive.look();
  place.say(`unpacking ${archive.name}, ${object.size} bytes`);
  const { unpack } = await import('./unpack.ts');
  await unpack(archive.read(object), target, {
    ...{ name: archive.name, size: object.size, signal: tools.signal },
    windowLog: windowOf(environment.extraArgs ?? []),
  });
  const prefix = await prefixIn(target, archive.name);
  await settle(prefix, archive.name, place);
  const file = environmentFile(environment, source);
  if (file !== undefined) await update(prefix, file, place, tools);
  const names = await readdir(path.join(prefix, 'etc/conda/activate.d')).catch(() => []);
  await keepActivation(place, tools, activationScripts(prefix, names), {
    CONDA_PREFIX: prefix,
    CONDA_SHLVL: '1',
    PATH: [path.join(prefix, 'bin'), BASE_PATH].join(path.delimiter),
  });
}

function windowOf(extraArgs: readonly string[]): number | undefined {
  const given = extraArgs.includes('--long')
    ? LONG_WINDOW
    : Number(optionOf(extraArgs, '--long') ?? Number.NaN);
  return Number.isNaN(given) ? undefined : given;
}

/** The environment itself, which may lie in the one folder of its archive. */
async function prefixIn(target: string, name: string): Promise<string> {
  const [only, another] = await readdir(target);
  const below = path.join(target, only ?? '');
  const prefix = only !== undefined && another === undefined && isPrefix(below) ? below : target;
  if (!isPrefix(prefix))
    throw new EnvironmentFailed(
      `the archive ${name} holds no environment of conda: it has no conda-meta; wanted is what conda-pack makes`,
    );
  if (!existsSync(path.join(prefix, 'bin/python')))
    throw new EnvironmentFailed(`the archive ${name} holds no bin/python`);
  return prefix;
}

function isPrefix(folder: string): boolean {
  return existsSync(path.join(folder, 'conda-meta'));
}

/** Writes the path where it lies now into its files, as conda-pack's own program does. */
async function settle(prefix: string, name: string, place: BuildPlace): Promise<void> {
  const bin = path.join(prefix, 'bin');
  const program = path.join(bin, 'conda-unpack');
  if (existsSync(program)) {
    // By its own Python, for it asks for whichever is on PATH.
    await place.command(path.join(bin, 'python'), [program], {
      folder: prefix,
      environment: { PATH: [bin, BASE_PATH].join(path.delimiter) },
    });
    return;
  }
  const elsewhere = await foreignPrefix(bin);
  if (elsewhere === undefined) return;
  throw new EnvironmentFailed(
    `the archive ${name} has no bin/conda-unpack, and its programs belong to ${elsewhere}; make it with conda-pack and without --dest-prefix`,
  );
}

/** Where the first program whose interpreter is not there believes itself. */
async function foreignPrefix(bin: string): Promise<string | undefined> {
  for (const entry of await readdir(bin, { withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = await open(path.join(bin, entry.name));
    const { buffer, bytesRead } = await file.read(Buffer.alloc(256), 0, 256, 0);
    await file.close();
    const line = /^#! *(\/\S+)\/bin\/\S+/.exec(buffer.toString('latin1', 0, bytesRead));
    const [, prefix] = line ?? [];
    if (prefix !== undefined && prefix !== '/usr' && path.join(prefix, 'bin') !== bin)
      return prefix;
  }
  return undefined;
}

/** The operator's environment.yml, where it is to be followed. */
function environmentFile({ update }: CondaEnvironment, source: Source): string | undefined {
  if (!update) return undefined;
  return ['environment.yml', 'environment.yaml']
    .map((name) => path.join(source.folder, name))
    .find((file) => existsSync(file));
}

/** That it fails is told and no more: the archive alone is what was asked for. */
async function update(
  prefix: string,
  file: string,
  place: BuildPlace,
  tools: Tools,
): Promise<void> {
  const own = path.join(prefix, 'bin/conda');
  const program = condaOf(tools.host) ?? (existsSync(own) ? own : undefined);
  const warn = (why: string): void =>
    place.warn(`the environment is as it was packed, without ${path.basename(file)}: ${why}`);
  if (program === undefined) {
    warn(
      'conda is not installed: not in $MILLRACE_CONDA, not on PATH, not in the archive; need_conda_update: false says that it is not wanted',
    );
    return;
  }
  const args = ['env', 'update', '--prefix', prefix, '--file', file, '--prune'];
  const end = await place.attempt(program, args, {
    folder: place.folder,
    environment: { CONDA_JSON: 'false', NO_COLOR: '1' },
  });
  if (end.how === 'aborted') throw new EnvironmentFailed('the build was stopped');
  const last = end.stderr.split('\n').filter((line) => line.trim() !== '');
  if (end.code !== 0)
    warn(`conda env update ended with ${end.code ?? end.how}: ${last.at(-1)?.trim() ?? ''}`);
}

function condaOf(host: NodeJS.ProcessEnv): string | undefined {
  return ['conda', 'mamba']
    .map((name) => programOf({ name, variable: 'MILLRACE_CONDA' }, host))
    .find((program) => program !== undefined);
}

function activate(environment: CondaEnvironment, folder: string, inherited: Variables): Variables {
  const variables = activated(folder, inherited);
  return {
    ...variables,
    CONDA_DEFAULT_ENV: environment.name ?? variables['CONDA_PREFIX'] ?? '',
    CONDA_SHLVL: '1',
    CONDA_ENV_ACTIVATED: 'true',
  };
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
