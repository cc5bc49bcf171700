// eval, secret, schema: tools that need no engine.
import { mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { aCommand } from '#support/fake-host.ts';

async function evaluated(text: string, vars?: string) {
  const cwd = await mkdtemp(path.join(tmpdir(), 'millrace-eval-'));
  if (vars !== undefined) await writeFile(path.join(cwd, 'vars.yaml'), vars);
  const more = vars === undefined ? [] : ['--vars', 'vars.yaml'];
  return aCommand(undefined, { cwd }).run('eval', text, ...more);
}

test.each([
  ['1 + 2 * 3', undefined, '7'],
  ['len(clean.carriers) > 1', 'clean: { carriers: [AA, UA] }', 'true'],
  ['{{ clean.n }}', 'clean: { n: 2 }', '2'],
  [
    '{{ clean.n }} of {{ pipeline.input.max }}',
    '{ clean: { n: 2 }, pipeline: { input: { max: 3 } } }',
    '"2 of 3"',
  ],
  ['upper(item)', 'item: aa', '"AA"'],
  ['a.n ?? 5', 'a: {}', '5'],
  ['event:a.completed && {{ a.n > 1 }}', '{ events: [a.completed], a: { n: 2 } }', 'true'],
  ['{{ a.n > 1 }} && {{ a.n < 1 }}', 'a: { n: 2 }', '"never"'],
  ['event:*.failed', 'events: [a.completed]', '"not_yet"'],
  ['event:*.failed', 'events: [a.completed, b.failed]', 'true'],
  ['!event:b.failed', 'events: { b.failed: never }', 'true'],
  ["'event:x'", undefined, '"event:x"'],
  ["payload('external.go')", 'payloads: { external.go: { by: ana } }', '{"by":"ana"}'],
])('%s with %s is %s', async (text, vars, value) => {
  expect(await evaluated(text, vars)).toMatchObject({ code: 0, out: `${value}\n` });
});

test('an expression that cannot be read is shown with a caret', async () => {
  const { code, err } = await evaluated('1 +* 2');
  expect(code).toBe(2);
  expect(err).toContain('    1 +* 2\n       ^\n');
});

test('an expression that cannot be evaluated exits 2 and says which term', async () => {
  expect(await evaluated('a.n > 1', 'a: {}')).toMatchObject({
    code: 2,
    err: expect.stringContaining('n'),
  });
  const json = await aCommand().run('eval', '1 / 0', '--json');
  expect(JSON.parse(json.out)).toMatchObject({ error: { message: expect.any(String) } });
  expect(json.code).toBe(2);
});

test('a file of variables that is none is refused with its place', async () => {
  expect((await evaluated('1', '[1, 2]')).err).toContain('vars.yaml: wanted a mapping');
  expect((await evaluated('1', 'a: [')).err).toMatch(/vars\.yaml:\d+:\d+: /);
  expect(await aCommand().run('eval', '1', '--vars', 'nowhere.yaml')).toMatchObject({ code: 2 });
});

test('a secret comes from standard input, is listed by name, and is never shown or stored readably', async () => {
  const dataDir = path.join(await mkdtemp(path.join(tmpdir(), 'millrace-secret-')), 'data');
  const secret = (stdin: string, ...args: string[]) =>
    aCommand(undefined, { stdin }).run('--data-dir', dataDir, 'secret', ...args);
  expect(await secret('hunter2\n', 'set', 'API_KEY')).toMatchObject({ code: 0, out: '' });
  expect(await secret('', 'list')).toMatchObject({ code: 0, out: 'API_KEY\n' });
  for (const name of await readdir(dataDir)) {
    const file = path.join(dataDir, name);
    if ((await stat(file)).isFile()) expect((await readFile(file)).includes('hunter2')).toBe(false);
  }
  expect(await secret('', 'rm', 'API_KEY')).toMatchObject({ code: 0 });
  expect(await secret('', 'list')).toMatchObject({ code: 0, out: '' });
  expect(await secret('', 'rm', 'API_KEY')).toMatchObject({ code: 2 });
});

test('a secret is never an argument, and never empty', async () => {
  expect(await aCommand().run('secret', 'set', 'A', 'hunter2')).toMatchObject({ code: 2 });
  const dataDir = path.join(await mkdtemp(path.join(tmpdir(), 'millrace-secret-')), 'data');
  expect(
    await aCommand(undefined, { stdin: '\n' }).run('--data-dir', dataDir, 'secret', 'set', 'A'),
  ).toMatchObject({ code: 2 });
});

test('a dialect without a schema is named', async () => {
  expect(await aCommand().run('schema', 'stages')).toMatchObject({
    code: 2,
    err: expect.stringContaining('"stages"'),
  });
});
