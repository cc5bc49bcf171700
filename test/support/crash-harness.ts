// Kills the engine, the runner or both at random moments of a run of 30 nodes, some of which are runs with runs in them, resumes, and checks what must hold after it.
// A client follows the run all the while.
// Real processes, real files; a round is given by its seed, though the machine decides what a moment finds.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode, encodeChunk } from '#core/walk/codec.ts';
import { fold } from '#core/walk/fold.ts';
import { link } from '#core/walk/graph.ts';
import { initialState } from '#core/walk/state.ts';
import { openTable } from '#embedded/table.ts';
import { readSpool } from '#runner/spool.ts';
import { limits } from '#schemas/limits.ts';
import { type Plan, plan as planSchema } from '#schemas/plan.ts';
import { type Fact, fact, type RunStart, runStart } from '#schemas/run.ts';
import { planObject } from '#service/keys.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
const BIN = join(ROOT, 'bin', 'millrace.js');
const NODES = 30;
const MOST_KILLS = 3;
const LONGEST = 90_000;
const FOLLOWER_LATE = 15_000;

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
  readonly kills: readonly string[];
  /** What is wrong; empty when all holds. */
  readonly faults: readonly string[];
  /** Attempts that had their effect. */
  readonly effects: number;
}

/** The work of every so many nodes is a run of another pipeline, which runs a third one. */
const SUB_RUNS = 6;
const work = (random: () => number, output: string): string => {
  const pause = (random() * 0.12).toFixed(3);
  const command = `echo "$MILLRACE_RUN $MILLRACE_NODE $MILLRACE_ATTEMPT" >> "$MILLRACE_PIPELINE_DIR/effects"; sleep ${pause}; echo "${output}" >> "$MILLRACE_OUTPUTS"`;
  return `steps: [{ command: ${JSON.stringify(command)} }]`;
};

/** File by file. */
function pipelines(random: () => number): Readonly<Record<string, string>> {
  return {
    'child.yaml': `id: child\nnodes:\n  - { id: c0, ${work(random, 'at=0')} }\n  - { id: c1, pipeline: { id: grandchild } }\n  - { id: c2, needs: [c0, c1], ${work(random, 'at=2')} }\n`,
    'grandchild.yaml': `id: grandchild\nnodes:\n  - { id: g0, ${work(random, 'at=0')} }\n`,
    'pipeline.yaml': pipeline(random),
  };
}

function pipeline(random: () => number): string {
  const nodes = Array.from({ length: NODES }, (_, index) => {
    const needs = Array.from({ length: index }, (_unused, other) => `n${other}`).filter(
      () => random() < 1.6 / (index + 1),
    );
    const does =
      index % SUB_RUNS === SUB_RUNS - 1 ? 'pipeline: { id: child }' : work(random, `at=${index}`);
    return `  - id: n${index}\n    needs: [${needs.join(', ')}]\n    ${does}`;
  });
  return `id: crash\nnodes:\n${nodes.join('\n').replaceAll('\n    needs: []', '')}\n`;
}

interface Engine {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  output: string;
}

function millrace(folder: string, args: readonly string[]): Engine {
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, MILLRACE_CACHE_DIR: join(folder, 'cache') },
  });
  const engine: Engine = {
    child,
    output: '',
    ended: new Promise((resolve) => child.once('close', resolve)),
  };
  const keep = (text: Buffer): void => {
    engine.output += text.toString();
  };
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

