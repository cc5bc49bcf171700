// Drives runs inside runs to their end through crashes, zombies and lost answers, and asks what must hold between parent and child.
import { view } from '#core/walk/view.ts';
import { Defect } from '#errors/families.ts';
import { type Fact, fact as factSchema } from '#schemas/run.ts';
import type { RunStart } from '#schemas/run-start.ts';
import { tableBells } from '#service/bell.ts';
import { attemptOf } from '#service/bulk.ts';
import { cancelRun, pauseRun, resumeRun } from '#service/command-run.ts';
import { activeRuns, listRuns } from '#service/find-run.ts';
import { addressOf, attemptKey, LOG, type RunRef, runKey } from '#service/keys.ts';
import { hold, loadRun } from '#service/load-run.ts';
import { createService, type Service } from '#service/service.ts';
import { subRunOf } from '#service/sub-run-view.ts';
import { Dice } from '#support/dice.ts';
import type { Texts } from '#support/sub-pipelines.ts';
import { IDLE_JOBS, NO_ALARMS } from './service-checks.ts';
import { type Place, SubRunWorld } from './sub-run-world.ts';

const MOST_STEPS = 20_000;
const step = 'steps: [{ command: "true" }]';

/** A node that waits, a sub-run with a sub-run of its own, and one for each of two. */
function textsOf(dice: Dice): Texts {
  const retry = dice.chance(0.5) ? 'retry: { maxAttempts: 2, delay: 1s, backoff: fixed }, ' : '';
  const failFast = dice.chance(0.3) ? 'failFast: true\n' : '';
  const each = dice.chance(0.5)
    ? '  - { id: each, forEach: [1, 2], maxParallel: 1, pipeline: { id: leaf } }\n'
    : '';
  const refused = dice.chance(0.3)
    ? '  - { id: refused, needs: [first], pipeline: { id: picky, inputs: { text: "{{ first.rows }}" } } }\n'
    : '';
  return {
    'picky.yaml': `id: picky\ninputs: { text: { type: string } }\nnodes: [{ id: only, ${step} }]\n`,
    'main.yaml': `id: main\n${failFast}nodes:
  - { id: first, ${step} }
  - { id: below, needs: [first], ${retry}pipeline: { id: middle } }
${each}${refused}  - { id: last, needs: [below], ${step} }\n`,
    'middle.yaml': `id: middle\nnodes:
  - { id: work, ${step} }
  - { id: deeper, ${dice.chance(0.5) ? 'needs: [work], ' : ''}pipeline: { id: leaf } }\n`,
    // One that waits for its next attempt is where a pause finds it.
    'leaf.yaml': `id: leaf\nnodes:\n  - { id: only, ${dice.chance(0.5) ? 'retry: { maxAttempts: 3, delay: 1s, backoff: fixed }, ' : ''}${step} }\n`,
  };
}

interface Left {
  crashes: number;
  zombies: number;
  lostAnswers: number;
  pauses: number;
  cancels: number;
}

export async function simulateSubRuns(
  place: Place,
  seed: number,
  trace: (line: string) => void = () => {},
): Promise<void> {
  const dice = new Dice(seed ^ 0x5ab0a7);
  const world = await SubRunWorld.open(place, seed, textsOf(dice));
  const some = (most: number): number => (dice.chance(0.4) ? 0 : dice.between(1, most));
  const left: Left = {
    crashes: some(4),
    zombies: place === 'cloud' ? some(2) : 0,
    lostAnswers: place === 'cloud' ? some(2) : 0,
    pauses: some(2),
    cancels: dice.chance(0.4) ? 1 : 0,
  };
  try {
    for (let at = 0; at < MOST_STEPS; at += 1) {
      if (world.failure !== undefined) throw world.failure;
      if (world.scheduler.waiting.length > 0) {
        await move(world, dice, { left, trace });
        continue;
      }
      if (world.isOver) {
        await check(world);
        return;
      }
      if (world.wanted === 'pause') {
        await checkPaused(world);
        await ask(world, 'run');
      } else if (!(await world.alarm())) throw new Defect('asleep: a wake-up was lost');
    }
    throw new Defect('the runs do not end');
  } finally {
    world.close();
  }
}

async function ask(world: SubRunWorld, wanted: 'run' | 'pause' | 'cancel'): Promise<void> {
  world.wanted = wanted;
  const asked = { cancel: cancelRun, pause: pauseRun, run: resumeRun }[wanted];
  await world.person((service) => asked(service, world.main), wanted);
}

/** Nothing moves any more: whatever has not ended stands as the run above it does. */
async function checkPaused({ ports, main }: SubRunWorld): Promise<void> {
  const bells = tableBells(ports.table, async () => {});
  const service = createService({ ...ports, bells, jobs: IDLE_JOBS, alarms: NO_ALARMS });
  if ((await bells.read(main))?.wanted !== 'pause') return;
  for (const { run } of await activeRuns(service, 'default')) {
    const wanted = (await bells.read({ ...main, run }))?.wanted;
    if (wanted === 'run') throw new Defect(`run ${run} goes on, though the one above it is paused`);
  }
}

