// Walks as a machine calls them: what a tick answers, alarms that sleep in a queue, walks that die and are begun anew, attempts of which
// nobody heard.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Defect, Transient } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import { emitEvent, resumeRun } from '#service/command-run.ts';
import { decideApproval } from '#service/decide-approval.ts';
import { claimAttempt } from '#service/keep-report.ts';
import {
  attemptKey,
  bellKey,
  headKey,
  outcomeKey,
  quarantineKey,
  type RunRef,
} from '#service/keys.ts';
import { readReport } from '#service/read-run.ts';
import { retryRun } from '#service/retry-run.ts';
import { alarmStep, ringAlarm } from '#service/ring-alarm.ts';
import { firstSwept } from '#service/sweep.ts';
import { judgeWalk, readSigns, type Signs } from '#service/walk-signs.ts';
import { beginNextWalk, walkerName } from '#service/walks.ts';
import { WalkedRuns } from '#support/walked-runs.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const step = 'steps: [{ command: "true" }]';
const two = `id: p\nnodes:\n  - { id: a, ${step} }\n  - { id: b, needs: [a], ${step} }`;
const many = (count: number) =>
  `id: p\nnodes:\n${Array.from({ length: count }, (_, n) => `  - { id: n${n}, ${step} }`).join('\n')}`;

let here: WalkedRuns;
beforeEach(() => {
  here = new WalkedRuns();
});
afterEach(() => here.close());

const report = (run: RunRef) => readReport(here.service, run, new Map());
const statuses = () => [...here.machine.executions.values()].map(({ status }) => status);
const signsOf = async (run: RunRef): Promise<Signs> => {
  const [signs] = await readSigns(here.service.table, [run]);
  if (signs === undefined) throw new Defect('there is no such run');
  return signs;
};

describe('a tick', () => {
  test('parks until somebody rings, and the last one ends the execution', async () => {
    const run = await here.start(two);
    expect(here.machine.calls).toBe(1);
    expect(statuses()).toEqual(['running']);
    await here.complete(['a']);
    expect(here.machine.calls).toBe(2);
    await here.complete(['b']);
    expect((await report(run)).status).toBe('completed');
    expect(statuses()).toEqual(['succeeded']);
  });

  test('that is short of time leaves the rest to the next one, which performs nothing again', async () => {
    here.remaining = 0;
    const run = await here.start(many(700));
    expect(here.ticked.map(({ came }) => came)).toContain('unfinished');
    expect(here.ports.jobs.orders).toHaveLength(700);
    expect((await report(run)).status).toBe('running');
  });

  test('of a run that another walk has taken over ends its execution, and only its own', async () => {
    const run = await here.start(two);
    const [first] = here.machine.running;
    await beginNextWalk({ ...here.service, walks: here.machine.walks }, run, await signsOf(run));
    await here.settle();
    if (first !== undefined) await here.machine.timeout(first);
    await here.settle();
    expect(statuses()).toEqual(['succeeded', 'running']);
    await here.complete(['a']);
    await here.complete(['b']);
    expect(statuses()).toEqual(['succeeded', 'succeeded']);
    expect((await report(run)).status).toBe('completed');
    expect(here.ports.jobs.orders).toHaveLength(2);
  });

  test('leaves nothing behind in its function that grows with the number of runs', async () => {
    const first = await here.start(two);
    for (let n = 0; n < limits.rememberedRuns + 8; n += 1) await here.start(two);
    expect(here.service.runs.size).toBeLessThanOrEqual(limits.rememberedRuns);
    // What is not remembered is read again.
    while (here.ports.jobs.held.includes('a')) await here.complete(['a']);
    while (here.ports.jobs.held.includes('b')) await here.complete(['b']);
    expect((await report(first)).status).toBe('completed');
    expect(here.ports.jobs.orders).toHaveLength(2 * (limits.rememberedRuns + 9));
  });

  test('of a run that is gone ends its execution', async () => {
    const ref = { namespace: 'default', run: '01JD000000000000000000000A' };
    await here.service.takeUp(ref, 'new');
    await here.settle();
    expect(statuses()).toEqual(['succeeded']);
  });

  test('hands over to a new execution in the middle of a fan-out', async () => {
    here.close();
    here = new WalkedRuns({ ticksPerExecution: 4 });
    const run = await here.start(many(30));
    for (let n = 0; n < 30; n += 1) await here.complete([`n${n}`]);
    expect((await report(run)).status).toBe('completed');
    const executions = [...here.machine.executions.values()];
    expect(executions.length).toBeGreaterThan(3);
    expect(new Set(statuses())).toEqual(new Set(['succeeded']));
    for (const { entered } of executions) expect(entered).toBeLessThanOrEqual(4);
    expect(here.ports.jobs.orders).toHaveLength(30);
  });
});

