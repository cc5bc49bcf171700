// What goes wrong on AWS, on the emulated cloud: whatever it is, nothing is lost, nothing is done twice, and the run's status is right.
// Jobs are played by a script, but for those that are killed.
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { routes } from '#schemas/api.ts';
import type { AttemptResult } from '#schemas/run.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import type { Job } from '#support/aws/batch-job.ts';
import { type Cloud, deployOn, openCloud } from '#support/aws/cloud.ts';
import { Hands } from '#support/aws/cloud-hands.ts';
import { Programs, runnerImage } from '#support/aws/containers.ts';
import { Scripted } from '#support/aws/scripted.ts';
import { ROOT } from '#support/millrace.ts';

const ground = inject('ground');
/** Longer than anything may be silent. */
const LONG = 60 * 60 * 1_000;
const DONE: AttemptResult = { result: 'completed', outputs: {} };
const soon = { timeout: 20_000, interval: 50 };

const wide = (count: number): string =>
  `id: wide\nnodes:\n${Array.from({ length: count }, (_, index) => `  - { id: n${index}, steps: [{ command: "true" }] }`).join('\n')}\n`;
const chain = `id: chain
nodes:
  - { id: first, steps: [{ command: "true" }] }
  - { id: second, needs: [first], steps: [{ command: "true" }] }
`;
const ONE = `id: one\nnodes:\n  - { id: only, steps: [{ command: "true" }] }\n`;

let cloud: Cloud;
let hands: Hands;

async function start(source: string): Promise<string> {
  return (await cloud.api.ask(routes.start, { body: { source } })).run;
}

/** Jobs whose names begin with the same letters are of the same run: each test knows its own by what was submitted since. */
const jobsOf = (from: number): readonly Job[] =>
  cloud.batch.jobs.slice(from).filter(({ children }) => children.length === 0);