/** One call goes on, or one fault happens. */
async function move(
  world: SubRunWorld,
  dice: Dice,
  { left, trace }: { left: Left; trace: (line: string) => void },
): Promise<void> {
  const { scheduler } = world;
  const index = dice.below(scheduler.waiting.length);
  const waiting = scheduler.waiting[index];
  if (waiting === undefined) return;
  const { process, label } = waiting;
  if (left.crashes > 0 && process.afterCrash !== undefined && dice.chance(0.03)) {
    left.crashes -= 1;
    trace(`${process.name} CRASHES before ${label}`);
    return world.crash(process);
  }
  if (left.lostAnswers > 0 && process.afterCrash !== undefined && dice.chance(0.03)) {
    left.lostAnswers -= 1;
    const after = dice.chance(0.5);
    trace(`${process.name} NO ANSWER ${after ? 'after' : 'before'} ${label}`);
    await scheduler.take(index)?.refuse(after);
    return;
  }
  const machine = dice.pick([...world.machines.values()].filter(({ done }) => !done));
  if (left.zombies > 0 && machine !== undefined && dice.chance(0.02)) {
    left.zombies -= 1;
    trace(`ZOMBIE of ${machine.ref.run}`);
    return world.nextTick(machine);
  }
  if (left.pauses > 0 && world.wanted === 'run' && dice.chance(0.02)) {
    left.pauses -= 1;
    trace('PAUSE');
    return ask(world, 'pause');
  }
  if (left.cancels > 0 && dice.chance(0.01)) {
    left.cancels -= 1;
    trace('CANCEL');
    return ask(world, 'cancel');
  }
  trace(`${process.name}: ${label}`);
  await scheduler.take(index)?.go();
}

interface Told {
  readonly ref: RunRef;
  readonly start: RunStart;
  readonly facts: readonly Fact[];
  readonly end: string;
}

/** Every run has ended, each child's end is its attempt's outcome, and an attempt has one child. */
async function check({ ports, main }: SubRunWorld): Promise<void> {
  const bells = tableBells(ports.table, async () => {});
  const service = createService({ ...ports, bells, jobs: IDLE_JOBS, alarms: NO_ALARMS });
  const runs = await Promise.all(
    (await listRuns(service, 'default', { all: true })).map(({ run }) =>
      told(service, { ...main, run }),
    ),
  );
  const active = await activeRuns(service, 'default');
  if (active.length > 0) throw new Defect(`still active: ${JSON.stringify(active)}`);
  for (const run of runs) await checkRun(service, run, runs);
}

async function told(service: Service, ref: RunRef): Promise<Told> {
  const held = await hold(service, ref);
  const { state } = await loadRun(held);
  const { end } = view(held.memory.linked.graph, state);
  const log = await service.table.query({ pk: runKey(ref), prefix: LOG });
  const facts = log.items.flatMap((item) => factSchema.array().parse(item['facts']));
  if (end === undefined) throw new Defect(`run ${ref.run} has not ended: an orphan`);
  return { ref, start: held.memory.start, facts, end };
}

const RESULT: Readonly<Record<string, string>> = {
  completed: 'completed',
  failed: 'failed',
  cancelled: 'failed',
  timed_out: 'timed_out',
};

async function checkRun(service: Service, run: Told, runs: readonly Told[]): Promise<void> {
  const { plan } = (await hold(service, run.ref)).memory.linked;
  const isSubRun = (node: string): boolean =>
    plan.nodes.find(({ id }) => id === node)?.executor.kind === 'pipeline';
  for (const fact of run.facts) {
    if (fact.fact !== 'started' || !isSubRun(fact.node)) continue;
    const [from, to] = fact.instances ?? [undefined, undefined];
    // The node of a forEach has no attempt of its own.
    if (from === undefined && plan.nodes.find(({ id }) => id === fact.node)?.forEach) continue;
    for (let index = from ?? 0; index <= (to ?? 0); index += 1) {
      const address = addressOf(fact.node, from === undefined ? undefined : index);
      await checkAttempt(service, run, { address, attempt: fact.attempt, runs });
    }
  }
}

async function checkAttempt(
  service: Service,
  { ref, facts }: Told,
  of: { address: string; attempt: number; runs: readonly Told[] },
): Promise<void> {
  const { address, attempt, runs } = of;
  const what = `${ref.run}/${address}#${attempt}`;
  const children = runs.filter(
    ({ start: { parent } }) =>
      parent?.run === ref.run && parent.address === address && parent.attempt === attempt,
  );
  const item = await service.table.get(attemptKey(ref, address, attempt));
  const [child] = children;
  if (children.length > 1) throw new Defect(`${what} has ${children.length} children`);
  if (item?.['status'] === 'fenced' && child === undefined) return;
  // What it would be given does not fit: then there is no run.
  if (address === 'refused' && item?.['status'] === 'reported' && child === undefined) return;
  if (item === undefined || child === undefined) throw new Defect(`${what} has no child`);
  if (subRunOf(item['job']) !== child.ref.run) throw new Defect(`${what} is another's`);
  const result = attemptOf(item).report?.result.result;
  if (result !== RESULT[child.end])
    throw new Defect(`${what} came to ${result}, its child to ${child.end}`);
  const ended = facts.find(
    (fact) =>
      fact.fact === 'ended' &&
      fact.attempt === attempt &&
      (fact.instances === undefined
        ? fact.node === address
        : addressOf(fact.node, fact.instances[0]) === address),
  );
  const completed = ended?.fact === 'ended' && ended.status === 'completed';
  if (completed !== (child.end === 'completed'))
    throw new Defect(`${what} ended otherwise than its child, which is ${child.end}`);
}
