// Jobs done by the runner process: the contract, then what only processes that are killed can meet.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDataDirectory } from '#embedded/data-directory.ts';
import { createJobs, type JobsOptions, type LocalJobs } from '#embedded/jobs.ts';
import { endLeftovers } from '#runner/leftovers.ts';
import { forgetSpool, readSpool } from '#runner/spool.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { createMemoryDesk, type MemoryDesk } from '#support/memory-desk.ts';
import { anOrder } from '../runner/orders.ts';
import { jobsContract } from './jobs-contract.ts';

let folder: string;
let desk: MemoryDesk;
let opened: LocalJobs[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-jobs-'));
  desk = createMemoryDesk();
  opened = [];
});
afterEach(async () => {
  for (const jobs of opened) await jobs.close({ leave: false });
  rmSync(folder, { recursive: true, force: true });
});

function openJobs(options: Partial<JobsOptions> = {}): LocalJobs {
  const jobs = createJobs({
    directory: openDataDirectory(join(folder, 'data')),
    cacheDirectory: join(folder, 'cache'),
    desk,
    remains: { read: readSpool, end: endLeftovers, forget: forgetSpool },
    ...options,
  });
  opened.push(jobs);
  return jobs;
}

jobsContract('the runner of this machine', async () => ({
  jobs: openJobs(),
  desk,
  folder,
  close: async () => {},
}));