test('a retry knows the events of the earlier run, though they are more than one transaction takes', async () => {
  const run = await here.start(
    `id: p\nnodes:\n  - { id: a, startWhen: "event:external.last", ${step} }`,
  );
  for (let n = 0; n < 2 * limits.transactItems; n += 1)
    await emitEvent(here.service, run, 'external.some', { key: `k${n}` });
  await emitEvent(here.service, run, 'external.last');
  await here.settle();
  await here.ports.jobs.fail('a');
  await here.settle();
  const again = await retryRun(here.service, run);
  await here.service.takeUp(again, 'new');
  await here.settle();
  await here.complete(['a']);
  expect((await report(again)).status).toBe('completed');
});

describe('a tick that fails', () => {
  const breakPlans = (error: Error) => {
    const { objects } = here.ports;
    const get = objects.get.bind(objects);
    objects.get = () => Promise.reject(error);
    here.service.plans.clear();
    here.service.runs.clear();
    return () => void Object.assign(objects, { get });
  };

  test('again and again halts the run at the fifth time, and resuming it begins another walk', async () => {
    const run = await here.create(two);
    const mend = breakPlans(new Defect('the plan is unreadable'));
    await here.service.takeUp(run, 'new');
    await here.settle();
    expect(here.ticked.map(({ came }) => came)).toEqual([
      ...['failed', 'failed', 'failed', 'failed', 'halted'],
    ]);
    const [execution] = here.machine.executions.values();
    expect(execution).toMatchObject({ status: 'failed', because: 'the plan is unreadable' });
    // No sweep goes on with what waits for a person.
    here.ports.clock.advance(DAY);
    expect((await here.sweep()).walks).toBe(0);
    mend();
    await resumeRun(here.service, run);
    await here.settle();
    expect(statuses()).toEqual(['failed', 'running']);
    expect(here.ports.jobs.held).toEqual(['a']);
  });

  test('though what has come is not to blame loses nothing of it: who resumes the run puts back what was set aside', async () => {
    const run = await here.start(
      `id: p\nnodes:\n  - { id: a, startWhen: "event:external.go", ${step} }`,
    );
    await emitEvent(here.service, run, 'external.go');
    const mend = breakPlans(new Defect('no permission'));
    await here.settle();
    expect((await signsOf(run)).halted).toBe(true);
    mend();
    await resumeRun(here.service, run);
    await here.settle();
    expect(here.ports.jobs.held).toEqual(['a']);
  });

  test('because something does not answer is tried for long, with pauses that grow', async () => {
    const pauses: number[] = [];
    here.meanwhile = async (milliseconds) => void pauses.push(milliseconds);
    const run = await here.create(two);
    const mend = breakPlans(new Transient('unavailable', 'no answer'));
    await here.service.takeUp(run, 'new');
    const settled = here.settle();
    here.meanwhile = async (milliseconds) => {
      pauses.push(milliseconds);
      if (pauses.length === 12) mend();
    };
    await settled;
    expect(pauses[0]).toBe(limits.tickPause);
    expect(Math.max(...pauses)).toBe(limits.tickPauseMax);
    expect(here.ports.jobs.held).toEqual(['a']);
    expect((await signsOf(run)).halted).toBe(false);
  });

  test('now and then for another reason, while something does not answer, is not halted for that', async () => {
    const run = await here.start(
      `id: p\nnodes:\n  - { id: a, startWhen: "event:external.go", ${step} }`,
    );
    await emitEvent(here.service, run, 'external.go');
    const { objects } = here.ports;
    const errors = [
      ...Array.from({ length: 6 }, () => new Transient('unavailable', 'no answer')),
      new Defect('the stream ended too soon'),
    ];
    const get = objects.get.bind(objects);
    objects.get = (key) => {
      const error = errors.shift();
      return error === undefined ? get(key) : Promise.reject(error);
    };
    here.service.plans.clear();
    here.service.runs.clear();
    await here.settle();
    expect((await signsOf(run)).halted).toBe(false);
    expect(here.ports.jobs.held).toEqual(['a']);
    expect(await here.service.bells.read(run)).toMatchObject({ failed: 0, unanswered: 0 });
  });

  test('by one item of its inbox sets that aside and goes on with the others', async () => {
    const run = await here.start(two);
    const poison = outcomeKey(run, '0', 1);
    await here.service.table.putIfAbsent({ ...poison, v: 1, at: 0, event: 'no event at all' });
    await here.complete(['a']);
    expect(await here.service.table.get(quarantineKey(run, poison.sk))).toMatchObject({
      event: 'no event at all',
    });
    expect(here.ports.jobs.held).toEqual(['b']);
  });
});

