// One engine and many clients: second runs, runs that nobody watches, engines that leave, are killed, or were copied while they worked.
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { takeLock } from '#embedded/lock.ts';
import { VERSION } from '#local/version.ts';
import { allProcesses } from '#runner/processes.ts';
import { type LockHolder, lockHolder } from '#schemas/data-directory.ts';
import { runReport } from '#schemas/report.ts';
import { commandOf, jsonLines, Place } from '#support/millrace.ts';

const places: Place[] = [];
function placeOf(pipeline: string): Place {
  const made = new Place({ 'pipeline.yaml': pipeline });
  places.push(made);
  return made;
}
afterEach(() => {
  for (const made of places.splice(0)) {
    for (const name of ['1', '2', '3']) go(made, name);
    made.remove();
  }
});

const EFFECT = 'echo "$MILLRACE_RUN $MILLRACE_NODE" >> "$MILLRACE_PIPELINE_DIR/effects"';
/** A run that holds until the file of its number is there. */
const HELD = `
id: held
inputs: { n: { type: number } }
nodes:
  - id: held
    steps: [{ command: '${EFFECT}; until test -e "$MILLRACE_PIPELINE_DIR"/go{{ pipeline.input.n }}; do sleep 0.05; done' }]
  - id: next
    needs: [held]
    steps: [{ command: 'echo n={{ pipeline.input.n }} >> "$MILLRACE_OUTPUTS"' }]
`;

const go = (place: Place, name: string): void => {
  if (existsSync(place.folder)) writeFileSync(join(place.folder, `go${name}`), '');
};
const effects = (place: Place): string[] => {
  const file = join(place.folder, 'effects');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
};
const dataDir = (place: Place): string => join(place.folder, '.millrace');
const holderOf = (place: Place): LockHolder =>
  lockHolder.parse(JSON.parse(readFileSync(join(dataDir(place), 'lock.json'), 'utf8')));

/** A run whose program has begun. */
async function begun(place: Place, n: number) {
  const running = place.start('run', 'pipeline.yaml', '--json', '-i', `n=${n}`);
  const line = await running.line((text) => text.includes('"held.started"'));
  const run: string = JSON.parse(line).run;
  await expect.poll(() => effects(place), { timeout: 10_000 }).toContain(`${run} held`);
  return { running, run };
}

async function reportOf(place: Place, run: string) {
  const shown = await place.run('show', run, '--json');
  return runReport.parse(JSON.parse(shown.stdout.trim().split('\n').at(-1) ?? ''));
}

/** Sockets and pipes are of those who hold them open. */
const isKept = (source: string): boolean => {
  const found = lstatSync(source, { throwIfNoEntry: false });
  return found?.isSocket() === false && !found.isFIFO();
};

const alive = (pid: number): boolean =>
  allProcesses().some((each) => each.pid === pid && each.state !== 'Z');

test('run --detach prints the id and leaves; an engine without a terminal goes on, answers, and ends when idle', async () => {
  const place = placeOf(HELD);
  const left = await place.run('run', '--detach', '-i', 'n=1');
  expect(left.code, left.stderr).toBe(0);
  const run = left.stdout.trim();
  expect(run).toMatch(/^[0-9A-Z]{26}$/);
  const { pid } = holderOf(place);
  const process = allProcesses().find((each) => each.pid === pid);
  expect(process?.session).toBe(pid);

  const joined = await place.run('run', '--detach', '-i', 'n=2', '--json');
  const second: string = JSON.parse(joined.stdout).run;
  expect(holderOf(place).pid).toBe(pid);
  const followed = place.start('events', run, '-f', '--json');
  await followed.line((text) => text.includes('"held.started"'));
  go(place, '1');
  go(place, '2');
  expect((await followed.ended).code).toBe(0);
  await expect.poll(async () => (await reportOf(place, second)).status).toBe('completed');
  await expect.poll(() => alive(pid), { timeout: 30_000, interval: 250 }).toBe(false);
  // A run that is over within one look of the engine is not told there.
  expect(readFileSync(join(dataDir(place), 'engine.log'), 'utf8')).toMatch(
    /is the engine of.*idle: it ends/s,
  );
  expect((await reportOf(place, run)).nodes['next']?.outputs).toEqual({ n: 1 });
});

test('two commands that leave a run at once share one engine', async () => {
  const place = placeOf(HELD);
  const left = await Promise.all(
    [1, 2, 3].map((n) => place.run('run', '--detach', '-i', `n=${n}`)),
  );
  expect(left.map(({ code }) => code)).toEqual([0, 0, 0]);
  for (const name of ['1', '2', '3']) go(place, name);
  for (const { stdout } of left)
    await expect
      .poll(async () => (await reportOf(place, stdout.trim())).status, { timeout: 15_000 })
      .toBe('completed');
  expect(effects(place)).toHaveLength(3);
});

