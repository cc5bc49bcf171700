// A random pipeline of nodes of all kinds, run twice by the real program or the real library, its approvals decided by somebody from another
// process; what it comes to is compared with what the rules of the design say.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Defect, HasProblems } from '#errors/families.ts';
import { createEngine, type Engine, type HandlerCall } from '#local/library.ts';
import { type EventLine, eventLine, type RunReport, runReport } from '#schemas/report.ts';
import { type AttemptResult, attemptResult } from '#schemas/run.ts';
import type { Json } from '#schemas/values.ts';
import { jsonLines, Place } from './millrace.ts';
import { type Expected, expected, subSketch } from './oracle.ts';
import type { NodeEnd } from './oracle-truth.ts';
import { randomSketch } from './random-plans.ts';
import type { Sketch, SketchNode, SubSketch } from './sketch.ts';
import { HANDLER, padding, SECRET, SECRET_NAME, toFiles } from './sketch-text.ts';

const MOST_NODES = 10;
const DECIDES = 'ana';

/** Where runs of one place happen: in whole processes, or in this one. */
interface Driver {
  /** Undefined when the pipeline is refused because a condition of it happens to be constant. */
  run(): Promise<RunReport | undefined>;
  report(run: string): Promise<RunReport>;
  close(): Promise<void>;
}

/** How often `run` was tried is known of nodes whose result was kept: nobody tried. */
interface Shown {
  readonly status: string;
  readonly attempts: number;
  readonly reason?: string | undefined;
  readonly outputs?: Json;
  readonly reused?: boolean;
  readonly instances?: readonly Shown[];
}

/** Throws with what differs. False where the seed gives no pipeline that compiles. */
export async function compareRandomRuns(seed: number): Promise<boolean> {
  const handlers = seed % 2 === 0;
  const sketch = randomSketch(seed, { maxNodes: MOST_NODES, mode: 'executors', handlers });
  const place = new Place(toFiles(sketch));
  const driver = handlers ? await library(place, sketch) : await program(place, sketch);
  try {
    const first = await driver.run();
    if (first === undefined) return false;
    await compare(sketch, first, driver);
    const again = keptBy(sketch, expected(sketch));
    const second = await driver.run();
    if (second !== undefined) await compare(again, second, driver);
    await driver.close();
    noSecretIn(join(place.folder, '.millrace'));
    return true;
  } catch (error) {
    const texts = Object.entries(toFiles(sketch)).map(([name, text]) => `--- ${name}\n${text}`);
    const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Defect(`seed ${seed}: ${said}\n${texts.join('')}`);
  } finally {
    await driver.close();
    place.remove();
  }
}

/** The run itself, and the runs below it. */
async function compare(sketch: Sketch, report: RunReport, driver: Driver): Promise<void> {
  const wanted = expected(sketch);
  const [found, rules] = [shownRun(sketch, report), wantedRun(sketch, wanted)];
  if (!isDeepStrictEqual(found, rules))
    throw new Defect(
      `${sketch.id} came to ${JSON.stringify(found, null, 1)}\nby the rules ${JSON.stringify(rules, null, 1)}`,
    );
  for (const [index, node] of sketch.nodes.entries()) {
    if (typeof node.by !== 'object' || (wanted.nodes[index]?.attempts ?? 0) === 0) continue;
    const shown = report.nodes[node.id];
    const instances = node.forEach === undefined ? [shown] : (shown?.instances ?? []);
    for (const [at, each] of instances.entries())
      await compareBelow(
        node,
        { by: node.by, item: node.forEach?.[at], run: each?.subRun },
        driver,
      );
  }
}

async function compareBelow(
  node: SketchNode,
  { by, item, run }: { by: SubSketch; item: Json | undefined; run: string | undefined },
  driver: Driver,
): Promise<void> {
  if (run === undefined) throw new Defect(`"${node.id}" has no run of its own`);
  await compare(subSketch(by, item), await driver.report(run), driver);
}

function shownRun(sketch: Sketch, report: RunReport): Json {
  const nodes = sketch.nodes.map((node): [string, Json] => {
    const shown = report.nodes[node.id];
    if (shown === undefined) return [node.id, null];
    const ran = node.forEach !== undefined && shown.status !== 'skipped' && shown.attempts > 0;
    const instances = (shown.instances ?? []).map((each) => shownEnd(each, node));
    return [node.id, plain({ ...shownEnd(shown, node), ...(ran ? { instances } : {}) })];
  });
  const { status, outputs } = report;
  return { status, outputs: plain(outputs ?? {}), nodes: plain(Object.fromEntries(nodes)) };
}