describe('where many attempts are live', () => {
  test('what comes while a tick waits for it is taken in by that tick', async () => {
    await here.start(many(60));
    const { calls } = here.machine;
    const left = Array.from({ length: 35 }, (_, n) => `n${n}`);
    here.meanwhile = () => here.reportAll(left.splice(0, 7));
    await here.complete(['n50']);
    expect(left).toEqual([]);
    expect(here.machine.calls).toBe(calls + 1);
  });

  test('a tick waits no longer than it is worth, nor beyond its own time', async () => {
    await here.start(many(60));
    const waits: number[] = [];
    here.meanwhile = async (milliseconds) => void waits.push(milliseconds);
    await here.complete(['n50']);
    expect(waits.reduce((sum, each) => sum + each, 0)).toBe(limits.linger);
    here.remaining = limits.tickReserve - 1;
    waits.length = 0;
    await here.complete(['n51']);
    expect(waits).toEqual([]);
  });

  test('in a chain nobody waits', async () => {
    const waits: number[] = [];
    here.meanwhile = async (milliseconds) => void waits.push(milliseconds);
    await here.start(two);
    await here.complete(['a']);
    expect(waits).toEqual([]);
  });
});

describe('an alarm', () => {
  const approval =
    'id: p\ntimeout: 15d\nnodes:\n  - { id: ask, approval: { approvers: [bob], deadline: 14d, onDeadline: reject } }';

  test('of a run that waits for two weeks is one message, and rings when its time has come', async () => {
    const run = await here.start(approval);
    expect(here.sleeping).toHaveLength(1);
    await here.pass(13 * DAY, limits.alarmHop);
    expect(here.sleeping).toHaveLength(1);
    expect(new Set(here.rung)).toEqual(new Set(['sleep']));
    expect(here.machine.calls).toBe(1);
    await here.pass(DAY + limits.alarmHop, limits.alarmHop);
    expect(await report(run)).toMatchObject({ status: 'failed' });
  });

  test('counts for who walks by a clock that is behind the one that it rang by', async () => {
    const run = await here.start(approval);
    const [{ alarm } = expect.fail('none was asked for')] = here.sleeping.splice(0);
    here.ports.clock.set(alarm.at - 40);
    const ahead = { ...here.service, clock: { now: () => alarm.at } };
    expect(await ringAlarm(ahead, alarm)).toBe('ring');
    await here.settle();
    expect(await report(run)).toMatchObject({ status: 'failed' });
  });

  test('is forgotten when the run is over', async () => {
    const run = await here.start(approval);
    await decideApproval(here.service, run, 'ask', { approve: true, by: 'bob' });
    await here.settle();
    expect((await report(run)).status).toBe('completed');
    await here.pass(HOUR, limits.alarmHop);
    expect(here.sleeping).toEqual([]);
    expect(here.rung).toEqual(['forget']);
  });

  test('is not asked for again where the one that is set comes earlier; then it is set anew', async () => {
    const nodes = Array.from(
      { length: 6 },
      (_, n) => `  - { id: n${n}, timeout: 1h, ${n === 0 ? '' : `needs: [n${n - 1}], `}${step} }`,
    );
    const run = await here.start(`id: p\nnodes:\n${nodes.join('\n')}`);
    for (let n = 0; n < 5; n += 1) {
      here.ports.clock.advance(MINUTE);
      await here.complete([`n${n}`]);
    }
    expect(here.sleeping).toHaveLength(1);
    // The first one comes for a node that has ended long ago: the last one is still looked after.
    await here.pass(2 * HOUR, MINUTE);
    expect(await report(run)).toMatchObject({ nodes: { n5: { status: 'timed_out' } } });
    await here.pass(HOUR, MINUTE);
    expect(here.sleeping).toEqual([]);
  });

  test('for an earlier time makes the later one be forgotten', async () => {
    const run = await here.start(
      `id: p\nnodes:\n  - { id: a, ${step} }\n  - { id: b, timeout: 10m, needs: [a], ${step} }`,
    );
    await here.complete(['a']);
    expect(here.sleeping).toHaveLength(2);
    await here.pass(limits.alarmHop, MINUTE);
    expect(here.rung).toContain('forget');
    expect(await report(run)).toMatchObject({ status: 'failed' });
  });

  const message = { v: 1, namespace: 'one', run: '01JD000000000000000000000A', at: 5_000 } as const;
  test.each([
    [5_000, undefined, 'ring'],
    [4_999, undefined, 'sleep'],
    [0, { over: true, wakeAt: 5_000 }, 'forget'],
    [5_000, { over: true, wakeAt: undefined }, 'forget'],
    [5_000, { over: false, wakeAt: 4_000 }, 'forget'],
    [0, { over: false, wakeAt: 6_000 }, 'forget'],
    [0, { over: false, wakeAt: 5_000 }, 'sleep'],
    [5_000, { over: false, wakeAt: 5_000 }, 'ring'],
    [5_000, { over: false, wakeAt: undefined }, 'ring'],
  ] as const)('at %d of a run %j: %s', (now, run, wanted) => {
    expect(alarmStep(message, now, run)).toBe(wanted);
  });
});