test('a run that is rejected leaves no engine behind', async () => {
  const place = placeOf(HELD);
  const refused = await place.run('run', '--detach');
  expect(refused.code).toBe(2);
  expect(existsSync(dataDir(place))).toBe(false);
});

test('when the first command ends, a background engine goes on with the second one, which sees no gap', async () => {
  const place = placeOf(HELD);
  const first = await begun(place, 1);
  const second = await begun(place, 2);
  const third = (await place.run('run', '--detach', '-i', 'n=3')).stdout.trim();
  go(place, '1');
  const ended = await first.running.ended;
  expect(ended.code).toBe(0);
  expect(ended.stderr).toMatch(/2 runs of other commands: process \d+ goes on/);
  go(place, '2');
  go(place, '3');
  const other = await second.running.ended;
  expect(other.code, other.stderr).toBe(0);
  const { events, report } = jsonLines(other.stdout);
  expect(report).toMatchObject({ status: 'completed', nodes: { held: { attempts: 1 } } });
  expect(events.map(({ event }) => event)).toEqual([
    'pipeline.started',
    'held.started',
    'held.completed',
    'next.started',
    'next.completed',
    'pipeline.completed',
  ]);
  await expect.poll(async () => (await reportOf(place, third)).status).toBe('completed');
  expect(effects(place)).toHaveLength(3);
});

test('ctrl-C in a second run cancels that run alone', async () => {
  const place = placeOf(HELD);
  const first = await begun(place, 1);
  const second = await begun(place, 2);
  second.running.child.kill('SIGINT');
  expect((await second.running.ended).code).toBe(1);
  expect((await reportOf(place, second.run)).status).toBe('cancelled');
  expect((await reportOf(place, first.run)).status).toBe('running');
  go(place, '1');
  expect((await first.running.ended).code).toBe(0);
});

test('SIGTERM parks every run of the engine; clients that follow say so and exit 4; resume goes on with each', async () => {
  const place = placeOf(HELD);
  const first = await begun(place, 1);
  const second = await begun(place, 2);
  const events = place.start('events', second.run, '-f', '--json');
  const logs = place.start('logs', second.run, '-f');
  await events.line((text) => text.includes('"held.started"'));
  first.running.child.kill('SIGTERM');
  const ended = await Promise.all(
    [first.running, second.running, events, logs].map((each) => each.ended),
  );
  expect(ended.map(({ code }) => code)).toEqual([4, 4, 4, 4]);
  for (const { stderr } of ended) expect(stderr).toMatch(/parked.*millrace resume/);
  go(place, '1');
  go(place, '2');
  const resumed = await Promise.all(
    [first.run, second.run].map((run) => place.run('resume', run, '--json')),
  );
  expect(resumed.map(({ code }) => code)).toEqual([0, 0]);
  expect(effects(place)).toHaveLength(2);
});

test('a second run whose engine is killed says so and goes on in its place; resume joins it with the first run', async () => {
  const place = placeOf(HELD);
  const first = await begun(place, 1);
  const second = await begun(place, 2);
  const third = await begun(place, 3);
  const { pid } = holderOf(place);
  first.running.child.kill('SIGKILL');
  await expect.poll(() => holderOf(place).pid, { timeout: 10_000 }).not.toBe(pid);
  const resumed = place.start('resume', first.run, '--json');
  for (const name of ['1', '2', '3']) go(place, name);
  const ended = await Promise.all(
    [second.running, third.running, resumed].map((each) => each.ended),
  );
  expect(ended.map(({ code, stderr }) => `${code} ${stderr}`)).toEqual([
    expect.stringMatching(/^0 /),
    expect.stringMatching(/^0 /),
    expect.stringMatching(/^0 /),
  ]);
  const told = ended.filter(({ stderr }) => stderr.includes(`the engine (process ${pid}) is gone`));
  expect(told.length).toBeGreaterThanOrEqual(1);
  expect(effects(place)).toHaveLength(3);
});

test('serve goes on with every unfinished run, waits for the engine that is there, and parks at SIGTERM', async () => {
  const place = placeOf(HELD);
  const first = await begun(place, 1);
  const waits = place.start('serve');
  await waits.line((text) => text.includes('waits until it ends'));
  first.running.child.kill('SIGKILL');
  await waits.line((text) => text.includes(`goes on with run ${first.run}`));
  const second = await begun(place, 2);
  go(place, '1');
  await waits.line((text) => text.includes(`run ${first.run} is over`));
  waits.child.kill('SIGTERM');
  const ended = await waits.ended;
  expect(ended.code).toBe(4);
  expect(ended.stdout).toContain(`millrace resume ${second.run}`);
  expect((await second.running.ended).code).toBe(4);
  const idle = place.start('serve', '--idle', '1s');
  await idle.line((text) => text.includes(second.run));
  go(place, '2');
  expect((await idle.ended).code).toBe(0);
  expect((await reportOf(place, second.run)).status).toBe('completed');
});