describe.skipIf(ground === undefined)('with jobs that are played', () => {
  let scripted: Scripted;
  let script: (name: AttemptName) => AttemptResult | Promise<AttemptResult>;
  let before: number;
  /** A run with something in its inbox that is no outcome. */
  let poisoned: string;

  beforeAll(async () => {
    if (ground === undefined) return;
    scripted = new Scripted({
      script: (name) => (name.address === 'beside' ? DONE : script(name)),
    });
    cloud = await openCloud(ground, { containers: scripted });
    hands = new Hands(ground);
    // Its ticks pause longer and longer: it is looked at last.
    poisoned = await start(
      'id: poisoned\nnodes:\n  - { id: beside, startWhen: "event:external.go", steps: [{ command: "true" }] }\n',
    );
    await vi.waitFor(async () => expect(await hands.token(poisoned)).toBeDefined(), soon);
    await hands.put(poisoned, 'IN#o#beside#9999', { v: { N: '1' }, nonsense: { S: 'x' } });
    await cloud.api.emit(poisoned, 'external.go');
  });
  afterAll(async () => {
    hands?.close();
    await cloud?.close();
  });
  afterEach(() => {
    Object.assign(cloud.batch.faults, { submit: undefined, events: undefined, begin: undefined });
    cloud.meter.fault = undefined;
    expect(scripted.failures).toEqual([]);
    expect(cloud.events.refused).toEqual([]);
  });

  /** Begins a test's own count. */
  const begin = (play: typeof script = () => DONE): void => {
    script = play;
    scripted.claimed.length = 0;
    before = cloud.batch.jobs.length;
  };

  /** What was worked on, and that nothing of it was twice. */
  const worked = (): string[] => {
    expect(new Set(scripted.claimed).size).toBe(scripted.claimed.length);
    return scripted.claimed.filter((each) => each !== 'beside 1').sort();
  };

  test('a tick that is killed between save and perform: the next walk performs what was saved', async () => {
    begin();
    let killed = 0;
    cloud.meter.fault = ({ service, body, caller }) => {
      if (killed > 0 || service !== 'sqs' || !body.toString().includes('Submit')) return undefined;
      if (caller()?.function !== 'millrace-dev-tick') return undefined;
      killed += 1;
      return 'killed';
    };
    const run = await start(chain);
    await vi.waitFor(() => expect(killed).toBe(1), soon);
    expect(await hands.items(run, 'LOG#')).not.toEqual([]);
    expect(worked()).toEqual([]);
    // AWS tries the tick again at once; the emulator goes on waiting for its answer, so here it is for the sweep to find.
    await hands.age(run, LONG);
    await hands.sweep();
    const report = await cloud.api.ended(run);
    expect(report.status).toBe('completed');
    expect(worked()).toEqual(['first 1', 'second 1']);
  });

  test('a tick that throws is tried again by its machine until the table answers', async () => {
    begin();
    let refused = 0;
    cloud.meter.fault = ({ operation, caller }) => {
      if (refused > 12 || operation !== 'TransactWriteItems') return undefined;
      if (caller()?.function !== 'millrace-dev-tick') return undefined;
      refused += 1;
      return 'refused';
    };
    const run = await start(chain);
    const report = await cloud.api.ended(run);
    expect(refused).toBeGreaterThan(12);
    expect(report.status).toBe('completed');
    expect(worked()).toEqual(['first 1', 'second 1']);
  });

  test('a token that is answered twice, and one that nobody waits for any more, wake nobody a second time', async () => {
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    begin(async ({ address }) => {
      if (address === 'first') await released;
      return DONE;
    });
    const run = await start(chain);
    const token = await vi.waitFor(async () => {
      const found = await hands.token(run);
      expect(found).toBeDefined();
      return found ?? '';
    }, soon);
    try {
      expect(await hands.wake(token)).toBe(true);
      // The emulator forgets a token a moment after its answer: until its sleeper has got up, it takes another.
      await vi.waitFor(async () => expect(await hands.wake(token)).toBe(false), soon);
    } finally {
      release();
    }
    const report = await cloud.api.ended(run);
    expect(report.status).toBe('completed');
    expect(await hands.wake(token)).toBe(false);
    expect(worked()).toEqual(['first 1', 'second 1']);
  });

  test('events that come twice, late and in a false order change nothing', async () => {
    begin(({ address, attempt }) =>
      address === 'only' && attempt === 1
        ? { result: 'failed', reason: 'exit', message: 'the first one fails', exitCode: 1 }
        : DONE,
    );
    const late: Parameters<typeof cloud.batch.tell>[0][] = [];
    cloud.batch.faults.events = (detail) => {
      // Of the first attempt nothing is heard before the second one is over.
      if (detail.status === 'FAILED') {
        late.push(detail);
        return [];
      }
      return [detail, ...late, { ...detail, status: 'FAILED' }, detail];
    };
    const run = await start(
      'id: again\nnodes:\n  - { id: only, retry: { maxAttempts: 2, delay: 10ms }, steps: [{ command: "true" }] }\n  - { id: after, needs: [only], steps: [{ command: "true" }] }\n',
    );
    const report = await cloud.api.ended(run);
    expect(report.status, JSON.stringify(report, null, 1)).toBe('completed');
    expect(report.nodes['only']?.attempts).toBe(2);
    await cloud.events.told();
    expect(worked()).toEqual(
      ['after 1', 'after 2', 'only 1', 'only 2'].filter((each) => each !== 'after 2'),
    );
  });

  test('an event that never comes: the sweep finds the attempt that says nothing any more', async () => {
    begin(async ({ attempt }) => {
      if (attempt === 1) await new Promise(() => {});
      return DONE;
    });
    const run = await start(ONE);
    await vi.waitFor(() => expect(worked()).toEqual(['only 1']), soon);
    cloud.batch.faults.events = () => [];
    for (const job of jobsOf(before)) job.running?.kill();
    await vi.waitFor(async () => expect(await hands.token(run)).toBeDefined(), soon);
    await hands.sweep();
    expect((await cloud.api.report(run)).nodes['only']?.attempts).toBe(1);
    await hands.age(run, LONG);
    await hands.sweep();
    const report = await cloud.api.ended(run);
    expect(report.status).toBe('completed');
    expect(worked()).toEqual(['only 1', 'only 2']);
  });

  test('a job that vanishes while it waits is submitted again by the sweep', async () => {
    begin();
    let vanished = 0;
    cloud.batch.faults.begin = () => (vanished++ === 0 ? 'vanishes' : undefined);
    const run = await start(ONE);
    await vi.waitFor(() => expect(vanished).toBe(1), soon);
    await vi.waitFor(async () => expect(await hands.token(run)).toBeDefined(), soon);
    await hands.age(run, LONG);
    await hands.sweep();
    const report = await cloud.api.ended(run);
    expect(report.status).toBe('completed');
    expect(report.nodes['only']?.attempts).toBe(1);
    expect(worked()).toEqual(['only 1']);
  });

  test('a submission whose answer is lost is one job that works, however often it is submitted', async () => {
    begin();
    let lost = 0;
    cloud.batch.faults.submit = () => (lost++ === 0 ? 'lost' : undefined);
    const run = await start(ONE);
    const report = await cloud.api.ended(run);
    expect(report.status).toBe('completed');
    expect(worked()).toEqual(['only 1']);
  });

  test('cancel during a submit storm: nothing begins any more, and what began ends', async () => {
    begin(async () => await new Promise<AttemptResult>(() => {}));
    const run = await start(wide(150));
    await vi.waitFor(() => expect(jobsOf(before).length).toBeGreaterThan(20), soon);
    await cloud.api.steer(run, 'cancel');
    const report = await cloud.api.ended(run);
    expect(report.status).toBe('cancelled');
    const ends = new Set(Object.values(report.nodes).map(({ status }) => status));
    expect([...ends].sort()).toEqual(expect.arrayContaining(['cancelled']));
    await vi.waitFor(() => {
      for (const job of jobsOf(before)) expect(job.over).toBe(true);
    }, soon);
    const claimed = worked().length;
    await pause(1_000);
    expect(worked()).toHaveLength(claimed);
  });

  test('a pause lets jobs in flight end and starts nothing; resume goes on', async () => {
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    begin(async ({ address }) => {
      if (address === 'first') await released;
      return DONE;
    });
    const run = await start(chain);
    await vi.waitFor(() => expect(worked()).toEqual(['first 1']), soon);
    await cloud.api.steer(run, 'pause');
    await cloud.api.until(run, ({ status }) => status === 'paused');
    release();
    await cloud.api.until(run, ({ nodes }) => nodes['first']?.status === 'completed');
    await pause(500);
    expect(worked()).toEqual(['first 1']);
    await cloud.api.steer(run, 'resume');
    expect((await cloud.api.ended(run)).status).toBe('completed');
    expect(worked()).toEqual(['first 1', 'second 1']);
  });

  test('walks hand over in the middle of a fan-out', async () => {
    begin(async ({ address }) => {
      const index = Number(/\[(\d+)\]/.exec(address)?.[1] ?? 0);
      await pause(150 * index);
      return DONE;
    });
    const run = await start(
      'id: fan\nnodes:\n  - { id: each, forEach: [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19], steps: [{ command: "true" }] }\n',
    );
    const report = await cloud.api.ended(run);
    expect(report.status).toBe('completed');
    expect(worked()).toHaveLength(20);
    expect((await hands.executions(run)).length).toBeGreaterThan(1);
  });

  test('two deploys while a run is in flight: old and new functions read what the others stored', async () => {
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    begin(async ({ address }) => {
      if (address === 'first') await released;
      return DONE;
    });
    const run = await start(chain);
    await vi.waitFor(() => expect(worked()).toEqual(['first 1']), soon);
    const bundles = mkdtempSync(path.join(tmpdir(), 'millrace-bundles-'));
    try {
      cpSync(path.join(ROOT, 'dist/functions'), bundles, { recursive: true });
      for (const round of [1, 2]) {
        for (const name of ['tick', 'attempts', 'submit'])
          appendFileSync(path.join(bundles, name, 'index.mjs'), `// deployed ${round}\n`);
        if (ground !== undefined)
          await deployOn(ground, { bundles, context: { ticksPerExecution: '6' } });
      }
    } finally {
      rmSync(bundles, { recursive: true, force: true });
    }
    release();
    expect((await cloud.api.ended(run)).status).toBe('completed');
    expect(worked()).toEqual(['first 1', 'second 1']);
  }, 200_000);

  test('what nobody can take in is put aside, and the run goes on', async () => {
    const report = await cloud.api.ended(poisoned);
    expect(report.status).toBe('completed');
    expect(report.nodes['beside']).toMatchObject({ status: 'completed', attempts: 1 });
    expect(await hands.items(poisoned, 'BAD#')).toHaveLength(1);
  });
});

