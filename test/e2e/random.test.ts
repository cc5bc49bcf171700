// Random pipelines as whole processes: what the program makes of a file comes to what the rules of the design say, found by the oracle.
import { describe, expect, test } from 'vitest';
import type { NodeReport, RunReport } from '#schemas/report.ts';
import { jsonLines, Place } from '#support/millrace.ts';
import { type Expected, expected } from '#support/oracle.ts';
import type { NodeEnd } from '#support/oracle-truth.ts';
import { randomSketch } from '#support/random-plans.ts';
import { compareRandomRuns } from '#support/random-runs.ts';
import type { Sketch } from '#support/sketch.ts';
import { toYaml } from '#support/sketch-text.ts';

const PIPELINES = 6;
const WIDE = 12;
const FIRST_WIDE = 8_200;
const AT_ONCE = 4;
const FIRST_SEED = 7_100;
/** A random condition may happen to be constant, which the compiler refuses: such a seed is passed over. */
const MOST_SEEDS = 60;

interface Shown {
  readonly status: string;
  readonly attempts: number;
  readonly reason?: string | undefined;
  readonly instances?: readonly Shown[];
}

function wantedEnd(end: NodeEnd): Shown {
  return {
    status: end.status,
    attempts: end.attempts,
    ...(end.reason === undefined ? {} : { reason: end.reason }),
    ...(end.instances === undefined ? {} : { instances: end.instances.map(wantedEnd) }),
  };
}

function wanted(sketch: Sketch, { run, nodes }: Expected): unknown {
  return {
    status: run.status,
    reason: run.reason,
    nodes: Object.fromEntries(
      sketch.nodes.map((node, index) => [node.id, nodes[index] && wantedEnd(nodes[index])]),
    ),
  };
}

/** `reason` of what completed says nothing, and an empty list of instances is the same as none. */
function shown(node: Pick<NodeReport, 'status' | 'attempts' | 'reason'>): Shown {
  return {
    status: node.status,
    attempts: node.attempts,
    ...(node.reason === undefined ? {} : { reason: node.reason }),
  };
}

function found(sketch: Sketch, report: RunReport): unknown {
  const nodes = sketch.nodes.map(({ id, forEach }): [string, Shown | undefined] => {
    const node = report.nodes[id];
    if (node === undefined) return [id, undefined];
    const ran = forEach !== undefined && node.status !== 'skipped' && node.attempts > 0;
    const instances = (node.instances ?? []).map(shown);
    return [id, { ...shown(node), ...(ran ? { instances } : {}) }];
  });
  return { status: report.status, reason: report.reason, nodes: Object.fromEntries(nodes) };
}

async function compares(seed: number): Promise<boolean> {
  const sketch = randomSketch(seed, { maxNodes: 12, mode: 'programs' });
  const here = new Place({ 'pipeline.yaml': toYaml(sketch) });
  try {
    const ended = await here.run('run', '--json');
    if (ended.code === 2 && ended.stdout.includes('constant_condition')) return false;
    const says = `seed ${seed}\n${toYaml(sketch)}\n${ended.stderr}`;
    expect([0, 1], says).toContain(ended.code);
    const { report } = jsonLines(ended.stdout);
    expect(found(sketch, report), says).toEqual(wanted(sketch, expected(sketch)));
    expect(ended.code, says).toBe(report.status === 'completed' ? 0 : 1);
    const later = jsonLines((await here.run('show', 'latest', '--json')).stdout).report;
    expect({ ...later, at: '' }, says).toEqual({ ...report, at: '' });
    return true;
  } finally {
    here.remove();
  }
}

describe('what a random pipeline of shell programs comes to is what the rules say', () => {
  test(`${PIPELINES} pipelines, from seed ${FIRST_SEED} on`, async () => {
    let next = FIRST_SEED;
    let compared = 0;
    // Two at a time: there are runs that only wait for a retry.
    const work = async (): Promise<void> => {
      while (compared < PIPELINES && next < FIRST_SEED + MOST_SEEDS)
        if (await compares(next++)) compared += 1;
    };
    await Promise.all([work(), work()]);
    expect(compared).toBeGreaterThanOrEqual(PIPELINES);
  });
});

describe('what a random pipeline of nodes of all kinds comes to, in a first and a second run, is what the rules say', () => {
  test(`${WIDE} pipelines, from seed ${FIRST_WIDE} on`, async () => {
    let next = FIRST_WIDE;
    let compared = 0;
    const work = async (): Promise<void> => {
      while (compared < WIDE && next < FIRST_WIDE + MOST_SEEDS)
        if (await compareRandomRuns(next++)) compared += 1;
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    expect(compared).toBeGreaterThanOrEqual(WIDE);
  });
});
