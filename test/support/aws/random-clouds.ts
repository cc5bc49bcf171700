// One random pipeline twice: on the emulated cloud with jobs that are played, and by the program on this machine with jobs that are programs.
// What the two come to must be the same, node by node, and no attempt may have been begun twice.
import { isDeepStrictEqual } from 'node:util';
import { compile } from '#core/compile/compile.ts';
import { routes } from '#schemas/api.ts';
import type { RunReport } from '#schemas/report.ts';
import type { AttemptResult } from '#schemas/run.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { jsonLines, Place } from '../millrace.ts';
import { randomSketch } from '../random-plans.ts';
import type { Sketch } from '../sketch.ts';
import { toYaml } from '../sketch-text.ts';
import type { Cloud } from './cloud.ts';
import { Scripted } from './scripted.ts';

const PATIENCE_MS = 10 * 60_000;

/** Jobs that end as the sketch says that is compared now. */
export class SketchedJobs {
  readonly containers = new Scripted({ script: (name) => this.#endOf(name), atOnce: 8 });
  #sketch: Sketch | undefined;

  begin(sketch: Sketch): void {
    this.#sketch = sketch;
    this.containers.claimed.length = 0;
  }

  #endOf({ address, attempt }: AttemptName): AttemptResult {
    const [, id = '', index = '0'] = /^([^[]+)(?:\[(\d+)\])?$/.exec(address) ?? [];
    const endings = this.#sketch?.nodes.find((node) => node.id === id)?.endings[Number(index)];
    const end = endings?.[Math.min(attempt, endings.length) - 1];
    if (end === undefined) throw new Error(`nothing is said of ${address}, attempt ${attempt}`);
    return end;
  }
}

const ROUNDS = 10;

/** From the seed on, the first pipeline of at least so many nodes. */
export function largeSketch(seed: number, nodes: number): { sketch: Sketch; seed: number } {
  for (let next = seed; ; next += 1) {
    const sketch = randomSketch(next, { maxNodes: Math.ceil(nodes * 1.3), mode: 'programs' });
    if (sketch.nodes.length >= nodes) return { sketch: accepted(sketch), seed: next };
  }
}

/** Of many random conditions some happen to be constant, which the compiler refuses: those nodes are left without. */
function accepted(sketch: Sketch): Sketch {
  let found = sketch;
  for (let round = 0; round < ROUNDS; round += 1) {
    const compiled = compile({ text: toYaml(found) });
    if (compiled.ok) return found;
    const refused = new Set(
      compiled.problems.flatMap(({ path }) =>
        Number(/^nodes\[(\d+)\]/.exec(path ?? '')?.[1] ?? -1),
      ),
    );
    const nodes = found.nodes.map((node, index) => {
      if (!refused.has(index)) return node;
      const { start: _start, skip: _skip, inputs: _inputs, ...rest } = node;
      return rest;
    });
    found = { ...found, nodes };
  }
  throw new Error(`${sketch.id} does not compile`);
}

/** Throws with what differs. */
export async function compareOnCloud(
  cloud: Cloud,
  jobs: SketchedJobs,
  sketch: Sketch,
): Promise<void> {
  const source = toYaml(sketch);
  jobs.begin(sketch);
  const { run } = await cloud.api.ask(routes.start, { body: { source } });
  const there = shown(sketch, await cloud.api.ended(run, PATIENCE_MS));
  const { claimed, failures } = jobs.containers;
  if (new Set(claimed).size !== claimed.length)
    throw new Error(`begun twice: ${claimed.filter((each, at) => claimed.indexOf(each) !== at)}`);
  if (failures.length > 0) throw new Error(failures.join('\n'));
  const here = shown(sketch, await reportHere(source));
  if (!isDeepStrictEqual(there, here))
    throw new Error(`on the cloud ${JSON.stringify(there)}\nhere ${JSON.stringify(here)}`);
}

async function reportHere(source: string): Promise<RunReport> {
  const place = new Place({ 'pipeline.yaml': source });
  try {
    const ended = await place.run('run', '--json');
    return jsonLines(ended.stdout).report;
  } finally {
    place.remove();
  }
}

function shown(sketch: Sketch, report: RunReport): unknown {
  const ends = sketch.nodes.map(({ id }) => {
    const node = report.nodes[id];
    if (node === undefined) return [id, null];
    const { status, attempts, reason, instances = [] } = node;
    const each = instances.map((one) => [one.status, one.attempts, one.reason ?? null]);
    return [id, [status, attempts, reason ?? null, each]];
  });
  return { status: report.status, nodes: ends };
}