/** One round. The folder is kept when something is wrong, and named in the faults. */
export async function crashRound(seed: number): Promise<Round> {
  const random = chance(seed);
  const folder = mkdtempSync(join(tmpdir(), 'millrace-crash-'));
  for (const [name, text] of Object.entries(pipelines(random)))
    writeFileSync(join(folder, name), text);
  const dataDir = join(folder, '.millrace');
  const kills: string[] = [];
  const faults: string[] = [];
  const followers: Promise<Follower | undefined>[] = [];
  let args = ['run', 'pipeline.yaml', '--json'];
  let code: number | null = null;
  for (let life = 0; life <= MOST_KILLS; life += 1) {
    const engine = millrace(folder, args);
    if (args[0] === 'run') followers.push(followerOf(folder, engine));
    const target =
      life === MOST_KILLS
        ? 'none'
        : (['engine', 'runner', 'both'][Math.floor(random() * 3)] ?? 'none');
    const moment = 100 + random() * 900;
    const late = pause(LONGEST).then(() => 'late' as const);
    if (target !== 'none') {
      const first = await Promise.race([engine.ended, pause(moment).then(() => 'alive' as const)]);
      if (first === 'alive') {
        kills.push(`${target}@${Math.round(moment)}`);
        if (target !== 'engine') for (const pid of runnerPids(dataDir)) kill(pid);
        if (target !== 'runner') kill(engine.child.pid);
      }
    }
    const outcome = await Promise.race([engine.ended, late]);
    if (outcome === 'late') {
      faults.push(`hangs after ${kills.join(', ')}: ${engine.output.slice(-2_000)}`);
      kill(engine.child.pid);
      break;
    }
    code = outcome;
    if (code === 0) break;
    if (code !== null && life === MOST_KILLS)
      faults.push(`ended with ${code}: ${engine.output.slice(-2_000)}`);
    args =
      existsSync(join(dataDir, 'millrace.db')) && (await hasRun(dataDir))
        ? ['resume', 'latest', '--json']
        : ['run', 'pipeline.yaml', '--json'];
  }
  // The run that counts is the last one that was begun.
  const followed = await Promise.all(followers);
  const last = followed.pop();
  for (const early of followed) kill(early?.client.child.pid);
  if (code !== 0) kill(last?.client.child.pid);
  else {
    if (last !== undefined) faults.push(...(await checkFollower(folder, last)));
    faults.push(...(await check(folder, dataDir)));
  }
  const effects = effectsOf(folder).length;
  if (faults.length > 0) faults.push(`kept in ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
  return { seed, kills, faults, effects };
}

/** Plans lie in the data directory before their run is in the table. */
async function hasRun(dataDir: string): Promise<boolean> {
  try {
    const table = openTable(join(dataDir, 'millrace.db'), { readOnly: true });
    try {
      return (await table.query({ pk: 'NS#default#MONTHS' })).items.length > 0;
    } finally {
      table.close();
    }
  } catch {
    return false;
  }
}

function effectsOf(folder: string): string[] {
  const file = join(folder, 'effects');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

async function check(folder: string, dataDir: string): Promise<string[]> {
  const faults: string[] = [];
  const table = openTable(join(dataDir, 'millrace.db'), { readOnly: true });
  try {
    const runs = (await table.query({ pk: 'NS#default#MONTHS' })).items;
    const found = (
      await Promise.all(runs.map((month) => table.query({ pk: `NS#default#RUNS#${month.sk}` })))
    ).flatMap((page) => page.items);
    const tops = found.filter((item) => item['parent'] === undefined);
    const last = tops.at(-1);
    if (last === undefined) return ['no run is in the list'];
    const all = await Promise.all(found.map(({ sk }) => readRun(table, sk)));
    const tree = below(all, last.sk);
    if (tops.length === 1) faults.push(...checkEffects(effectsOf(folder), tree));
    faults.push(...checkNodes(tree[0]?.facts ?? []), ...checkSubRuns(tree, dataDir));
    for (const run of tree) faults.push(...(await checkRun(table, run, dataDir)));
    for (const { sk } of (await table.query({ pk: 'NS#default#ACTIVE' })).items)
      if (tree.some(({ run }) => run === sk)) faults.push(`run ${sk} still counts as active`);
  } finally {
    table.close();
  }
  let left = leftOver(folder);
  for (let look = 0; left.length > 0 && look < 50; look += 1) {
    await pause(100);
    left = leftOver(folder);
  }
  return [...faults, ...left];
}

type Table = ReturnType<typeof openTable>;

interface ReadRun {
  readonly run: string;
  readonly start: RunStart;
  readonly facts: readonly Fact[];
}

const runPk = (run: string): string => `NS#default#RUN#${run}`;

async function readRun(table: Table, run: string): Promise<ReadRun> {
  const pk = runPk(run);
  const start = runStart.parse((await table.get({ pk, sk: 'START' }))?.['start']);
  const facts = (await table.query({ pk, prefix: 'LOG#' })).items.flatMap((item) =>
    fact.array().parse(item['facts']),
  );
  return { run, start, facts };
}

/** A run and all runs below it, the run first. */
function below(all: readonly ReadRun[], top: string): readonly ReadRun[] {
  const tree = all.filter(({ run }) => run === top);
  // What is found is looked through as well.
  for (const { run } of tree) tree.push(...all.filter(({ start }) => start.parent?.run === run));
  return tree;
}

function planOf(dataDir: string, start: RunStart): Plan {
  const text = readFileSync(join(dataDir, 'objects', planObject('default', start.plan)), 'utf8');
  return planSchema.parse(JSON.parse(text));
}

