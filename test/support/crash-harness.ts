// Kills the engine, the runner or both at random moments of a run, resumes, and checks what must hold after it. Runs inside runs, approvals that are
// decided meanwhile, clients that follow or run beside it, and many instances each have their kind of round.
// Real processes, real files; a round is given by its seed, though the machine decides what a moment finds.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readSpool } from '#runner/spool.ts';
import { runReport } from '#schemas/report.ts';
import { check, effectsOf, leftOver, readRuns, topOf } from './crash-checks.ts';
import {
  BIN,
  CRASH_KINDS,
  type CrashKind,
  type CrashKindName,
  ROOT,
  SECRET,
} from './crash-kinds.ts';
import { People } from './crash-people.ts';

const MILLRACE_UV = join(ROOT, '.tools', 'bin', 'uv');
const MOST_KILLS = 3;
const LONGEST = 90_000;
const FOLLOWER_LATE = 15_000;
/** Milliseconds without an engine, in which others go on. */
const DEAD = 700;
/** Looks for processes that are left, every tenth of a second: an engine in the background ends after a while of its own. */
const LOOKS = 200;

/** mulberry32: small, and the same everywhere. */
export function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export interface Round {
  readonly seed: number;
  readonly kind: CrashKindName;
  readonly kills: readonly string[];
  /** What is wrong; empty when all holds. */
  readonly faults: readonly string[];
  /** Attempts that had their effect. */
  readonly effects: number;
}

interface Engine {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  output: string;
}

const millrace = (folder: string, args: readonly string[]): Engine => node(folder, [BIN, ...args]);

function node(folder: string, args: readonly string[], input?: string): Engine {
  const child = spawn(process.execPath, [...args], {
    cwd: folder,
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, MILLRACE_CACHE_DIR: join(folder, 'cache'), MILLRACE_UV },
  });
  const engine: Engine = {
    child,
    output: '',
    ended: new Promise((resolve) => child.once('close', resolve)),
  };
  const keep = (text: Buffer): void => {
    engine.output += text.toString();
  };
  child.stdin?.end(input);
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  return engine;
}

/** Somebody who follows the run from its first event to its end, whatever becomes of its engine. */
interface Follower {
  readonly run: string;
  readonly client: Engine;
}

/** Undefined when the engine ended before it began a run. */
async function followerOf(folder: string, engine: Engine): Promise<Follower | undefined> {
  const over = engine.ended.then(() => 'over' as const);
  for (;;) {
    const run = /"run":"([0-9A-Z]{26})"/.exec(engine.output)?.[1];
    if (run !== undefined)
      return { run, client: millrace(folder, ['events', run, '-f', '--json']) };
    if ((await Promise.race([over, pause(20)])) === 'over') return undefined;
  }
}

/** Every event came to the client, once and in order, though its engine went away. */
async function checkFollower(folder: string, { run, client }: Follower): Promise<string[]> {
  const late = pause(FOLLOWER_LATE).then(() => 'late' as const);
  const code = await Promise.race([client.ended, late]);
  kill(client.child.pid);
  if (code !== 0) return [`its follower ends with ${code}: ${client.output.slice(-1_000)}`];
  const all = millrace(folder, ['events', run, '--json']);
  await all.ended;
  const seen = eventsIn(client.output);
  return seen.join() === eventsIn(all.output).join()
    ? []
    : [`its follower saw other events: ${seen.join(' ')}`];
}

/** Without what is in no log: that something waits for room. */
function eventsIn(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line): string => JSON.parse(line).event)
    .filter((event) => !event.endsWith('.queued'));
}

const pause = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));

function kill(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was faster.
  }
}

function runnerPids(dataDir: string): number[] {
  if (!existsSync(join(dataDir, 'runner'))) return [];
  return readSpool(dataDir).flatMap((spool) =>
    spool.runner === undefined ? [] : [spool.runner.pid],
  );
}

/** The kind of a seed, where none is asked for. */
export const kindOfSeed = (seed: number): CrashKindName => {
  const names = Object.keys(CRASH_KINDS) as CrashKindName[];
  return names[seed % names.length] ?? 'runs in runs';
};

