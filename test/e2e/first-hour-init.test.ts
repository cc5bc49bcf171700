// `millrace init`: what it writes runs as it is, and nothing that is there is touched.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { BIN, jsonLines, Place, ROOT } from '#support/millrace.ts';

const places: Place[] = [];
const place = (): Place => {
  // As typed by a person, whatever started the tests.
  const env = { MILLRACE_UV: join(ROOT, '.tools/bin/uv'), npm_command: '' };
  const made = new Place({}, env);
  places.push(made);
  return made;
};
afterEach(() => {
  for (const made of places.splice(0)) made.remove();
});

/** What the first line of a pipeline names, read from where the pipeline lies. */
function schemaOf(folder: string): { $schema?: string; properties?: object } {
  const line = readFileSync(join(folder, 'pipeline.yaml'), 'utf8').split('\n')[0] ?? '';
  const address = /^# yaml-language-server: \$schema=(\.\S+)$/.exec(line)?.[1] ?? 'none';
  return JSON.parse(readFileSync(join(folder, address), 'utf8'));
}

test('init without a name writes hello, whose proposed command runs', async () => {
  const here = place();
  const written = await here.run('init');
  expect(written).toMatchObject({
    code: 0,
    stdout: 'wrote pipeline.yaml, nodes.schema.json\nnext: millrace run -i name=you\n',
    stderr: '',
  });
  expect(schemaOf(here.folder)).toHaveProperty('properties.nodes');
  expect((await here.run('run', '-i', 'name=you')).code).toBe(0);
  expect((await here.run('logs', 'latest', 'say')).stdout).toContain('Hello, you!');
});

test('init sql writes a query over a file that comes with it, and its run says the best region', async () => {
  const here = place();
  expect((await here.run('init', 'sql')).code).toBe(0);
  const ran = await here.run('run', '--json');
  expect(ran.code, ran.stdout).toBe(0);
  const { report } = jsonLines(ran.stdout);
  expect(report.nodes['by_region']?.outputs).toMatchObject({ region_count: 2, best: 'south' });
  expect((await here.run('logs', 'latest', 'tell')).stdout).toContain('best is south');
});

test('init operators writes two repositories with a tag, and their environments are built in the run', async () => {
  const here = place();
  const written = await here.run('init', 'operators', '--dir', 'my line', '--json');
  expect(JSON.parse(written.stdout)).toMatchObject({
    template: 'operators',
    folder: join(here.folder, 'my line'),
    next: "cd 'my line' && millrace run",
  });
  expect(schemaOf(join(here.folder, 'my line'))).toHaveProperty('properties.operators');
  const ran = await here.run('run', 'my line', '--json');
  expect(ran.code, ran.stdout).toBe(0);
  expect(jsonLines(ran.stdout).report.nodes['count']?.outputs).toEqual({ words: 7 });
});

test('nothing that is there is overwritten: all that is in the way is named, and nothing is written', async () => {
  const here = place();
  writeFileSync(join(here.folder, 'pipeline.yaml'), 'mine');
  writeFileSync(join(here.folder, 'orders.csv'), 'mine');
  const refused = await here.run('init', 'sql');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('pipeline.yaml, orders.csv are there already');
  expect(readFileSync(join(here.folder, 'pipeline.yaml'), 'utf8')).toBe('mine');
  expect(existsSync(join(here.folder, 'nodes.schema.json'))).toBe(false);
});

test('where millrace is installed the schema is that of the package', async () => {
  const here = place();
  const json = join(here.folder, 'node_modules/millrace/schemas/json');
  mkdirSync(json, { recursive: true });
  writeFileSync(join(json, 'nodes.schema.json'), '{ "properties": { "installed": {} } }');
  await here.run('init', 'hello', '--dir', 'a/b');
  expect(existsSync(join(here.folder, 'a/b/nodes.schema.json'))).toBe(false);
  expect(schemaOf(join(here.folder, 'a/b'))).toHaveProperty('properties.installed');
});

test('a pipeline to begin with that is not there is refused with what there is', async () => {
  const refused = await place().run('init', 'helo');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('hello, sql, operators');
});

const hasScript = spawnSync('script', ['--version']).status === 0;

test.runIf(hasScript)(
  'in a terminal init without a name lists what there is and takes hello',
  () => {
    const here = place();
    const { CI: _, ...env } = here.env;
    const typed = spawnSync(
      'script',
      ['-qefc', `stty cols 80; '${process.execPath}' '${BIN}' init`, '/dev/null'],
      {
        cwd: here.folder,
        env: { ...env, TERM: 'xterm' },
        encoding: 'utf8',
      },
    );
    expect(typed.status).toBe(0);
    for (const name of ['hello', 'sql', 'operators'])
      expect(typed.stdout).toContain(`millrace init ${name} `);
    expect(typed.stdout).toContain('taking hello');
    expect(existsSync(join(here.folder, 'pipeline.yaml'))).toBe(true);
  },
);
