// Logs that jobs send in parts: how parts are kept, and how they are read, page by page, with few requests.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LogPart } from '#schemas/attempts.ts';
import { limits } from '#schemas/limits.ts';
import type { Range } from '#schemas/run.ts';
import { answerAttempt } from '#service/attempt-calls.ts';
import { attemptKey, type RunRef } from '#service/keys.ts';
import { logPrefix } from '#service/log-parts.ts';
import { readRunLogs } from '#service/logs.ts';
import type { Service } from '#service/service.ts';
import { type CountedObjects, countedObjects } from '#support/counted-objects.ts';
import { RunningService } from '#support/running-service.ts';

const START = Date.UTC(2028, 0, 1);

let here: RunningService;
let run: RunRef;
let service: Service;
let objects: CountedObjects;
beforeEach(async () => {
  here = new RunningService();
  objects = countedObjects(here.ports.objects);
  service = { ...here.service, objects };
  run = await here.start(`id: p
nodes:
  - { id: a, steps: [{ command: "true" }] }
  - { id: b, steps: [{ command: "true" }] }
  - { id: each, forEach: [x, y], steps: [{ command: "true" }] }`);
});
afterEach(() => here.close());

const rowOf = (n: number, at: number, text = `line ${n}`) =>
  `${JSON.stringify({ at: START + at, n, step: 's', stream: 'stdout', text })}\n`;
/** Lines from `first` on, one at each of these times (milliseconds after the start). */
const part = (first: number, times: readonly number[]): LogPart => ({
  first,
  text: times.map((at, index) => rowOf(first + index, at)).join(''),
});

const speaker = (address: string) => ({
  token: { ...run, address, attempt: 1 },
  body: { v: 1, job: 'job-1' } as const,
});
async function claim(address: string): Promise<void> {
  await answerAttempt(service, 'claim', speaker(address));
}
async function send(address: string, log: LogPart): Promise<void> {
  const { token, body } = speaker(address);
  await answerAttempt(service, 'log', { token, body: { ...body, log } });
}
async function end(address: string, log?: LogPart): Promise<void> {
  const { token, body } = speaker(address);
  const endedAt = here.ports.clock.now();
  const report = { result: { result: 'completed' as const, outputs: {} }, endedAt };
  const last = log === undefined ? {} : { log };
  await answerAttempt(service, 'report', { token, body: { ...body, report, ...last } });
}
const read = (query: Partial<Parameters<typeof readRunLogs>[2]> = {}) =>
  readRunLogs(service, run, { ended: false, ...query });
const shown = (page: Awaited<ReturnType<typeof read>>) =>
  page.lines.map(({ node, n, at }) => `${node} ${n} ${at - START}`);
const keys = async (address: string) =>
  (await here.ports.objects.list(logPrefix({ ...run, address, attempt: 1 }))).objects.map(
    ({ key }) => key.split('/').slice(-2).join('/'),
  );

describe('a part', () => {
  beforeEach(() => claim('a'));

  test('is an object that is called by its first line', async () => {
    await send('a', part(1, [0, 1]));
    await send('a', part(3, [5]));
    expect(await keys('a')).toEqual(['1/0000000001.jsonl', '1/0000000003.jsonl']);
  });

  test('may come twice, and is kept once', async () => {
    await send('a', part(1, [0, 1]));
    await send('a', part(1, [0, 1]));
    expect(shown(await read({ node: 'a' }))).toEqual(['a 1 0', 'a 2 1']);
  });

  test('that begins like an earlier one adds what is behind that: nobody is told otherwise later', async () => {
    await send('a', part(1, [0, 1]));
    await send('a', part(1, [7, 8, 9]));
    expect(await keys('a')).toEqual(['1/0000000001.jsonl', '1/0000000003.jsonl']);
    expect(shown(await read({ node: 'a' }))).toEqual(['a 1 0', 'a 2 1', 'a 3 9']);
  });

  test.each([
    ['no lines', { first: 1, text: '' }],
    ['no JSON', { first: 1, text: 'hello\n' }],
    ['JSON that is no line', { first: 1, text: '{"n":1}\n' }],
    [
      'another first line',
      part(1, [0]).text.length > 0 ? { ...part(2, [0]), first: 1 } : part(1, []),
    ],
    ['a line beyond all logs', { first: 10 ** 10, text: rowOf(10 ** 10, 0) }],
    ['lines that go back', { first: 2, text: rowOf(2, 0) + rowOf(1, 0) }],
  ])('with %s is refused', async (_, log) => {
    await expect(send('a', log)).rejects.toMatchObject({ code: 'invalid' });
    expect(await keys('a')).toEqual([]);
  });

  test('of more bytes than letters is measured by its bytes', async () => {
    const text = rowOf(1, 0, '字'.repeat(limits.logPartBytes / 2));
    expect(text.length).toBeLessThan(limits.logPartBytes);
    await expect(send('a', { first: 1, text })).rejects.toMatchObject({ code: 'too_large' });
  });

  test('may come along with a heartbeat', async () => {
    const { token, body } = speaker('a');
    const said = { ...body, counter: 1, log: part(1, [3]) };
    await answerAttempt(service, 'beat', { token, body: said });
    expect(await here.ports.table.get(attemptKey(run, 'a', 1))).toMatchObject({
      beat: 1,
      parts: 1,
    });
    expect(shown(await read({ node: 'a' }))).toEqual(['a 1 3']);
  });

  test('beyond the last that a log may have is passed over, but for the one with the report', async () => {
    await here.ports.table.update(attemptKey(run, 'a', 1), { set: { parts: limits.logParts } });
    await send('a', part(1, [0]));
    await end('a', part(2, [1]));
    expect(await keys('a')).toEqual(['1/0000000002.jsonl']);
  });

  test('of an address with signs in it stays within its folder', async () => {
    const token = { ...run, address: 'each', attempt: 1, instances: [0, 1] as Range };
    const body = { v: 1, job: 'id:1', index: 1 } as const;
    await answerAttempt(service, 'claim', { token, body });
    await answerAttempt(service, 'log', { token, body: { ...body, log: part(1, [0]) } });
    const { objects: found } = await here.ports.objects.list(`NS/default/logs/${run.run}/`);
    expect(found[0]?.key).toBe(`NS/default/logs/${run.run}/each%5B1%5D/1/0000000001.jsonl`);
    expect(shown(await read({ node: 'each' }))).toEqual(['each[1] 1 0']);
  });
});

