// Help and wrong usage, and the program as a whole process.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { contextOf } from '#cli/context.ts';
import { aCommand, fakeHost } from '#support/fake-host.ts';

const main = path.resolve('functions/cli/main.ts');

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function millrace(...args: string[]): Promise<Ended> {
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, [main, ...args])) };
  } catch (error) {
    if (!isEnded(error)) throw error;
    return error;
  }
}

function isEnded(error: unknown): error is Ended {
  return (
    typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'number'
  );
}

const COMMANDS = [
  ['run'],
  ['resume'],
  ['plan'],
  ['validate'],
  ['runs'],
  ['show'],
  ['events'],
  ['logs'],
  ['explain'],
  ['pause'],
  ['cancel'],
  ['retry'],
  ['emit'],
  ['eval'],
  ['secret'],
  ['secret', 'set'],
  ['secret', 'list'],
  ['secret', 'rm'],
  ['env'],
  ['env', 'list'],
  ['env', 'build'],
  ['env', 'prune'],
  ['env', 'why'],
  ['encode'],
  ['decode'],
  ['schema'],
];

test.each(COMMANDS)('%s %s has help with examples', async (...names) => {
  const { code, out } = await aCommand().run(...names, '--help');
  expect(code).toBe(0);
  expect(out).toMatch(/^Usage: millrace /);
  expect(out).toMatch(/Examples:\n {2}millrace /);
});

test('the help lists every command, in groups', async () => {
  const { out } = await aCommand().run();
  for (const [name] of COMMANDS) expect(out).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
  for (const group of ['Running:', 'Looking:', 'Steering:', 'Tools:'])
    expect(out).toContain(`\n${group}\n`);
});

test.each([
  [['rnu'], 'Did you mean run?'],
  [['run', '--ofline'], 'Did you mean --offline?'],
  [['show'], "missing required argument 'run'"],
  [['show', 'a', 'b'], 'too many arguments'],
  [['run', '-i'], 'argument missing'],
  [['runs', '-n', 'many'], 'wanted a whole number'],
  [['runs', '--status', 'done'], 'wanted one of'],
  [['run', 'nowhere.yaml'], 'pipeline file "nowhere.yaml" is not there'],
  [['run', 'package.json', '--timeout', '90'], 'has no unit'],
  [['run', 'package.json', '--with', 'clean'], 'wanted operator=folder'],
  [['--data-dir', '', 'runs'], 'wanted the path of a folder'],
])('wrong usage exits 2 and says what would be right: %o', async (args, message) => {
  const { code, err } = await aCommand().run(...args);
  expect(err).toContain(message);
  expect(code).toBe(2);
});

test.each([
  [['run', '--bogus', '--json'], 2, 'error'],
  [['bogus', '--json'], 2, 'error'],
  [['completion', 'tcsh', '--json'], 2, 'error'],
  [['encode', 'a b', '--json'], 0, 'encoded'],
  [['decode', 'base64://YSBi', '--json'], 0, 'decoded'],
  [['schema', 'nodes', '--json'], 0, '$schema'],
])('with --json every line is JSON, wrong usage included: %o', async (args, wanted, member) => {
  const { code, out } = await aCommand().run(...args);
  expect(code).toBe(wanted);
  expect(out.trimEnd().split('\n')).toHaveLength(1);
  expect(JSON.parse(out)).toHaveProperty(member);
});

test('without a file the usual names are looked for, and all are named when none is there', async () => {
  const { code, err } = await aCommand(undefined, { cwd: '/proc/self' }).run('run');
  expect(code).toBe(2);
  expect(err).toContain('looked for pipeline.yaml, .pipeline.yaml, .go-idp/pipeline.yaml');
});

test('as a process: version, help, wrong usage, a value', async () => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8'));
  expect(await millrace('--version')).toMatchObject({ code: 0, stdout: `${version}\n` });
  expect(await millrace()).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('Usage: millrace'),
  });
  expect(await millrace('nothing')).toMatchObject({ code: 2, stdout: '' });
  expect(await millrace('eval', '6 * 7')).toMatchObject({ code: 0, stdout: '42\n', stderr: '' });
});

test('a reader that goes away is no defect', async () => {
  const child = spawn(process.execPath, [main, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

test('an answer that does not arrive, because the disk is full, is no success', async () => {
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [main, 'schema', 'nodes'], {
    stdio: ['ignore', full, 'pipe'],
  });
  closeSync(full);
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = await once(child, 'close');
  expect(stderr).toMatch(/did not arrive: ENOSPC/);
  expect(code).toBe(1);
});

test('a terminal that does not know its width gets lines, not a tree of single letters', () => {
  const host = fakeHost();
  const backend = {
    ...{ openEngine: unasked, openControl: unasked, leaveEngine: unasked },
    ...{ prepareRun: unasked, traceOf: unasked },
  };
  const watched = (columns: number) =>
    contextOf(host, backend, {}).isWatched({ ...host.stdout, isTerminal: true, columns });
  expect([watched(80), watched(0)]).toEqual([true, false]);
});

function unasked(): never {
  throw new TypeError('nobody asks for an engine here');
}
