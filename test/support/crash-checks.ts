// What must hold after a round of the crash harness, read from the files alone.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode, encodeChunk } from '#core/walk/codec.ts';
import { fold } from '#core/walk/fold.ts';
import { link } from '#core/walk/graph.ts';
import { initialState } from '#core/walk/state.ts';
import { openTable } from '#embedded/table.ts';
import { limits } from '#schemas/limits.ts';
import { type Plan, type PlanNode, plan as planSchema } from '#schemas/plan.ts';
import { type Fact, fact } from '#schemas/run.ts';
import { type RunStart, runStart } from '#schemas/run-start.ts';
import { planObject } from '#service/keys.ts';
import { SECRET } from './crash-kinds.ts';

export type Table = ReturnType<typeof openTable>;

export interface ReadRun {
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

export function planOf(dataDir: string, start: RunStart): Plan {
  const text = readFileSync(join(dataDir, 'objects', planObject('default', start.plan)), 'utf8');
  return planSchema.parse(JSON.parse(text));
}

/** All runs of a data directory; none where there is no table yet. */
export async function readRuns(dataDir: string): Promise<readonly ReadRun[]> {
  if (!existsSync(join(dataDir, 'millrace.db'))) return [];
  let table: Table | undefined;
  try {
    table = openTable(join(dataDir, 'millrace.db'), { readOnly: true });
    return await allRuns(table);
  } catch {
    // It is just being made.
    return [];
  } finally {
    table?.close();
  }
}

async function allRuns(table: Table): Promise<readonly ReadRun[]> {
  const months = (await table.query({ pk: 'NS#default#MONTHS' })).items;
  const pages = await Promise.all(
    months.map((month) => table.query({ pk: `NS#default#RUNS#${month.sk}` })),
  );
  return Promise.all(pages.flatMap(({ items }) => items.map(({ sk }) => readRun(table, sk))));
}

/** The last one of a pipeline that is no work of another run. */
export function topOf(all: readonly ReadRun[], pipeline: string): ReadRun | undefined {
  return all
    .filter(({ start }) => start.parent === undefined && start.pipeline === pipeline)
    .at(-1);
}

/** Of the runs of these pipelines and all below them. */
export async function check(folder: string, pipelines: readonly string[]): Promise<string[]> {
  const dataDir = join(folder, '.millrace');
  const faults: string[] = [];
  const table = openTable(join(dataDir, 'millrace.db'), { readOnly: true });
  try {
    const all = await allRuns(table);
    const active = (await table.query({ pk: 'NS#default#ACTIVE' })).items;
    for (const pipeline of pipelines) {
      const top = topOf(all, pipeline);
      if (top === undefined) faults.push(`no run of ${pipeline} is in the list`);
      const tree = top === undefined ? [] : below(all, top.run);
      faults.push(...checkEffects(effectsOf(folder), tree, dataDir));
      faults.push(...checkSubRuns(tree, dataDir));
      for (const run of tree) {
        faults.push(...checkNodes(run, dataDir), ...(await checkRun(table, run, dataDir)));
        if (active.some(({ sk }) => run.run === sk))
          faults.push(`run ${run.run} still counts as active`);
      }
    }
  } finally {
    table.close();
  }
  return [...faults, ...secretIn(dataDir)];
}

export function effectsOf(folder: string): string[] {
  const file = join(folder, 'effects');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

/** What leaves a line for each of its attempts. */
const hasEffect = ({ executor }: PlanNode): boolean =>
  executor.kind === 'function' ||
  (executor.kind === 'steps' && executor.plan.nodes.every(isProgram));

const isProgram = ({ executor }: PlanNode): boolean => executor.kind === 'command';

/** Operators of a line tell of themselves otherwise. */
const programsOf = ({ dialect, nodes }: Plan): readonly PlanNode[] =>
  dialect === 'operators' ? [] : nodes.filter(hasEffect);

type Attempted = Extract<Fact, { fact: 'started' | 'ended' | 'retrying' }>;

/** The attempts that a fact tells of, as their effects are written; of the node itself none where it has instances. */
function attemptsIn(run: string, of: Attempted, fanned: boolean): string[] {
  const { node, attempt } = of;
  if (of.fact === 'retrying')
    return [`${run} ${of.instance === undefined ? node : `${node}[${of.instance}]`} ${attempt}`];
  if (of.instances === undefined) return fanned ? [] : [`${run} ${node} ${attempt}`];
  const [first, last] = of.instances;
  return Array.from(
    { length: last - first + 1 },
    (_, at) => `${run} ${node}[${first + at}] ${attempt}`,
  );
}

/** At most once for each attempt; exactly once for the one that completed. What had one and did not complete was interrupted. */
function checkEffects(
  effects: readonly string[],
  tree: readonly ReadRun[],
  dataDir: string,
): string[] {
  const faults: string[] = [];
  const counts = new Map<string, number>();
  for (const effect of effects) counts.set(effect, (counts.get(effect) ?? 0) + 1);
  for (const [effect, count] of counts)
    if (count > 1) faults.push(`the effect of ${effect} happened ${count} times`);
  for (const { run, start, facts } of tree) {
    const working = new Map(
      programsOf(planOf(dataDir, start)).map((node) => [node.id, node.forEach !== undefined]),
    );
    const over = new Set<string>();
    for (const each of facts) {
      if (each.fact !== 'ended' && each.fact !== 'retrying') continue;
      const fanned = working.get(each.node);
      if (fanned === undefined) continue;
      for (const attempt of attemptsIn(run, each, fanned)) {
        over.add(attempt);
        if (each.fact === 'ended' && each.status === 'completed' && counts.get(attempt) !== 1)
          faults.push(`${attempt} completed, and had its effect ${counts.get(attempt) ?? 0} times`);
        if (each.fact === 'retrying' && each.result !== 'interrupted')
          faults.push(`${attempt} ended ${each.result}`);
      }
    }
    for (const effect of counts.keys())
      if (effect.startsWith(`${run} `) && !over.has(effect))
        faults.push(`${effect} had an effect, and no end is in the log`);
  }
  return faults;
}

/** Each node and each instance has ended once. */
function checkNodes({ run, start, facts }: ReadRun, dataDir: string): string[] {
  const faults: string[] = [];
  const ended = new Map<string, number>();
  for (const each of facts) {
    if (each.fact !== 'ended') continue;
    const [first, last] = each.instances ?? [-1, -1];
    for (let at = first; at <= last; at += 1) {
      const name = at < 0 ? each.node : `${each.node}[${at}]`;
      ended.set(name, (ended.get(name) ?? 0) + 1);
    }
  }
  for (const { id } of planOf(dataDir, start).nodes)
    if (!ended.has(id)) faults.push(`${id} of ${run} did not end`);
  for (const [name, times] of ended)
    if (times !== 1) faults.push(`${name} of ${run} ended ${times} times`);
  return faults;
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

function secretIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    if (!entry.isFile()) return [];
    const file = join(entry.parentPath, entry.name);
    return contentOf(file).includes(SECRET) ? [`${file} holds the secret`] : [];
  });
}

/** Nothing where it went meanwhile, as with a runner that ends. */
function contentOf(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      return Buffer.alloc(0);
    throw error;
  }
}

/** Processes that still know the folder of the round. */
export function leftOver(folder: string): string[] {
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