type Reported = Pick<
  RunReport['nodes'][string],
  'status' | 'attempts' | 'reason' | 'outputs' | 'reusedFrom' | 'instances'
>;

function shownEnd(shown: Omit<Reported, 'instances'> & Partial<Reported>, node: SketchNode): Shown {
  const { status, attempts, reason, outputs, reusedFrom } = shown;
  const fanned = node.forEach !== undefined && 'instances' in shown;
  return {
    status,
    attempts,
    reason,
    ...(status === 'completed' && !fanned ? { outputs: withoutList(outputs) } : {}),
    // In runs inside runs, whether another one was faster to keep it is left to chance.
    ...(reusedFrom === undefined || node.reused === undefined ? {} : { reused: true }),
  };
}

const withoutList = (outputs: { readonly [name: string]: Json }): Json =>
  Object.fromEntries(
    Object.entries(outputs).filter(([name]) => name !== 'list' && name !== 'items'),
  );

function wantedRun(sketch: Sketch, { run, nodes, outputs }: Expected): Json {
  const ends = sketch.nodes.map((node, index): [string, Json] => [
    node.id,
    plain(wantedEnd(node, nodes[index])),
  ]);
  return { status: run.status, outputs: outputs ?? {}, nodes: plain(Object.fromEntries(ends)) };
}

function wantedEnd(node: SketchNode, end: NodeEnd | undefined): Shown | undefined {
  if (end === undefined) return undefined;
  const instances = end.instances?.map((each, at) => ({
    ...wantedEnd(node, each),
    ...reusedMark(node, at),
  }));
  return {
    status: end.status,
    attempts: end.attempts,
    reason: end.reason,
    ...(end.status === 'completed' && end.instances === undefined
      ? { outputs: end.outputs ?? {} }
      : {}),
    ...(instances === undefined
      ? node.forEach === undefined && end.started
        ? reusedMark(node, 0)
        : {}
      : { instances: instances as Shown[] }),
  };
}

const reusedMark = (node: SketchNode, instance: number): { reused?: boolean } =>
  node.reused?.includes(instance) === true ? { reused: true } : {};

/** As JSON has it, keys in order. */
function plain(value: unknown): Json {
  return JSON.parse(JSON.stringify(value ?? null));
}

/** What the second run finds kept by the first. */
function keptBy(sketch: Sketch, { nodes }: Expected): Sketch {
  const second = sketch.nodes.map((node, index): SketchNode => {
    if (node.cached === undefined) return node;
    const end = nodes[index];
    const ends = end?.instances ?? (end === undefined ? [] : [end]);
    const reused = ends.flatMap((each, at) => (each.status === 'completed' ? [at] : []));
    const endings = node.endings.map((each, at): readonly AttemptResult[] => {
      const kept = ends[at];
      if (!reused.includes(at)) return each;
      return [{ result: 'completed', outputs: kept?.outputs ?? {} }];
    });
    return { ...node, endings, reused };
  });
  return { ...sketch, nodes: second };
}

/** Approvals that somebody decides, in the sketch and all that it runs. */
function decisions(sketch: Sketch, found = new Map<string, SketchNode>()): Map<string, SketchNode> {
  for (const node of sketch.nodes) {
    if (node.kind === 'approval' && node.deadline === undefined) found.set(node.id, node);
    if (typeof node.by === 'object') decisions(node.by.sketch, found);
  }
  return found;
}

/** Somebody who hears that a person is waited for, and says what the sketch says, from another process. */
class Person {
  readonly #place: Place;
  readonly #asked: Map<string, SketchNode>;
  readonly #said: Promise<void>[] = [];

  constructor(place: Place, sketch: Sketch) {
    this.#place = place;
    this.#asked = decisions(sketch);
  }