describe('a runner process', () => {
  const claimed = (order: WorkOrder) =>
    desk.until(() => desk.attempt(order.name)?.status === 'claimed');
  const result = async (order: WorkOrder) => (await desk.reported(order))[0]?.result;
  /** Runs until the file `go` is there. */
  const waiting = () => anOrder([`${gate('go')}; echo went=true >> "$MILLRACE_OUTPUTS"`]);
  const gate = (name: string) => `while [ ! -e ${join(folder, name)} ]; do sleep 0.02; done`;
  const go = () => {
    writeFileSync(join(folder, 'go'), '');
  };

  test('is started with the first work and ends when its engine closes with nothing to do', async () => {
    const jobs = openJobs();
    expect(await jobs.adopt([anOrder(['true']).name])).toEqual([]);
    expect(jobs.pid).toBeUndefined();
    const order = anOrder(['true']);
    await jobs.start(desk.offer(order));
    const { pid } = jobs;
    await result(order);
    await jobs.close({ leave: true });
    await gone(pid);
  });

  test('goes on without its engine; the next one knows the work and gets the report', async () => {
    const first = openJobs();
    const order = waiting();
    await first.start(desk.offer(order));
    await claimed(order);
    const { pid } = first;
    await first.close({ leave: true });
    const second = openJobs();
    expect(await second.adopt([order.name])).toEqual([order.name]);
    expect(second.pid).toBe(pid);
    go();
    expect(await result(order)).toEqual({ result: 'completed', outputs: { went: true } });
    expect(desk.lostJobs).toEqual([]);
  });

  test('that finished alone and left has its reports taken in by the next engine', async () => {
    const first = openJobs();
    const order = waiting();
    await first.start(desk.offer(order));
    await claimed(order);
    const { pid } = first;
    await first.close({ leave: true });
    go();
    await gone(pid);
    expect(desk.attempt(order.name)?.status).toBe('claimed');
    await openJobs().settle();
    expect(await result(order)).toEqual({ result: 'completed', outputs: { went: true } });
    await desk.until(() => desk.lostJobs.length === 1);
  });

  test('that is killed is noticed: what it ran is ended, the desk hears of it, a new one does what comes next', async () => {
    const jobs = openJobs();
    const pidFile = join(folder, 'pid');
    const order = anOrder([`echo $$ > ${pidFile}; ${gate('go')}`]);
    await jobs.start(desk.offer(order));
    await desk.until(() => desk.attempt(order.name)?.status === 'claimed');
    await fileAt(pidFile);
    const { pid } = jobs;
    kill(pid, 'SIGKILL');
    await desk.until(() => desk.lostJobs.length === 1);
    expect(desk.lostJobs[0]).toBe(desk.attempt(order.name)?.job);
    expect(alive(Number(readFileSync(pidFile, 'utf8')))).toBe(false);
    expect(await jobs.adopt([order.name])).toEqual([]);
    const next = anOrder(['true']);
    await jobs.start(desk.offer(next));
    expect(await result(next)).toMatchObject({ result: 'completed' });
    expect(jobs.pid).not.toBe(pid);
  });

  test('that died with its engine is cleared up after before anything new is started', async () => {
    const first = openJobs();
    const pidFile = join(folder, 'pid');
    const order = anOrder([`echo $$ > ${pidFile}; ${gate('go')}`]);
    await first.start(desk.offer(order));
    await claimed(order);
    await fileAt(pidFile);
    const { pid } = first;
    await first.close({ leave: true });
    kill(pid, 'SIGKILL');
    await gone(pid);
    const program = Number(readFileSync(pidFile, 'utf8'));
    expect(alive(program)).toBe(true);
    const second = openJobs();
    await second.settle();
    expect(alive(program)).toBe(false);
    await desk.until(() => desk.lostJobs.length === 1);
    expect(await second.adopt([order.name])).toEqual([]);
  });

  test('that falls silent is ended and counts as dead', async () => {
    const problems: unknown[] = [];
    const jobs = openJobs({ heartbeat: 50, lease: 200, problem: (error) => problems.push(error) });
    const order = waiting();
    await jobs.start(desk.offer(order));
    await claimed(order);
    const { pid } = jobs;
    kill(pid, 'SIGSTOP');
    await desk.until(() => desk.lostJobs.length === 1);
    await gone(pid);
    expect(problems).toContainEqual(expect.objectContaining({ code: 'unavailable' }));
  });

  test('that does not start is said with its own words, and tried again next time', async () => {
    const runner = { command: 'sh', args: ['-c', 'echo no such luck; exit 3'] };
    const jobs = openJobs({ runner });
    for (let round = 0; round < 2; round += 1) {
      await expect(jobs.start(desk.offer(anOrder(['true'])))).rejects.toMatchObject({
        family: 'transient',
        code: 'unavailable',
        message: expect.stringMatching(/code 3.*no such luck/s),
      });
    }
    const absent = openJobs({ runner: { command: join(folder, 'absent'), args: [] } });
    await expect(absent.start(desk.offer(anOrder(['true'])))).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('ENOENT'),
    });
  });

  test('closing without leave ends everything that runs', async () => {
    const jobs = openJobs();
    const pidFile = join(folder, 'pid');
    const order = anOrder([`echo $$ > ${pidFile}; ${gate('go')}`]);
    await jobs.start(desk.offer(order));
    await claimed(order);
    await fileAt(pidFile);
    const { pid } = jobs;
    await jobs.close({ leave: false });
    expect(alive(pid)).toBe(false);
    expect(alive(Number(readFileSync(pidFile, 'utf8')))).toBe(false);
    await expect(jobs.start(desk.offer(anOrder(['true'])))).rejects.toMatchObject({
      family: 'transient',
    });
  });

  test('what arrives together is told together', async () => {
    const jobs = openJobs();
    const orders = Array.from({ length: 300 }, () => anOrder(['true']));
    await jobs.start(desk.offer(...orders));
    await desk.reported(...orders);
    expect(desk.calls.claim).toBeLessThan(300);
    expect(desk.calls.report).toBeLessThanOrEqual(300);
  });
});

function kill(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid !== undefined) process.kill(pid, signal);
}

function alive(pid: number | undefined): boolean {
  if (pid === undefined || !existsSync(`/proc/${pid}/stat`)) return false;
  // A zombie only waits to be counted by whoever started it.
  return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

async function gone(pid: number | undefined): Promise<void> {
  await expect.poll(() => alive(pid), { timeout: 20_000 }).toBe(false);
}

async function fileAt(path: string): Promise<void> {
  await expect.poll(() => existsSync(path) && readFileSync(path, 'utf8').length > 0).toBe(true);
}