test('a command given while the engine starts or ends is answered, not refused', async () => {
  const place = placeOf(HELD);
  const { run } = await begun(place, 1);
  const codes: (number | null)[] = [];
  for (let turn = 0; turn < 3; turn += 1) {
    process.kill(holderOf(place).pid, turn === 1 ? 'SIGKILL' : 'SIGTERM');
    const again = place.start('resume', run, '--json');
    const asked = await Promise.all([
      place.run('show', run),
      place.run('emit', run, 'external.ping', '--key', `k${turn}`),
      place.run('explain', run, 'next'),
      place.run('logs', run),
    ]);
    codes.push(...asked.map(({ code }) => code));
    await again.line((text) => text.includes('external.ping'));
  }
  expect(codes).toEqual(codes.map(() => 0));
  go(place, '1');
  await expect
    .poll(async () => (await reportOf(place, run)).status, { timeout: 10_000 })
    .toBe('completed');
});

test('a socket without a listener, a lock of a process that was killed, and one of a pid that is somebody else by now need no hand work', async () => {
  const place = placeOf(HELD);
  const { running, run } = await begun(place, 1);
  running.child.kill('SIGKILL');
  await running.ended;
  expect(existsSync(join(dataDir(place), 'engine.sock'))).toBe(true);
  const recycled = { ...holderOf(place), pid: process.pid };
  writeFileSync(join(dataDir(place), 'lock.json'), JSON.stringify(recycled));
  expect((await place.run('show', run)).code).toBe(0);
  expect((await place.run('emit', run, 'external.ping', '--key', 'k')).code).toBe(0);
  go(place, '1');
  expect((await place.run('resume', run)).code).toBe(0);
  expect((await place.run('run', '-i', 'n=1')).code).toBe(0);
});

test.each([
  ['version', { version: '0.0.0-other', host: hostname() }, '0.0.0-other'],
  ['host', { version: VERSION, host: 'elsewhere' }, 'elsewhere'],
])('an engine of another %s is refused, with who it is', async (_, other, named) => {
  const place = placeOf(HELD);
  go(place, '1');
  expect((await place.run('run', '-i', 'n=1')).code).toBe(0);
  const lock = takeLock(join(dataDir(place), 'lock'), { pid: 4_000_000, since: 0, ...other });
  try {
    for (const args of [
      ['show', 'latest'],
      ['run', '-i', 'n=1'],
      ['run', '--detach', '-i', 'n=1'],
    ]) {
      const refused = await place.run(...args);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain(named);
      expect(refused.stderr).toContain('process 4000000');
    }
  } finally {
    lock.release();
  }
});

test('a data directory copied while its engine works is one of its own, and leaves the first one alone', async () => {
  const place = placeOf(HELD);
  const { running, run } = await begun(place, 1);
  const copy = await mkdtemp(join(tmpdir(), 'millrace-copy-'));
  try {
    await cp(dataDir(place), join(copy, 'data'), {
      recursive: true,
      filter: (source) => isKept(source),
    });
    const other = await place.run('--data-dir', join(copy, 'data'), 'cancel', run);
    expect(other.code, other.stderr).toBe(0);
    expect((await reportOf(place, run)).status).toBe('running');
    expect(place.programs.length).toBeGreaterThan(0);
    go(place, '1');
    expect((await running.ended).code).toBe(0);
  } finally {
    await rm(copy, { recursive: true, force: true, maxRetries: 3 });
  }
});

test('a folder that is there and empty becomes the data directory of a run, watched or left', async () => {
  const place = placeOf(HELD);
  go(place, '1');
  for (const more of [[], ['--detach']]) {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-empty-'));
    const ended = await place.run('--data-dir', folder, 'run', '-i', 'n=1', ...more);
    expect(ended.code, ended.stderr).toBe(0);
    const run = more.length === 0 ? 'latest' : ended.stdout.trim();
    await expect
      .poll(async () => (await place.run('--data-dir', folder, 'show', run)).stdout, {
        timeout: 10_000,
      })
      .toContain('completed');
    for (const { pid } of allProcesses())
      if (commandOf(pid).includes(folder)) process.kill(pid, 'SIGKILL');
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  }
});