/** One round. The folder is kept when something is wrong, and named in the faults. */
export async function crashRound(seed: number, kind = kindOfSeed(seed)): Promise<Round> {
  const random = chance(seed);
  const folder = mkdtempSync(join(tmpdir(), 'millrace-crash-'));
  for (const [name, text] of Object.entries(CRASH_KINDS[kind].files(random)))
    writeFileSync(join(folder, name), text);
  const { sources }: CrashKind = CRASH_KINDS[kind];
  sources?.(folder);
  const round = new Crashes(folder, CRASH_KINDS[kind], random);
  const faults = await round.run();
  const effects = effectsOf(folder).length;
  if (faults.length > 0) faults.push(`kept in ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
  return { seed, kind, kills: round.kills, faults, effects };
}

class Crashes {
  readonly kills: string[] = [];
  readonly #folder: string;
  readonly #dataDir: string;
  readonly #kind: CrashKind;
  readonly #random: () => number;
  readonly #faults: string[] = [];
  readonly #followers: Promise<Follower | undefined>[] = [];
  #second: Engine | undefined;

  constructor(folder: string, kind: CrashKind, random: () => number) {
    this.#folder = folder;
    this.#dataDir = join(folder, '.millrace');
    this.#kind = kind;
    this.#random = random;
  }

  async run(): Promise<string[]> {
    const people = new People(this.#dataDir, (args) => this.#say(args), this.#random);
    if (this.#kind.people === true) {
      await node(this.#folder, [BIN, 'secret', 'set', 'CRASH'], SECRET).ended;
      people.begin();
    }
    const code = await this.#lives();
    this.#faults.push(...(await people.end()));
    if (code === 0 && this.#kind.second === true) await this.#endSecond();
    else kill(this.#second?.child.pid);
    await this.#look(code === 0);
    return this.#faults;
  }

  async #say(args: readonly string[]): Promise<{ code: number | null; output: string }> {
    const said = millrace(this.#folder, args);
    return { code: await said.ended, output: said.output };
  }

  /** The exit code of the last one. */
  async #lives(): Promise<number | null> {
    let code: number | null = null;
    for (let life = 0; life <= MOST_KILLS && code !== 0; life += 1) {
      const known = topOf(await readRuns(this.#dataDir), 'crash')?.run;
      const { begin, goOn } = this.#kind;
      const engine = node(this.#folder, known === undefined ? begin : goOn(known));
      if (known === undefined) this.#followers.push(followerOf(this.#folder, engine));
      this.#beginSecond(engine);
      if (this.#kind.pauses === true) this.#pauseNowAndThen(engine);
      if (life < MOST_KILLS) await this.#kill(engine);
      const late = pause(LONGEST).then(() => 'late' as const);
      const outcome = await Promise.race([engine.ended, late]);
      if (outcome === 'late') {
        this.#faults.push(`hangs: ${engine.output.slice(-2_000)}`);
        kill(engine.child.pid);
        return null;
      }
      code = outcome;
      if (code !== 0 && life === MOST_KILLS)
        this.#faults.push(`ended with ${code}: ${engine.output.slice(-2_000)}`);
      if (code !== 0 && this.#random() < 0.4) await pause(DEAD);
    }
    return code;
  }

  async #kill(engine: Engine): Promise<void> {
    const { targets, moments } = this.#kind;
    const target = targets[Math.floor(this.#random() * targets.length)] ?? 'both';
    const [first, last] = moments;
    const moment = first + this.#random() * (last - first);
    const alive = pause(moment).then(() => 'alive' as const);
    if ((await Promise.race([engine.ended, alive])) !== 'alive') return;
    this.kills.push(`${target}@${Math.round(moment)}`);
    if (target !== 'engine') for (const pid of runnerPids(this.#dataDir)) kill(pid);
    if (target !== 'runner') kill(engine.child.pid);
    if (this.#second !== undefined && this.#random() < 0.4) {
      this.kills.push('client');
      kill(this.#second.child.pid);
    }
  }

  /** As long as this engine lives. Whether the run is still there is its business. */
  #pauseNowAndThen(engine: Engine): void {
    const go = async (): Promise<void> => {
      const over = engine.ended.then(() => true);
      const passed = (most: number): Promise<boolean> =>
        Promise.race([over, pause(this.#random() * most).then(() => false)]);
      while (!(await passed(2_500))) {
        await this.#say(['pause', 'latest']);
        if (await passed(600)) return;
        const goesOn = millrace(this.#folder, ['resume', 'latest', '--json']);
        await Promise.race([over, goesOn.ended]);
        kill(goesOn.child.pid);
      }
    };
    go().catch((error: unknown) => this.#faults.push(String(error)));
  }

  /** As soon as there is an engine to be a client of. */
  #beginSecond(engine: Engine): void {
    if (this.#kind.second !== true) return;
    const begin = async (): Promise<void> => {
      const over = engine.ended.then(() => true);
      while (!engine.output.includes('"run":'))
        if (await Promise.race([over, pause(20).then(() => false)])) return;
      if (this.#second === undefined) this.#second = await this.#nextSecond();
      else if (this.#second.child.exitCode ?? this.#second.child.signalCode)
        this.#second = await this.#nextSecond();
    };
    begin().catch((error: unknown) => this.#faults.push(String(error)));
  }

  async #nextSecond(): Promise<Engine> {
    const known = topOf(await readRuns(this.#dataDir), 'second')?.run;
    const args = known === undefined ? ['run', 'second.yaml'] : ['resume', known];
    return millrace(this.#folder, [...args, '--json']);
  }

  /** It may have been killed; then it goes on by itself. */
  async #endSecond(): Promise<void> {
    for (let life = 0; life <= MOST_KILLS; life += 1) {
      this.#second ??= await this.#nextSecond();
      const late = pause(LONGEST).then(() => 'late' as const);
      const code = await Promise.race([this.#second.ended, late]);
      if (code === 0) return;
      if (code !== null) {
        this.#faults.push(`the second run ends with ${code}: ${this.#second.output.slice(-2_000)}`);
        return kill(this.#second.child.pid);
      }
      this.#second = undefined;
    }
  }

  async #ownFaults(): Promise<void> {
    const { faults } = this.#kind;
    if (faults === undefined) return;
    const { output } = await this.#say(['show', 'latest', '--json']);
    this.#faults.push(...faults(this.#folder, runReport.parse(JSON.parse(output))));
  }

  async #look(completed: boolean): Promise<void> {
    // The run that counts is the last one that was begun.
    const followed = await Promise.all(this.#followers);
    const last = followed.pop();
    for (const early of followed) kill(early?.client.child.pid);
    if (!completed) return kill(last?.client.child.pid);
    if (last !== undefined) this.#faults.push(...(await checkFollower(this.#folder, last)));
    const pipelines = this.#kind.second === true ? ['crash', 'second'] : ['crash'];
    this.#faults.push(...(await check(this.#folder, pipelines)));
    await this.#ownFaults();
    let left = leftOver(this.#folder);
    for (let look = 0; left.length > 0 && look < LOOKS; look += 1) {
      await pause(100);
      left = leftOver(this.#folder);
    }
    this.#faults.push(...left);
  }
}