describe('a walk', () => {
  const signs = (more: Partial<Signs>): Signs => ({
    ...{ startedAt: 0, walk: 0, begun: undefined, over: false, halted: false, neverWalked: false },
    ...{ asleep: false, rungAt: undefined, livedAt: undefined, suspectAt: undefined },
    ...more,
  });
  const now = 10 * DAY;
  const ago = (milliseconds: number) => now - milliseconds;

  test.each([
    ['asleep within its tick’s time', { asleep: true, livedAt: ago(HOUR) }, 0, 'alive'],
    ['asleep for longer than a tick may be', { asleep: true, livedAt: ago(2 * HOUR) }, 0, 'dead'],
    ['rung just now', { rungAt: ago(MINUTE), livedAt: ago(5 * MINUTE) }, 0, 'alive'],
    ['rung long ago, and saving', { rungAt: ago(HOUR), livedAt: ago(HOUR) }, ago(MINUTE), 'alive'],
    ['rung long ago, and silent', { rungAt: ago(HOUR), livedAt: ago(HOUR) }, ago(HOUR), 'dead'],
    [
      'rung, its token never sent',
      { asleep: true, rungAt: ago(HOUR), livedAt: ago(HOUR) },
      ago(HOUR),
      'ring',
    ],
    [
      'rung again and again, silent',
      { rungAt: ago(MINUTE), livedAt: ago(HOUR) },
      ago(HOUR),
      'suspect',
    ],
    [
      'suspected, silent since',
      { rungAt: ago(MINUTE), livedAt: ago(HOUR), suspectAt: ago(5 * MINUTE) },
      ago(HOUR),
      'dead',
    ],
    [
      'suspected before it lived again',
      { rungAt: ago(MINUTE), livedAt: ago(HOUR), suspectAt: ago(DAY) },
      ago(HOUR),
      'suspect',
    ],
    ['failing, and telling so', { rungAt: ago(HOUR), livedAt: ago(MINUTE) }, 0, 'alive'],
    ['halted', { halted: true, livedAt: ago(DAY) }, 0, 'alive'],
  ] as const)('%s', (_, more, savedAt, wanted) => {
    const known = signs(more);
    const first = judgeWalk(known, now);
    expect(first === 'look' ? judgeWalk(known, now, savedAt) : first).toBe(wanted);
  });

  test('has a name that runs of the same id in other namespaces do not have, and that a machine takes', () => {
    const run = '01JD000000000000000000000A';
    const names = ['default', 'other'].map((namespace) => walkerName({ namespace, run }));
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9]{1,40}$/);
  });
});

