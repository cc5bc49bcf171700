// A hundred clients of one engine at once, and clients that misbehave: all who behave are answered, and nothing is left of the others.
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClient } from '#local/client.ts';
import { prepareRun } from '#local/prepare-run.ts';
import { lockHolder } from '#schemas/data-directory.ts';
import type { Control, RunRequest } from '#service/control.ts';
import { Place } from '#support/millrace.ts';

const CHATTY = `
id: chatty
timeout: 2m
nodes:
  - id: talks
    steps: [{ command: 'i=0; until test -e "$MILLRACE_PIPELINE_DIR/go"; do i=$((i+1)); echo "line $i of a log that somebody follows"; sleep 0.02; done' }]
  - id: waits
    startWhen: event:talks.completed && event:external.end
`;
const SMALL = `
id: small
nodes:
  - id: a
    steps: [{ command: 'echo n=1 >> "$MILLRACE_OUTPUTS"' }]
  - id: b
    needs: [a]
    steps: [{ command: 'test {{ a.n }} = 1' }]
`;
const MIB = 2 ** 20;

let place: Place;
let engine: number;
let socketPath: string;
let run: string;
const sockets: Socket[] = [];

beforeEach(async () => {
  place = new Place({ 'pipeline.yaml': CHATTY, 'small.yaml': SMALL });
  run = (await place.run('run', '--detach')).stdout.trim();
  const holder = lockHolder.parse(
    JSON.parse(readFileSync(join(place.folder, '.millrace', 'lock.json'), 'utf8')),
  );
  engine = holder.pid;
  socketPath = holder.socket ?? '';
  await client().find(run);
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
  writeFileSync(join(place.folder, 'go'), '');
  place.remove();
});

const client = (): Control => createClient({ socketPath });
const memory = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${engine}/status`, 'utf8'))?.[1]) * 1024;
/** Sockets that the engine holds open. */
const connections = (): number =>
  readdirSync(`/proc/${engine}/fd`).filter((name) => {
    try {
      return readlinkSync(`/proc/${engine}/fd/${name}`).startsWith('socket:');
    } catch {
      return false;
    }
  }).length;

/** The longest a question took, in milliseconds. */
async function slowest(questions: Iterable<() => Promise<unknown>>): Promise<number> {
  let longest = 0;
  for (const ask of questions) {
    const began = performance.now();
    await ask();
    longest = Math.max(longest, performance.now() - began);
  }
  return longest;
}

async function followed(control: Control, name: string): Promise<string[]> {
  const events: string[] = [];
  for (let after = ''; ; ) {
    const page = await control.events(name, { after, wait: 10_000 });
    events.push(...page.events.map(({ event }) => event));
    after = page.cursor;
    if (page.last) return events;
  }
}

async function readAll(control: Control): Promise<number> {
  let lines = 0;
  for (let after = ''; ; ) {
    const page = await control.logs(run, { after, wait: 10_000 });
    lines += page.lines.length;
    after = page.cursor;
    if (page.last) return lines;
  }
}

async function small(): Promise<RunRequest> {
  const prepared = await prepareRun({
    file: join(place.folder, 'small.yaml'),
    inputs: [],
    with: {},
    allowEnv: [],
    offline: true,
    dataDir: join(place.folder, '.millrace'),
  });
  if ('problems' in prepared) throw new TypeError(JSON.stringify(prepared.problems));
  return prepared.request;
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

async function connected(text?: string): Promise<Socket> {
  const socket = connect(socketPath);
  sockets.push(socket);
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  if (text !== undefined) socket.write(text);
  return socket;
}

const asking = (path: string): string =>
  `GET /v1/default/runs/${run}${path} HTTP/1.1\r\nhost: millrace\r\n\r\n`;

test('a hundred clients that follow, read, emit and start at once are all answered, and none of them waits long', async () => {
  const request = await small();
  const events = times(30, () => followed(client(), run));
  const logs = times(30, () => readAll(client()));
  const emitters = times(15, (who) =>
    slowest(
      times(
        10,
        (turn) => () =>
          client().emit(run, 'external.note', { key: `${who}-${turn}`, payload: who }),
      ),
    ),
  );
  const readers = times(15, () =>
    slowest(
      times(15, (turn) => async () => {
        await (turn % 3 === 0 ? client().explain(run, 'waits') : client().report(run));
      }),
    ),
  );
  const starters = times(10, async () => {
    const control = client();
    const started = await control.start(request);
    return (await followed(control, started.run)).at(-1);
  });
  expect(await Promise.all(starters)).toEqual(times(10, () => 'pipeline.completed'));
  const waits = await Promise.all([...emitters, ...readers]);
  expect(Math.max(...waits)).toBeLessThan(5_000);
  expect(memory()).toBeLessThan(300 * MIB);
  writeFileSync(join(place.folder, 'go'), '');
  await client().emit(run, 'external.end');
  const seen = await Promise.all(events);
  for (const one of seen) {
    expect(one).toEqual(seen[0]);
    expect(one.filter((event) => event === 'external.note')).toHaveLength(150);
    expect(one.at(-1)).toBe('pipeline.completed');
  }
  const read = await Promise.all(logs);
  expect(new Set(read).size).toBe(1);
  await expect.poll(connections).toBeLessThan(10);
});

test('twenty commands at once, each a process of its own, are all answered', async () => {
  const ended = await Promise.all(
    times(20, (index) => {
      const more = [
        ['show', run],
        ['logs', run],
        ['emit', run, 'external.note', '--key', String(index)],
        ['run', 'small.yaml', '--json'],
      ][index % 4] ?? ['runs'];
      return place.run(...more);
    }),
  );
  expect(ended.map(({ code, stderr }) => `${code} ${stderr}`)).toEqual(ended.map(() => '0 '));
});

test('clients that die in the middle of a question, of a long poll or of an answer leave nothing behind', async () => {
  const before = connections();
  for (const text of [
    'GET /v1/def',
    `POST /v1/default/runs/${run}/events HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"event"`,
    asking('/events?wait=30000&after=1~0'),
    asking('/logs?wait=30000'),
    asking('').repeat(50),
    'what is this\r\n\r\n',
  ])
    for (const socket of await Promise.all(times(5, () => connected(text)))) socket.destroy();
  await client().report(run);
  await expect.poll(connections, { timeout: 5_000 }).toBeLessThan(before + 3);
});

test('two hundred connections that ask nothing, and some that never read their answers, keep nobody from being answered', async () => {
  const before = memory();
  await Promise.all(times(200, () => connected()));
  const deaf = await Promise.all(times(20, () => connected(asking('/events').repeat(100))));
  for (const socket of deaf) socket.pause();
  const longest = await slowest(times(50, () => () => client().report(run)));
  expect(longest).toBeLessThan(5_000);
  expect((await place.run('show', run)).code).toBe(0);
  expect(memory() - before).toBeLessThan(100 * MIB);
  for (const socket of sockets.splice(0)) socket.destroy();
  await expect.poll(connections, { timeout: 5_000 }).toBeLessThan(10);
});