describe.skipIf(ground === undefined)('with containers that are programs', () => {
  let folder: string;

  beforeAll(async () => {
    if (ground === undefined) return;
    folder = mkdtempSync(path.join(tmpdir(), 'millrace-starts-'));
    cloud = await openCloud(ground, { containers: new Programs(runnerImage()), graceMs: 2_000 });
    hands = new Hands(ground);
  });
  afterAll(async () => {
    hands?.close();
    await cloud?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const starts = (file: string): string[] => {
    try {
      return readFileSync(file, 'utf8').trim().split('\n');
    } catch {
      return [];
    }
  };

  test('one that is killed before its first heartbeat is followed by another', async () => {
    const file = path.join(folder, 'killed');
    const source = `id: killed
nodes:
  - id: only
    steps:
      - command: |
          echo "$MILLRACE_ATTEMPT" >> ${file}
          [ "$MILLRACE_ATTEMPT" = 2 ] || sleep 600
`;
    const from = cloud.batch.jobs.length;
    const run = await start(source);
    await vi.waitFor(() => expect(starts(file)).toEqual(['1']), soon);
    for (const job of jobsOf(from)) job.running?.kill();
    const report = await cloud.api.ended(run);
    expect(report.status).toBe('completed');
    expect(report.nodes['only']?.attempts).toBe(2);
    expect(starts(file)).toEqual(['1', '2']);
  });

  test('one that is stopped ends its program by TERM, and what the program says then is kept', async () => {
    const file = path.join(folder, 'stopped');
    const source = `id: stopped
nodes:
  - id: only
    steps:
      - command: |
          trap 'echo stopped >> ${file}; exit 0' TERM
          echo started >> ${file}
          sleep 600 & wait
`;
    const run = await start(source);
    await vi.waitFor(() => expect(starts(file)).toEqual(['started']), soon);
    await cloud.api.steer(run, 'cancel');
    const report = await cloud.api.ended(run);
    expect(report.status).toBe('cancelled');
    await vi.waitFor(() => expect(starts(file)).toEqual(['started', 'stopped']), soon);
  });
});