/** It has ended once, nothing waits for it, and its log makes its state. */
async function checkRun(table: Table, of: ReadRun, dataDir: string): Promise<string[]> {
  const { run, start, facts } = of;
  const pk = runPk(run);
  const faults: string[] = [];
  const graph = link(planOf(dataDir, start));
  const timeout = start.timeout ?? limits.runTimeout;
  const folded = fold(graph, initialState(graph, { timeout, seeds: [] }), facts);
  const head = (await table.get({ pk, sk: 'HEAD' }))?.['head'];
  if (JSON.stringify(encode(folded).head) !== JSON.stringify(head))
    faults.push(`folding the log of ${run} does not give the stored head`);
  for (const item of (await table.query({ pk, prefix: 'CHUNK#' })).items) {
    const same =
      JSON.stringify(encodeChunk(folded, item.sk.slice('CHUNK#'.length))) ===
      JSON.stringify(item['data']);
    if (!same) faults.push(`folding the log of ${run} does not give ${item.sk}`);
  }
  if ((await table.query({ pk, prefix: 'IN#' })).items.length > 0)
    faults.push(`the inbox of ${run} is not empty`);
  const ends = facts.filter((fact) => fact.fact === 'run.ended').length;
  if (ends !== 1) faults.push(`run ${run} ended ${ends} times`);
  return faults;
}

/** At most once for each attempt; exactly once for the one that completed and has a program. */
function checkEffects(effects: readonly string[], tree: readonly ReadRun[]): string[] {
  const faults: string[] = [];
  const counts = new Map<string, number>();
  for (const effect of effects) counts.set(effect, (counts.get(effect) ?? 0) + 1);
  for (const [effect, count] of counts)
    if (count > 1) faults.push(`the effect of ${effect} happened ${count} times`);
  for (const { run, facts } of tree) {
    const isSubRun = (node: string): boolean =>
      tree.some(({ start }) => start.parent?.run === run && start.parent.address === node);
    for (const fact of facts) {
      if (fact.fact !== 'ended' || fact.status !== 'completed' || isSubRun(fact.node)) continue;
      if (counts.get(`${run} ${fact.node} ${fact.attempt}`) !== 1)
        faults.push(
          `${fact.node} of ${run} completed with attempt ${fact.attempt}, which had no effect`,
        );
    }
  }
  return faults;
}

/** Each attempt of a node that runs a pipeline has one run, which completed if the attempt did. */
function checkSubRuns(tree: readonly ReadRun[], dataDir: string): string[] {
  const faults: string[] = [];
  for (const { run, start, facts } of tree) {
    const nodes = planOf(dataDir, start).nodes.filter(
      ({ executor }) => executor.kind === 'pipeline',
    );
    for (const { id } of nodes) {
      const attempts = facts.filter((fact) => fact.fact === 'started' && fact.node === id);
      const children = tree.filter(
        (each) => each.start.parent?.run === run && each.start.parent.address === id,
      );
      if (attempts.length !== children.length)
        faults.push(`${id} of ${run} has ${attempts.length} attempts and ${children.length} runs`);
      const completed = children.filter((child) =>
        child.facts.some((fact) => fact.fact === 'run.ended' && fact.status === 'completed'),
      );
      const ended = facts.some(
        (fact) => fact.fact === 'ended' && fact.node === id && fact.status === 'completed',
      );
      if (completed.length !== (ended ? 1 : 0))
        faults.push(`${id} of ${run} ended otherwise than its run`);
    }
  }
  return faults;
}

/** Of the top: each node has ended once. */
function checkNodes(facts: readonly Fact[]): string[] {
  const faults: string[] = [];
  const ended = new Map<string, number>();
  for (const fact of facts)
    if (fact.fact === 'ended') ended.set(fact.node, (ended.get(fact.node) ?? 0) + 1);
  for (let index = 0; index < NODES; index += 1) {
    if (ended.get(`n${index}`) !== 1)
      faults.push(`n${index} ended ${ended.get(`n${index}`) ?? 0} times`);
  }
  return faults;
}

/** Processes that still know the folder of the round. */
function leftOver(folder: string): string[] {
  const left: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    if (Number(pid) === process.pid) continue;
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
      if (command.includes(folder) || environment.includes(`${folder}/.millrace/`))
        left.push(`process ${pid} is left: ${command.slice(0, 200)}`);
    } catch {
      // It ended meanwhile, or is another user's.
    }
  }
  return left;
}
