// Compares what a simulated run came to with what it must come to.
import { compile } from '#core/compile/compile.ts';
import { Defect } from '#errors/families.ts';
import type { Problem } from '#schemas/problems.ts';
import { expected } from '#support/oracle.ts';
import { judge, type NodeEnd } from '#support/oracle-truth.ts';
import { handledBy, wildcardSources } from '#support/oracle-wildcards.ts';
import { randomSketch } from '#support/random-plans.ts';
import type { Sketch } from '#support/sketch.ts';
import { toYaml } from '#support/sketch-text.ts';
import { keyOf, type Ledger } from './walk-ledger.ts';
import { WalkSimulation } from './walk-simulation.ts';

export interface Simulated {
  readonly walks: number;
  readonly facts: number;
}

/** One seed: a random plan, a random order. Throws with what is wrong. */
export function simulateWalk(
  seed: number,
  options: { readonly maxNodes?: number; readonly trace?: (line: string) => void } = {},
): Simulated {
  // Every third plan has what makes its end depend on the order.
  const wild = seed % 3 === 2;
  const sketch = randomSketch(seed, {
    maxNodes: options.maxNodes ?? 30,
    mode: wild ? 'wild' : 'settled',
  });
  const simulation = new WalkSimulation(sketch, seed, {
    wild,
    ...(options.trace && { trace: options.trace }),
  });
  simulation.run();
  if (!wild) compare(sketch, simulation.ledger);
  checkEnds(sketch, simulation.ledger);
  return { walks: simulation.walks, facts: simulation.facts.length };
}

/** The same by way of a file of the native dialect: what the compiler makes of it comes to the same. */
export function simulateFile(
  seed: number,
  options: { readonly trace?: (line: string) => void } = {},
): Simulated {
  const sketch = randomSketch(seed, { maxNodes: 20, mode: 'programs' });
  const compiled = compile({ text: toYaml(sketch) });
  if (!compiled.ok) return refused(sketch, compiled.problems);
  const simulation = new WalkSimulation(sketch, seed, {
    wild: false,
    plan: compiled.plan,
    ...options,
  });
  simulation.run();
  compare(sketch, simulation.ledger);
  return { walks: simulation.walks, facts: simulation.facts.length };
}

/** A random condition may happen to be constant; everything else must compile. */
function refused(sketch: Sketch, problems: readonly Problem[]): Simulated {
  const others = problems.filter(
    (problem) => problem.severity === 'error' && problem.code !== 'constant_condition',
  );
  if (others.length > 0)
    throw new Defect(`${toYaml(sketch)}
${JSON.stringify(others, null, 2)}`);
  return { walks: 0, facts: 0 };
}

/** Insists that the run came to what the oracle says. */
export function compare(sketch: Sketch, ledger: Ledger): void {
  const wanted = expected(sketch);
  if (ledger.end?.status !== wanted.run.status || ledger.end.reason !== wanted.run.reason) {
    throw new Defect(`the run ended ${text(ledger.end)}; expected ${text(wanted.run)}`);
  }
  for (const [index, end] of wanted.nodes.entries()) {
    const node = sketch.nodes[index];
    if (node === undefined || node.kind === 'prepare') continue;
    compareEnd(`node "${node.id}"`, ledger, keyOf({ node: index }), end);
    for (const [instance, each] of (end.instances ?? []).entries()) {
      const place = { node: index, instance };
      compareEnd(`instance ${instance} of "${node.id}"`, ledger, keyOf(place), each);
    }
  }
}

function compareEnd(subject: string, ledger: Ledger, key: string, end: NodeEnd): void {
  const found = ledger.ended.get(key);
  // When the time is up, whether a node is skipped for that or because its source was is a matter of the bounds.
  const timeUp = end.reason === 'run_timeout' && found?.reason === 'condition_never';
  const sameReason = end.status === 'completed' || found?.reason === end.reason || timeUp;
  if (found?.status !== end.status || !sameReason) {
    throw new Defect(`${subject} ended ${text(found)}; expected ${end.status} (${end.reason})`);
  }
  const attempts = ledger.attempts.get(key) ?? 0;
  if (end.instances === undefined && attempts !== end.attempts) {
    throw new Defect(`${subject} took ${attempts} attempt(s); expected ${end.attempts}`);
  }
}

const text = (value: unknown): string => JSON.stringify(value) ?? 'not at all';

/** Holds for every run, whatever came between: each end fits the ends of the others. */
export function checkEnds(sketch: Sketch, ledger: Ledger): void {
  const ends = new Map<number, NodeEnd>();
  for (const [index, node] of sketch.nodes.entries()) {
    const found = ledger.ended.get(`${index}`);
    if (found === undefined) {
      if (node.kind === 'prepare') continue;
      throw new Defect(`W6: node "${node.id}" never ended`);
    }
    ends.set(index, { ...found, attempts: found.attempt, ...beginning(ledger, index, sketch) });
  }
  checkConditions(sketch, ends);
  checkRunEnd(sketch, ledger, ends);
}

function beginning(
  ledger: Ledger,
  index: number,
  sketch: Sketch,
): Pick<NodeEnd, 'started' | 'retried'> {
  const found = ledger.ended.get(`${index}`);
  const started = sketch.nodes[index]?.forEach
    ? (found?.attempt ?? 0) > 0
    : ledger.attempts.has(`${index}`);
  return { started: started && !sketch.seeds.has(index), retried: ledger.retried.has(index) };
}

/** What a node came to fits what its condition says of the others' ends. Terms need outputs and are left to the oracle. */
function checkConditions(sketch: Sketch, ends: Map<number, NodeEnd>): void {
  const world = { sketch, ends, sources: wildcardSources(sketch) };
  for (const [index, node] of sketch.nodes.entries()) {
    const end = ends.get(index);
    if (
      end === undefined ||
      sketch.seeds.has(index) ||
      JSON.stringify(node.start ?? null).includes('"term"')
    )
      continue;
    const needs = (node.needs ?? []).every((need) => ends.get(need)?.status === 'completed');
    const truth =
      node.start === undefined ? (needs ? 'true' : 'never') : judge(world, index, node.start);
    const ran = end.started || end.reason === 'skip_when' || end.reason === 'environment_failed';
    if (ran && truth !== 'true')
      throw new Defect(`node "${node.id}" ran, yet its condition is ${truth}`);
    if (end.reason === 'condition_never' && truth !== 'never') {
      throw new Defect(`node "${node.id}" was skipped, yet its condition is ${truth}`);
    }
  }
}

function checkRunEnd(sketch: Sketch, ledger: Ledger, ends: ReadonlyMap<number, NodeEnd>): void {
  const unhandled = [...ends].filter(([index, end]) => {
    if (end.status !== 'failed' && end.status !== 'timed_out') return false;
    if (sketch.nodes[index]?.kind === 'prepare') return false;
    return !handledBy(sketch, index, end).some(
      (handler) => ends.get(handler)?.status === 'completed',
    );
  });
  const status = ledger.end?.status;
  const agrees = status === 'failed' ? unhandled.length > 0 : unhandled.length === 0;
  if (!agrees && status !== 'cancelled' && status !== 'timed_out') {
    throw new Defect(`the run ended ${status}, with ${unhandled.length} unhandled failure(s)`);
  }
  for (const [group, because] of ledger.failedGroups) {
    const inside = ledger.isInside(because, group);
    const failed = unhandled.some(([index]) => index === because);
    if (!inside || !failed) {
      throw new Defect(
        `group ${group} failed because of "${sketch.nodes[because]?.id}", which is no reason`,
      );
    }
  }
}
