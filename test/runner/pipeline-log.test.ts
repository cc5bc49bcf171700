// The log of a production line: its shape, its levels, when a new file is begun and which older ones stay, and that no line is lost,
// however many processes write.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { localTime } from '#runner/log-shape.ts';
import { LogStream, LogWriter } from '#runner/log-writer.ts';
import { Mask } from '#runner/mask.ts';
import { PipelineLogFiles, pipelineLogOf, type Told } from '#runner/pipeline-log.ts';
import { RotatedFile } from '#runner/rotated-file.ts';
import type { PipelineLog } from '#schemas/work-dir.ts';
import { anOrder } from './orders.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-log-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const settings = (more: Partial<PipelineLog> = {}): PipelineLog => ({
  level: 'INFO',
  path: join(folder, 'pipeline.log'),
  rotation: { bytes: 1_000_000 },
  retention: { files: 10 },
  ...more,
});
const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
const linesOf = (name: string): string[] => read(name).split('\n').slice(0, -1);
const files = (): string[] =>
  readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .sort();
const told = (level: Told['level']): Told => ({
  at: Date.now(),
  level,
  run: 'R',
  speaker: { pipeline: 'line' },
  stream: 'millrace',
});

test('what an operator prints is one line each, for people and for programs, with secrets hidden', () => {
  const order = {
    ...anOrder([{ command: 'true' }]),
    workDir: { folder, log: settings() },
    label: 'node-1',
  };
  const log = new LogWriter(join(folder, 'own'), pipelineLogOf(order));
  const mask = new Mask(['a secret']);
  const stream = new LogStream(log, { step: '清洗', stream: 'stdout', mask });

  stream.push(Buffer.from('first "line"\nhas a sec'));
  stream.push(Buffer.from('ret in it\n'));
  stream.end();
  log.close();

  const time = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d`;
  expect(linesOf('pipeline.log')).toEqual([
    expect.stringMatching(new RegExp(`^${time} INFO node-1/清洗#1 stdout \\| first "line"$`)),
    expect.stringMatching(/ INFO node-1\/清洗#1 stdout \| has \*\*\* in it$/),
  ]);
  expect(JSON.parse(linesOf('pipeline.log.jsonl')[0] ?? '')).toEqual({
    at: expect.any(String),
    level: 'INFO',
    run: order.name.run,
    pipeline: order.pipeline,
    node: 'node-1',
    operator: '清洗',
    attempt: 1,
    stream: 'stdout',
    text: 'first "line"',
  });
});

test('lines below the level are left out, and what tools of preparations print is below INFO', () => {
  const quiet = new PipelineLogFiles(settings({ level: 'WARNING' }));
  quiet.write(told('INFO'), ['not this']);
  quiet.write(told('ERROR'), ['but this', 'and this']);
  quiet.close();
  expect(linesOf('pipeline.log')).toEqual([
    expect.stringContaining(' ERROR line millrace | but this'),
    expect.stringContaining(' ERROR line millrace | and this'),
  ]);

  const prepares = {
    ...anOrder([], { address: '@clean' }),
    work: { kind: 'prepare', operator: { path: '.' }, environment: { kind: 'host' } },
    workDir: { folder, log: settings({ path: join(folder, 'debug.log'), level: 'DEBUG' }) },
    label: '@clean',
  } as const;
  const log = new LogWriter(join(folder, 'own'), pipelineLogOf(prepares));
  log.write('prepare', 'stderr', ['Installed 3 packages']);
  log.close();
  expect(linesOf('debug.log')).toEqual([
    expect.stringMatching(/ DEBUG prepare\/clean#1 stderr \| Installed 3 packages$/),
  ]);
});

test('a new file is begun before a line would make it larger than its bound, and only so many older ones stay', () => {
  const file = new RotatedFile(join(folder, 'a.log'), {
    rotation: { bytes: 20 },
    retention: { files: 2 },
  });
  file.write('line 1\nline 2\nline 3\n');
  file.write('a line longer than the bound\n');
  file.write('line 5\n');
  file.close();

  expect(files()).toEqual(['a.log', 'a.log.1', 'a.log.2']);
  expect(read('a.log')).toBe('line 5\n');
  expect(read('a.log.1')).toBe('a line longer than the bound\n');
  expect(read('a.log.2')).toBe('line 3\n');
});

test('a new file is begun at a time of the day, or when the first line is old enough, also by a process that comes later', () => {
  const yesterday = new Date(Date.now() - 86_400_000);
  const first = `${localTime(yesterday.getTime())} INFO of yesterday\n`;
  const now = new Date();
  const minuteOfDay = now.getHours() * 60 + now.getMinutes();
  for (const [name, rotation] of [
    ['day', { minuteOfDay }],
    ['span', { milliseconds: 3_600_000 }],
    ['later', { milliseconds: 2 * 86_400_000 }],
  ] as const) {
    writeFileSync(join(folder, name), first);
    const file = new RotatedFile(join(folder, name), { rotation, retention: { files: 1 } });
    file.write(`${localTime(Date.now())} INFO of today\n`);
    file.close();
  }
  expect(files()).toEqual(['day', 'day.1', 'later', 'span', 'span.1']);
  expect(read('day.1')).toBe(first);
  expect(linesOf('later')).toHaveLength(2);
});

test('older files go when they are too old', () => {
  for (const [number, days] of [
    [1, 3],
    [2, 9],
    [3, 12],
  ] as const) {
    writeFileSync(join(folder, `a.log.${number}`), `${number}\n`);
    const written = Date.now() / 1000 - days * 86_400;
    utimesSync(join(folder, `a.log.${number}`), written, written);
  }
  writeFileSync(join(folder, 'a.log.jsonl'), 'not an older file\n');
  const how = { rotation: { bytes: 4 }, retention: { milliseconds: 10 * 86_400_000 } };
  const file = new RotatedFile(join(folder, 'a.log'), how);
  file.write('new\nnewer\n');
  file.close();

  expect(files()).toEqual(['a.log', 'a.log.1', 'a.log.2', 'a.log.3', 'a.log.jsonl']);
  expect(read('a.log.3')).toBe('2\n');
});

test('processes that write at once and begin new files all the time lose no line and cut none in two', async () => {
  const [writers, count] = [3, 4_000];
  const program = fileURLToPath(new URL('./log-writes.ts', import.meta.url));
  const run = promisify(execFile);
  await Promise.all(
    Array.from({ length: writers }, (_, index) =>
      run(process.execPath, [program, join(folder, 'a.log'), `${index}`, `${count}`]),
    ),
  );

  const seen = files().flatMap(linesOf);
  const wanted = Array.from({ length: writers }, (_, writer) =>
    Array.from({ length: count }, (_, line) => `writer ${writer} line ${line} end`),
  );
  expect(seen.toSorted()).toEqual(wanted.flat().toSorted());
  expect(files().length).toBeGreaterThan(10);
});

test('a log that cannot be written is said once, in the log of the attempt, and the rest goes on', () => {
  writeFileSync(join(folder, 'taken'), '');
  const log = settings({ path: join(folder, 'taken', 'pipeline.log') });
  const order = { ...anOrder([{ command: 'true' }]), workDir: { folder, log } };
  const writer = new LogWriter(join(folder, 'own'), pipelineLogOf(order));
  writer.write('a', 'stdout', ['one']);
  writer.write('a', 'stdout', ['two']);
  writer.close();

  const own = linesOf('own/000001.jsonl').map((line) => JSON.parse(line).text);
  expect(own).toEqual([
    'one',
    expect.stringContaining('what follows is not in the log of the pipeline: '),
    'two',
  ]);
});
