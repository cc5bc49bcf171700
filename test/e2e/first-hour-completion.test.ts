// Completion, asked as a shell asks it: the script is read by a real bash, which then completes a line.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Place, ROOT } from '#support/millrace.ts';

let here: Place;
let script: string;

beforeAll(async () => {
  here = new Place({
    'pipeline.yaml':
      'id: names\nnodes:\n  - { id: extract, steps: [{ command: "true" }] }\n  - { id: explore, steps: [{ command: "true" }] }\n',
    'with space.yaml': '',
    'in.json': '{}',
  });
  mkdirSync(join(here.folder, 'data'));
  const printed = await here.run('completion', 'bash');
  expect(printed).toMatchObject({ code: 0, stderr: '' });
  script = join(here.folder, 'completion.sh');
  writeFileSync(script, printed.stdout);
});
afterAll(() => here.remove());

/** What bash would offer for the last word. compopt works only while bash itself completes. */
async function complete(...words: readonly string[]): Promise<readonly string[]> {
  const PATH = [join(ROOT, 'node_modules/.bin'), dirname(process.execPath), process.env['PATH']];
  const child = spawn(
    'bash',
    [
      '--norc',
      '-c',
      `compopt() { :; }; source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _millrace 2>&1; printf "%s\\n" "\${COMPREPLY[@]}"`,
      script,
      'millrace',
      ...words,
    ],
    { cwd: here.folder, env: { ...here.env, PATH: PATH.join(delimiter) } },
  );
  let told = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      told += chunk.toString();
    });
  await new Promise((resolve) => child.once('close', resolve));
  return told.split('\n').filter((line) => line !== '');
}

test('commands and the commands of commands are completed, hidden ones are not', async () => {
  expect(await complete('re')).toEqual(expect.arrayContaining(['resume', 'retry']));
  expect(await complete('env', '')).toEqual(['list', 'build', 'prune', 'why', 'help']);
  expect(await complete('comp')).toEqual(['completion']);
});

test('options of the command and of the program are completed', async () => {
  expect(await complete('run', '--al')).toEqual(['--allow-env', '--allow-all-env']);
  expect(await complete('env', 'prune', '--o')).toEqual(['--older-than']);
  expect(await complete('run', '--data')).toEqual(['--data-dir']);
});

test('values are completed by what they are: choices, files, folders', async () => {
  expect(await complete('init', '')).toEqual(['hello', 'sql', 'operators']);
  expect(await complete('runs', '--status', 'c')).toEqual(['completed', 'cancelled']);
  expect(await complete('schema', 'n')).toEqual(['nodes']);
  expect(await complete('run', 'w')).toEqual(['with space.yaml']);
  expect(await complete('run', 'pipeline.yaml', '--inputs', 'in')).toEqual(['in.json']);
  expect(await complete('--data-dir', 'd')).toEqual(['data']);
});

test('runs and their nodes are completed, also after options, and where there is nothing nothing is said', async () => {
  expect(await complete('show', 'l')).toEqual([]);
  const ran = await here.run('run', '--json');
  const { run } = JSON.parse(ran.stdout.split('\n')[0] ?? '');
  expect(await complete('show', '')).toEqual(['latest', run]);
  expect(await complete('explain', 'latest', 'ex')).toEqual(['extract', 'explore']);
  expect(await complete('logs', '-f', 'latest', 'exp')).toEqual(['explore']);
  expect(await complete('retry', 'latest', '--from', 'extr')).toEqual(['extract']);
  expect(await complete('--data-dir', 'data', 'show', '')).toEqual([]);
});

test.each(['zsh', 'fish'])(
  'what is printed for %s is read by it, where it is installed',
  async (shell) => {
    const printed = await here.run('completion', shell);
    expect(printed).toMatchObject({ code: 0, stderr: '' });
    expect(printed.stdout).toContain('millrace');
    const file = join(here.folder, `completion.${shell}`);
    writeFileSync(file, printed.stdout);
    const checked = spawnSync(shell, ['-n', file], { encoding: 'utf8' });
    if (checked.error === undefined) expect(checked).toMatchObject({ status: 0, stderr: '' });
  },
);

const hasFish = spawnSync('fish', ['--version']).error === undefined;

test.runIf(hasFish)('fish completes the same things, where it is installed', async () => {
  const file = join(here.folder, 'completion.fish');
  writeFileSync(file, (await here.run('completion', 'fish')).stdout);
  const offered = (line: string): readonly string[] => {
    const PATH = `${join(ROOT, 'node_modules/.bin')}${delimiter}${process.env['PATH'] ?? ''}`;
    const command = `source ${file}; complete -C ${JSON.stringify(line)}`;
    const told = spawnSync('fish', ['--no-config', '-c', command], {
      cwd: here.folder,
      env: { ...here.env, PATH },
      encoding: 'utf8',
    });
    expect(told.stderr).toBe('');
    const lines = told.stdout.split('\n').filter((one) => one !== '');
    return lines.map((one) => one.split('\t')[0] ?? '');
  };
  expect(offered('millrace env ')).toEqual(
    expect.arrayContaining(['build', 'list', 'prune', 'why']),
  );
  expect(offered('millrace explain latest ex')).toEqual(['explore', 'extract']);
  expect(offered('millrace runs --status c')).toEqual(['cancelled', 'completed']);
  expect(offered('millrace run --allow-a')).toEqual(['--allow-all-env']);
});