describe('a sweep', () => {
  const later = (milliseconds: number) => void here.ports.clock.advance(milliseconds);

  test('of runs that are well does nothing to them', async () => {
    await here.start(two);
    for (let n = 0; n < 20; n += 1) {
      later(limits.sweepEvery / 4);
      expect(await here.sweep()).toEqual({ runs: 1, walks: 0, rung: 0, attempts: 0, left: 0 });
      await here.ports.jobs.claim('a');
      await here.service.table.update(attemptKey(await onlyRun(), 'a', 1), {
        set: { beatAt: here.ports.clock.now() },
      });
    }
    expect(here.machine.calls).toBe(1);
  });

  const onlyRun = async (): Promise<RunRef> => {
    const [execution] = here.machine.executions.values();
    if (execution === undefined) throw new Defect('nothing is walked');
    const { namespace, run } = execution.input;
    return { namespace, run };
  };

  test('begins the walk of a run whose starter died before it was begun', async () => {
    const run = await here.create(two);
    later(limits.walkSilence + MINUTE);
    expect((await here.sweep()).walks).toBe(1);
    expect(here.ports.jobs.held).toEqual(['a']);
    expect((await report(run)).status).toBe('running');
  });

  test('begins another walk where the execution is dead, though nobody rang', async () => {
    const run = await here.start(two);
    for (const execution of here.machine.running) here.machine.abort(execution);
    later(limits.tickTimeout);
    expect((await here.sweep()).walks).toBe(0);
    later(limits.walkSilence + MINUTE);
    expect((await here.sweep()).walks).toBe(1);
    await here.complete(['a']);
    await here.complete(['b']);
    expect((await report(run)).status).toBe('completed');
  });

  test('begins another walk where an outcome woke nobody', async () => {
    const run = await here.start(two);
    for (const execution of here.machine.running) here.machine.abort(execution);
    await here.complete(['a']);
    expect(here.ports.jobs.held).toEqual([]);
    later(limits.walkSilence + MINUTE);
    expect((await here.sweep()).walks).toBe(1);
    expect(here.ports.jobs.held).toEqual(['b']);
    expect((await here.sweep()).walks).toBe(0);
    expect((await report(run)).status).toBe('running');
  });

  test('halts a run whose walks are killed at work again and again; once parked, what was counted is forgotten', async () => {
    const run = await here.create(two);
    const killed = async (times: number): Promise<void> => {
      for (let time = 0; time < times; time += 1) {
        // The function is killed: nobody answers the machine, nothing is noted.
        here.forgetCalls();
        for (const execution of here.machine.running) here.machine.abort(execution);
        later(limits.walkSilence + MINUTE);
        await here.sweepOnly();
      }
    };
    await killed(limits.failedAdvances - 1);
    expect(here.halted).toEqual([]);
    await here.settle();
    expect(here.ports.jobs.held).toEqual(['a']);
    expect((await here.service.bells.read(run))?.failed).toBe(0);
    await here.reportAll(['a']);
    await killed(limits.failedAdvances);
    expect(here.halted).toEqual([run]);
    expect((await report(run)).status).toBe('halted');
    await resumeRun(here.service, run);
    await here.settle();
    expect(here.ports.jobs.held).toEqual(['b']);
  });

  test('rings again where whoever rang died before the token was sent', async () => {
    await here.start(two);
    const run = await onlyRun();
    await here.reportAll(['a']);
    // As it stands when the reporter dies between the ring and the token.
    const [execution] = here.machine.running;
    here.forgetCalls();
    if (execution !== undefined) {
      execution.tick -= 1;
      const token = `${execution.name}:${execution.tick}:${execution.retry}`;
      await here.service.table.update(bellKey(run), { set: { token } });
    }
    later(limits.walkSilence + MINUTE);
    expect(await here.sweep()).toMatchObject({ rung: 1, walks: 0 });
    expect(here.ports.jobs.held).toEqual(['b']);
  });

  test('settles an attempt whose job said nothing for longer than its lease: it is interrupted, and ended where it may still run', async () => {
    const run = await here.start(two);
    await here.ports.jobs.claim('a');
    later(limits.jobLease);
    expect((await here.sweep()).attempts).toBe(0);
    later(limits.leaseMargin + MINUTE);
    expect((await here.sweep()).attempts).toBe(1);
    expect(here.ports.jobs.stops).toHaveLength(1);
    expect((await report(run)).nodes['a']).toMatchObject({ attempts: 2 });
    // What the lost one says at last counts for nothing: it does not hold the claim of the second attempt.
    expect(await claimAttempt(here.service, 'lost', { ...run, address: 'a', attempt: 1 })).toBe(
      false,
    );
  });

  test('submits again what nobody has claimed and no queue knows, once in a while', async () => {
    await here.start(two);
    const hows: unknown[] = [];
    const start = here.ports.jobs.start.bind(here.ports.jobs);
    Object.assign(here.service.jobs, {
      start: async (...given: Parameters<typeof start>) => {
        hows.push(given[1]);
        await start(...given);
      },
    });
    await here.ports.jobs.lose().catch(() => {});
    later(limits.offerSilence - MINUTE);
    expect((await here.sweep()).attempts).toBe(0);
    later(2 * MINUTE);
    expect((await here.sweep()).attempts).toBe(1);
    expect(here.ports.jobs.held).toEqual(['a']);
    later(limits.sweepEvery);
    expect((await here.sweep()).attempts).toBe(0);
    later(limits.offerSilence);
    // Whoever submits it looks whether the first message was only late.
    expect(hows).toEqual([{ again: true }]);
    // Now it waits in a queue.
    expect((await here.sweep()).attempts).toBe(0);
    expect(here.ports.jobs.orders).toHaveLength(2);
  });

  test('tells what a runner reported and died before anybody heard', async () => {
    const run = await here.start(two);
    await here.ports.jobs.claim('a');
    const key = attemptKey(run, 'a', 1);
    const at = here.ports.clock.now();
    const said = { result: { result: 'completed', outputs: { n: 1 } }, endedAt: at };
    const item = await here.service.table.get(key);
    const attempt = {
      v: 1,
      address: 'a',
      attempt: 1,
      status: 'reported',
      job: item?.['job'],
      report: said,
    };
    await here.service.table.update(key, { set: { status: 'reported', attempt } });
    later(limits.reportSilence + MINUTE);
    expect((await here.sweep()).attempts).toBe(1);
    expect((await report(run)).nodes['a']).toMatchObject({
      status: 'completed',
      outputs: { n: 1 },
    });
  });

  test('looks after every run although one of them cannot be read', async () => {
    const broken = await here.start(two);
    const other = await here.create(two);
    await here.service.table.transact([
      { write: 'update', key: headKey(broken), changes: { set: { head: 'nonsense' } } },
    ]);
    here.service.runs.clear();
    later(limits.walkSilence + MINUTE);
    await expect(here.sweep()).rejects.toThrow();
    expect((await signsOf(other)).neverWalked).toBe(false);
  });

  test.each([4_000, 4_001, 10_000])(
    'that has no time for all of %d runs leaves none out for ever',
    (count) => {
      const looked = new Set<number>();
      const most = 400;
      let sweeps = 0;
      for (; looked.size < count && sweeps < (5 * count) / most; sweeps += 1) {
        const first = firstSwept(count, here.ports.clock.now());
        for (let n = 0; n < most; n += 1) looked.add((first + n) % count);
        later(limits.sweepEvery);
      }
      expect(looked.size).toBe(count);
    },
  );

  test('leaves attempts to the next one when its time is up', async () => {
    await here.start(two);
    here.remaining = limits.tickReserve - 1;
    expect(await here.sweep()).toMatchObject({ runs: 1, left: 1 });
  });
});