describe('a page', () => {
  beforeEach(async () => {
    await claim('a');
    await claim('b');
    here.ports.clock.advance(60_000);
  });

  test('has the lines of all attempts by their times', async () => {
    await send('a', part(1, [0, 20, 40]));
    await send('b', part(1, [10, 30]));
    expect(shown(await read())).toEqual(['a 1 0', 'b 1 10', 'a 2 20', 'b 2 30', 'a 3 40']);
    expect(shown(await read({ node: 'b' }))).toEqual(['b 1 10', 'b 2 30']);
  });

  test('goes on where the one before ended, also within a millisecond', async () => {
    await send('a', part(1, [5, 5, 5]));
    await send('a', part(4, [5, 6]));
    await send('b', part(1, [5, 7]));
    const seen: string[] = [];
    let after = '';
    for (let turn = 0; turn < 4; turn += 1) {
      const page = await read({ after, limit: 2, ended: true });
      seen.push(...shown(page));
      expect(page.last).toBe(turn === 3);
      after = page.cursor;
    }
    expect(seen).toEqual(['a 1 5', 'a 2 5', 'a 3 5', 'a 4 5', 'b 1 5', 'a 5 6', 'b 2 7']);
  });

  test('leaves out what has not settled, unless one attempt speaks alone or all are over', async () => {
    const now = 60_000;
    await send('a', part(1, [now - limits.logPartSettle - 1, now]));
    await send('b', part(1, [now]));
    expect(shown(await read())).toEqual([`a 1 ${now - limits.logPartSettle - 1}`]);
    expect(shown(await read({ node: 'a' }))).toHaveLength(2);
    expect(shown(await read({ ended: true }))).toHaveLength(3);
  });

  test('tells the last lines, which come with the report', async () => {
    await send('a', part(1, [0]));
    await end('a', part(2, [1]));
    expect(shown(await read({ node: 'a' }))).toEqual(['a 1 0', 'a 2 1']);
  });

  test('is refused where its cursor is none', async () => {
    await expect(read({ after: 'x' })).rejects.toMatchObject({ code: 'invalid' });
  });
});

describe('reading costs', () => {
  beforeEach(async () => {
    await claim('a');
    await claim('b');
  });

  test('nothing for attempts that printed nothing', async () => {
    await end('a');
    objects.forget();
    await read();
    expect(objects.asked).toEqual({});
  });

  test('one request for an attempt with one part, and no listing', async () => {
    await end('a', part(1, [0, 1]));
    objects.forget();
    expect(shown(await read({ node: 'a' }))).toHaveLength(2);
    expect(objects.asked).toEqual({ get: 1 });
  });

  test('nothing more as long as nothing new is told', async () => {
    await send('a', part(1, [0]));
    await send('a', part(2, [1]));
    const { cursor } = await read({ node: 'a' });
    objects.forget();
    for (let look = 0; look < 10; look += 1) await read({ node: 'a', after: cursor });
    expect(objects.asked).toEqual({});
    await send('a', part(3, [2]));
    objects.forget();
    expect(shown(await read({ node: 'a', after: cursor }))).toEqual(['a 3 2']);
    expect(objects.asked).toEqual({ list: 1, get: 1 });
  });

  test('a few requests to go on in the middle of a long log, for who knows nothing of it', async () => {
    const parts = 64;
    for (let index = 0; index < parts; index += 1)
      await send('a', part(1 + 2 * index, [10 * index, 10 * index + 1]));
    const elsewhere = countedObjects(here.ports.objects);
    const other = { ...service, objects: elsewhere };
    const query = { node: 'a', after: `${START + 400}.1`, limit: 3, ended: false };
    const page = await readRunLogs(other, run, query);
    expect(page.lines.map(({ n }) => n)).toEqual([82, 83, 84]);
    expect(elsewhere.asked['list']).toBe(1);
    expect(elsewhere.asked['get']).toBeLessThanOrEqual(12);
  });
});