  hear({ run, event }: EventLine): void {
    const [, id = '', instance = '0'] = /^([^.[]+)(?:\[(\d+)\])?\.started$/u.exec(event) ?? [];
    const node = this.#asked.get(id);
    if (node === undefined || (node.forEach !== undefined && !event.includes('['))) return;
    const verdict =
      node.endings[Number(instance)]?.[0]?.result === 'completed' ? 'approve' : 'reject';
    const address = event.slice(0, -'.started'.length);
    const said = this.#place.run(verdict, run, address, '--by', DECIDES);
    this.#said.push(
      said.then(({ code, stderr }) => {
        if (code !== 0)
          throw new Defect(`${verdict} ${run} ${address} ended with ${code}: ${stderr}`);
      }),
    );
  }

  async done(): Promise<void> {
    await Promise.all(this.#said);
  }
}

/** The handler that does what its configuration says. */
async function asTold({ config, instance = 0, attempt, signal }: HandlerCall): Promise<Json> {
  if ('key' in config && config['key'] !== SECRET) throw new Defect('another secret came');
  const all = attemptResult.array().array().parse(config['endings'])[instance] ?? [];
  const ending = all[Math.min(attempt, all.length) - 1];
  if (ending?.result === 'timed_out')
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  if (ending?.result !== 'completed') throw new Defect('fails on purpose');
  const count = Number(config['list'] ?? 0);
  const list = Array.from({ length: count }, (_, at) => ({
    k: at * 10,
    pad: 'x'.repeat(padding(count)),
  }));
  return { ...ending.outputs, ...(count > 0 ? { list } : {}) };
}

async function library(place: Place, sketch: Sketch): Promise<Driver> {
  const engine: Engine = await createEngine({ dataDir: join(place.folder, '.millrace') });
  engine.register(HANDLER, asTold);
  await engine.secrets.set(SECRET_NAME, SECRET);
  const file = join(place.folder, 'pipeline.yaml');
  return {
    async run() {
      const run = await submitted(engine, file);
      if (run === undefined) return undefined;
      const person = new Person(place, sketch);
      for await (const line of engine.events(run, { children: true })) person.hear(line);
      await person.done();
      return engine.wait(run);
    },
    report: (run) => engine.report(run),
    close: async () => void (await engine.close({ park: false })),
  };
}

async function submitted(engine: Engine, file: string): Promise<string | undefined> {
  try {
    return (await engine.submit({ file })).run;
  } catch (error) {
    if (error instanceof HasProblems && isConstant(error.problems)) return undefined;
    throw error;
  }
}

/** Of another pipeline, it is told once more where that is named. */
function isConstant(problems: readonly { code: string; severity: string }[]): boolean {
  const codes = problems.flatMap(({ code, severity }) => (severity === 'error' ? [code] : []));
  const pardoned = ['constant_condition', 'unknown_pipeline'];
  return codes.includes('constant_condition') && codes.every((code) => pardoned.includes(code));
}

async function program(place: Place, sketch: Sketch): Promise<Driver> {
  await place.feed(SECRET, 'secret', 'set', SECRET_NAME);
  return {
    async run() {
      const running = place.start('run', '--json');
      const first = JSON.parse(await running.line(() => true));
      if ('problems' in first) {
        if (isConstant(first.problems)) return undefined;
        throw new Defect(`refused: ${JSON.stringify(first.problems, null, 1)}`);
      }
      const person = new Person(place, sketch);
      const follower = place.start('events', first.run, '--children', '-f', '--json');
      hearing(follower.child.stdout, person);
      const ended = await running.ended;
      const { report } = jsonLines(ended.stdout);
      if (ended.code !== (report.status === 'completed' ? 0 : 1))
        throw new Defect(`ended with ${ended.code}: ${ended.stderr}`);
      const followed = await follower.ended;
      if (followed.code !== 0) throw new Defect(`its follower: ${followed.stderr}`);
      await person.done();
      return report;
    },
    async report(run) {
      const { stdout } = await place.run('show', run, '--json');
      return runReport.parse(JSON.parse(stdout.trim().split('\n').at(-1) ?? ''));
    },
    close: async () => undefined,
  };
}

function hearing(stream: NodeJS.ReadableStream | null, person: Person): void {
  let rest = '';
  stream?.on('data', (chunk: Buffer) => {
    const lines = `${rest}${chunk.toString()}`.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const parsed = eventLine.safeParse(JSON.parse(line));
      if (parsed.success) person.hear(parsed.data);
    }
  });
}

function noSecretIn(folder: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile() && readFileSync(file).includes(SECRET))
      throw new Defect(`${file} holds the secret`);
  }
}
