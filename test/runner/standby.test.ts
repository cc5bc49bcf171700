// A program that began in a shell which waited cannot be told from one with a shell of its own.
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { statOf } from '#runner/processes.ts';
import { Pipes } from '#runner/shell.ts';
import { type ShellOrder, Standby } from '#runner/standby.ts';

let folder: string;
let standby: Standby;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'millrace-standby-')));
  standby = new Standby(new Pipes(path.join(folder, 'pipes')));
});

afterEach(() => {
  standby.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Takes the shell as soon as it waits. */
async function taken(order: ShellOrder): Promise<NonNullable<ReturnType<Standby['take']>>> {
  standby.prepare();
  await new Promise((resolve) => setImmediate(resolve));
  const found = standby.take(order);
  if (found === undefined) throw new TypeError('no shell waited');
  return found;
}

interface Ran {
  readonly out: string;
  readonly err: string;
  readonly code: number | null;
}

async function ahead(order: ShellOrder): Promise<Ran> {
  const { shell } = await taken(order);
  const exit = once(shell.child, 'exit');
  const [out, err] = await Promise.all([text(shell.stdout), text(shell.stderr)]);
  const [code] = await exit;
  return { out, err, code };
}

function plainly({ command, folder: cwd, environment }: ShellOrder): Ran {
  const ran = spawnSync('/bin/sh', ['-c', '--', command], {
    cwd,
    env: environment,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { out: ran.stdout, err: ran.stderr, code: ran.status };
}

const ODD = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  QUOTES: `it's "here" \\ and \`there\``,
  DOLLAR: '$HOME $(id) $PATH',
  LINES: 'one\ntwo\n\n three ',
  EMPTY: '',
  LETTERS: 'Grüße 东 🚆',
  lower_9: '-n',
};

test.each([
  ['variables and folder', 'env | sort; pwd; echo "$0" "$#" "$-"'],
  ['a command of several lines with quotes', `printf '%s|' "a'b" 'c"d'\necho "$QUOTES" \\\n  end`],
  ['an exit code', 'exit 37'],
  ['a command that begins like an option', '-x'],
  ['a mistake in the command', 'if then'],
  ['nothing on its input', 'cat; echo "read: $?"; readlink /proc/$$/fd/0'],
  ['line numbers', 'echo $LINENO\necho $LINENO'],
])('%s: the same as with a shell of its own', async (_, command) => {
  const place = path.join(folder, `it's a "place" $x`);
  mkdirSync(place);
  const order = { command, folder: place, environment: ODD };
  expect(await ahead(order)).toEqual(plainly(order));
});

test('it has a process group and session of its own, and keeps the process id it waited under', async () => {
  const { shell, mark } = await taken({ command: 'exec sleep 5', folder, environment: ODD });
  const { child } = shell;
  const { pid = 0 } = child;
  expect(mark.pid).toBe(pid);
  expect(statOf(pid)).toMatchObject({ group: pid, session: pid });
  child.kill('SIGKILL');
  await new Promise((resolve) => child.on('close', resolve));
});

test.each([
  ['a name that no shell can assign', { 'a.b': '1' }],
  ['a name that shells keep for themselves', { OPTIND: 'x' }],
  ['more than a shell is told at once', { LONG: 'x'.repeat(40_000) }],
])('%s is left to the plain way', async (_, environment) => {
  standby.prepare();
  await new Promise((resolve) => setImmediate(resolve));
  expect(standby.take({ command: 'true', folder, environment })).toBeUndefined();
  expect(standby.take({ command: 'true', folder, environment: {} })).toBeDefined();
});

test('a shell that waits ends when its input does, as it does when its runner dies', async () => {
  const { child } = (await taken({ command: 'true', folder, environment: {} })).shell;
  await new Promise((resolve) => child.on('close', resolve));
  expect(child.exitCode).toBe(0);
  const waiting = spawnSync('/bin/sh', ['-s'], { input: '', env: {} });
  expect(waiting.status).toBe(0);
});

test('one that died while it waited is not taken', async () => {
  standby.prepare();
  await new Promise((resolve) => setImmediate(resolve));
  standby.close();
  expect(standby.take({ command: 'true', folder, environment: {} })).toBeUndefined();
});
