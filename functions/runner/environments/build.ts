// Has an environment ready: found, or built once however many ask.
import { createWriteStream, existsSync, mkdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import { limits } from '#schemas/limits.ts';
import type { Environment } from '#schemas/plan.ts';
import type { OperatorCode } from '../code/operator-code.ts';
import type { Variables } from '../host-environment.ts';
import { withLease } from '../lease.ts';
import { Seats } from '../seats.ts';
import { callTool, type ToolEnd } from '../tool.ts';
import { shownArguments } from './extra-args.ts';
import { EnvironmentFailed } from './failed.ts';
import { holdInUse, keepAhead, letGo } from './in-use.ts';
import type { BuildPlace, CommandOptions, KeyParts, Tools } from './kind.ts';
import { type Buildable, kindOf } from './kinds.ts';
import { makeRoom } from './make-room.ts';
import {
  type BuiltEnvironment,
  environmentsFolder,
  freshFolder,
  index,
  indexed,
  keyOf,
  markReady,
  membersOf,
  readyEnvironment,
  restoreEnvironment,
  touch,
} from './store.ts';

export interface Ensured extends BuiltEnvironment {
  /** False when it was there already. */
  readonly built: boolean;
  readonly seconds: number;
}

/**
 * Undefined for `host`, which needs nothing. Throws EnvironmentFailed. `look` asks anew for what may have changed although the
 * commit is the same: whoever prepares for a run looks, its steps take what was found.
 */
export async function ensureEnvironment(
  environment: Environment,
  code: OperatorCode,
  tools: Tools,
  { look = true }: { readonly look?: boolean } = {},
): Promise<Ensured | undefined> {
  if (environment.kind === 'host') return undefined;
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  const kind = kindOf(environment);
  const question = questionOf(environment, code, tools);
  const isAsked = question !== undefined && (kind.fixed || !look || tools.offline === true);
  const known = isAsked ? indexed(tools.cacheDir, question) : undefined;
  const found = known === undefined ? undefined : usable(environment, tools.cacheDir, known);
  if (found !== undefined) {
    touch(tools.cacheDir, found.key);
    return { ...found, built: false, seconds: seconds() };
  }
  kind.checkArguments(environment.extraArgs ?? []);
  kind.validate(environment, code);
  const parts = await kind.key(environment, code, tools);
  const key = keyOf(parts);
  const lease = { folder: tools.cacheDir, name: `environment-${key}`, signal: tools.signal };
  const there = (): (BuiltEnvironment & { readonly built: boolean }) | undefined => {
    const ready = usable(environment, tools.cacheDir, key);
    return ready === undefined ? undefined : { ...ready, built: false };
  };
  const result =
    there() ??
    // Somebody else may have built it while this one waited.
    (await withLease(
      lease,
      async () => there() ?? restoreOrBuild({ environment, code, key, parts }, tools),
    ));
  if (question !== undefined) index(tools.cacheDir, question, key);
  touch(tools.cacheDir, key);
  return { ...result, seconds: seconds() };
}

/**
 * The finished environment under this key, or undefined. One that lost what its programs begin with (its interpreter was removed, somebody
 * cleared it out) is none: they would run in whatever else is on PATH.
 */
export function usable(
  environment: Buildable,
  cacheDir: string,
  key: string,
): BuiltEnvironment | undefined {
  const found = readyEnvironment(cacheDir, key);
  if (found === undefined) return undefined;
  return existsSync(kindOf(environment).essential(environment, found.folder)) ? found : undefined;
}

export interface UsedEnvironment {
  readonly ensured: Ensured | undefined;
  /** To be called when the program has ended: until then nobody takes the environment away. */
  release(): void;
}

/** For a program: as it was found when the run was prepared, and kept from being taken away. Throws EnvironmentFailed. */
export async function useEnvironment(
  environment: Environment,
  code: OperatorCode,
  tools: Tools,
): Promise<UsedEnvironment> {
  const used = await heldEnvironment(environment, code, tools, { look: false });
  if (used.ensured !== undefined) letGo(tools.cacheDir, used.ensured.key);
  return used;
}

/** Ahead of the programs that will run in it: until one does it is kept, too. Throws EnvironmentFailed. */
export async function prepareEnvironment(
  environment: Environment,
  code: OperatorCode,
  tools: Tools,
): Promise<Ensured | undefined> {
  const { ensured, release } = await heldEnvironment(environment, code, tools, { look: true });
  if (ensured === undefined) return undefined;
  keepAhead(tools.cacheDir, ensured.key, release);
  if (ensured.built) await makeRoom(tools, ensured.key);
  return ensured;
}

async function heldEnvironment(
  environment: Environment,
  code: OperatorCode,
  tools: Tools,
  how: { readonly look: boolean },
): Promise<UsedEnvironment> {
  for (let left = limits.environmentTurns; ; left -= 1) {
    const ensured = await ensureEnvironment(environment, code, tools, how);
    if (ensured === undefined) return { ensured, release: () => undefined };
    const release = holdInUse(tools.cacheDir, ensured.key);
    // It may have been taken away between the two.
    if (readyEnvironment(tools.cacheDir, ensured.key) !== undefined) return { ensured, release };
    release();
    if (left <= 1)
      throw new EnvironmentFailed(
        `environment ${ensured.key.slice(0, 12)} is taken away as often as it is built`,
      );
  }
}

/** Variables for a program that runs in it. */
export function activation(
  environment: Environment,
  ensured: Ensured | undefined,
  inherited: Variables,
): Variables {
  if (environment.kind === 'host' || ensured === undefined) return {};
  return kindOf(environment).activate(environment, ensured.folder, inherited);
}

/** Working trees change between two looks: of those nothing is known without looking. */
function questionOf(environment: Buildable, code: OperatorCode, tools: Tools): string | undefined {
  if (code.commit === undefined || code.dirty !== undefined) return undefined;
  const { host } = tools;
  const chosen = ['MILLRACE_UV', 'UV_PYTHON', 'MILLRACE_PIXI', 'MILLRACE_CONDA', 'MILLRACE_POETRY'];
  const machine = [process.platform, process.arch, ...chosen.map((each) => host[each])];
  const { name: _, ...what } = environment;
  return JSON.stringify([code.commit, what, machine]);
}

interface Building {
  readonly environment: Buildable;
  readonly code: OperatorCode;
  readonly key: string;
  readonly parts: KeyParts;
}

/** Of all that this process builds. Others of the same environment wait for its lease, not for one of these. */
const seats = new Seats(
  Math.max(limits.buildsAtLeast, Math.floor(availableParallelism() * limits.buildsPerCore)),
);

function inTurn<T>(work: () => Promise<T>, { signal, onWait }: Tools): Promise<T> {
  let waited = false;
  const waits = (): void => {
    waited = true;
    onWait?.(`waits for one of ${seats.count} places to build environments`);
  };
  const begin = (): Promise<T> => {
    if (waited) onWait?.('');
    return work();
  };
  return seats.with(begin, { signal, waits });
}

/** Alone it is built; with other machines one of them builds it and keeps it for all. */
async function restoreOrBuild(
  building: Building,
  tools: Tools,
): Promise<BuiltEnvironment & { readonly built: boolean }> {
  const { archive, cacheDir } = tools;
  const { key } = building;
  if (archive === undefined) return { ...(await build(building, tools)), built: true };
  const what = { kind: 'environments', name: key, signal: tools.signal } as const;
  return archive.once<BuiltEnvironment & { readonly built: boolean }>(
    what,
    async () => {
      const found = await restoreEnvironment(cacheDir, key, (to) => archive.restore(what, to));
      return found === undefined ? undefined : { ...found, built: false };
    },
    async () => {
      tools.onOutput?.(
        Buffer.from(`environment ${key.slice(0, 12)} is not kept yet: building it\n`),
      );
      const built = await build(building, tools);
      await archive.keep(what, path.dirname(built.folder), membersOf(built));
      return { ...built, built: true };
    },
  );
}

async function build(building: Building, tools: Tools): Promise<BuiltEnvironment> {
  const { key, code, environment } = building;
  const started = Date.now();
  const folder = freshFolder(tools.cacheDir, key);
  const logs = path.join(environmentsFolder(tools.cacheDir), 'logs');
  mkdirSync(logs, { recursive: true });
  const logFile = path.join(logs, `${key.slice(0, 12)}-${started}.log`);
  const log = createWriteStream(logFile, { mode: 0o600 });
  try {
    const kind = kindOf(environment);
    const place = buildPlace(folder, { label: code.label, log, logFile }, tools);
    await inTurn(() => kind.build(environment, code, place, tools), tools);
    const seconds = (Date.now() - started) / 1000;
    markReady(tools.cacheDir, key, {
      v: 1,
      folder: path.basename(folder),
      builtAt: started,
      seconds,
      label: code.label,
      ...(kind.relocatable ? {} : { at: folder }),
      parts: { ...building.parts },
    });
    rmSync(logFile, { force: true });
    return { key, folder };
  } catch (error) {
    rmSync(path.dirname(folder), { recursive: true, force: true });
    throw error;
  } finally {
    log.end();
    await finished(log).catch(() => undefined);
  }
}

interface BuildLog {
  readonly label: string;
  readonly log: NodeJS.WritableStream;
  readonly logFile: string;
}

function buildPlace(folder: string, to: BuildLog, tools: Tools): BuildPlace {
  const write = (chunk: Buffer): void => {
    to.log.write(chunk);
    tools.onOutput?.(chunk);
  };
  const attempt = async (program: string, args: readonly string[], options: CommandOptions) => {
    const { apart = false, environment } = options;
    write(Buffer.from(`$ ${commandLine(program, args, apart ? {} : environment)}\n`));
    return callTool({
      ...{ program, args, folder: options.folder, signal: tools.signal },
      environment: apart ? environment : { ...tools.host, ...environment },
      timeout: limits.environmentTimeout,
      ...(apart ? {} : { onOutput: write }),
    });
  };
  return {
    folder,
    attempt,
    command: async (program, args, options) => {
      const end = await attempt(program, args, options);
      if (end.code === 0) return end;
      const line = commandLine(program, args, options.environment);
      throw new EnvironmentFailed(failure(end, { ...to, line }));
    },
    say: (note) => write(Buffer.from(`${note}\n`)),
    warn: (warning) => {
      const line = Buffer.from(`warning: ${warning}\n`);
      if (tools.onWarning === undefined) return write(line);
      to.log.write(line);
      tools.onWarning(warning);
    },
  };
}

/** As one would type it, the variables that matter included. */
function commandLine(
  program: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
): string {
  const words = Object.entries(environment).map(([name, value]) => `${name}=${quote(value)}`);
  return [...words, quote(program), ...shownArguments(args).map(quote)].join(' ');
}

function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The first error, the causes and hints as the tool gave them, then the end of the log, the command and where the rest is. */
function failure(end: ToolEnd, told: { label: string; line: string; logFile: string }): string {
  const head = `the environment of ${told.label} could not be built`;
  const foot = `command: ${told.line}\nwhole log: ${told.logFile}`;
  if (end.how === 'timed_out')
    return `${head}: it took longer than ${limits.environmentTimeout / 60_000} minutes\n${foot}`;
  if (end.how === 'aborted') return `${head}: it was stopped\n${foot}`;
  if (end.how === 'not_started') return `${head}: ${end.stderr}\n${foot}`;
  const lines = end.stderr.split('\n').filter((line) => line.trim() !== '');
  const error =
    lines.find((line) => /^\s*(error|×)/i.test(line)) ?? lines.at(-1) ?? `exit code ${end.code}`;
  const more = lines.filter(
    (line) => line !== error && /^\s*(cause|hint|╰─▶|Caused by):?/i.test(line),
  );
  const tail = lines.join('\n').slice(-limits.buildLogTail / 4);
  return [
    `${head}: ${error.trim()}`,
    ...more.map((line) => line.trim()),
    foot,
    'end of the log:',
    tail,
  ].join('\n');
}
