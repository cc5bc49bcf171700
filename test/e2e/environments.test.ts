// A build of an environment that is killed half way: what it left is never used. The real uv, slowed down by a wrapper that
// breaks the environment under way and waits.
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readSpool } from '#runner/spool.ts';
import { jsonLines, Place, ROOT, type Running } from '#support/millrace.ts';
import { aProject, aRepository } from '../runner/sources.ts';

const PIPELINE = `
id: built
nodes:
  - id: one
    steps:
      - operator: { git: ./clean, tag: v1.0.0 }
        environment: { uv: pyproject.toml }
        command: python main.py
  - id: two
    needs: [one]
    steps:
      - operator: { git: ./clean, tag: v1.0.0 }
        environment: { uv: pyproject.toml }
        command: python -c 'import sys; print(sys.prefix)'
`;

// What an interrupted \`uv sync\` may leave: an environment whose Python is gone.
const SLOW_UV = `#!/bin/sh
if [ "$1" = sync ] && [ ! -e "$GO" ]; then
  echo '#!/bin/sh' > "$UV_PROJECT_ENVIRONMENT/bin/python.half"
  rm -f "$UV_PROJECT_ENVIRONMENT"/bin/python*
  echo "$UV_PROJECT_ENVIRONMENT" >> "$BEGUN"
  sleep 600
fi
exec "$REAL_UV" "$@"
`;

let place: Place;
let begun: string;

beforeEach(() => {
  const files = new Place();
  const uv = join(files.folder, 'uv');
  const cache = join(files.folder, 'cache');
  mkdirSync(cache);
  writeFileSync(uv, SLOW_UV);
  chmodSync(uv, 0o755);
  begun = join(files.folder, 'begun');
  place = new Place(
    { 'pipeline.yaml': PIPELINE },
    {
      MILLRACE_CACHE_DIR: cache,
      MILLRACE_UV: uv,
      REAL_UV: join(ROOT, '.tools', 'bin', 'uv'),
      BEGUN: begun,
      GO: join(files.folder, 'go'),
    },
  );
  aRepository(join(place.folder, 'clean'), aProject());
  folders.push(files);
});

const folders: Place[] = [];
afterEach(() => {
  place.remove();
  for (const folder of folders.splice(0)) folder.remove();
});

const go = (): void => writeFileSync(place.env['GO'] ?? '', '');
const dataDir = (): string => join(place.folder, '.millrace');

async function untilBuilding(): Promise<Running> {
  const running = place.start('run', 'pipeline.yaml', '--json');
  await expect.poll(() => existsSync(begun), { timeout: 20_000 }).toBe(true);
  return running;
}

function killRunner(): void {
  for (const { runner } of readSpool(dataDir()))
    if (runner !== undefined) process.kill(runner.pid, 'SIGKILL');
}

/** Environments of the cache that may be used. */
async function ready(): Promise<number> {
  const { stdout } = await place.run('env', 'list', '--json');
  return stdout.split('\n').filter((line) => line.includes('"ready":true')).length;
}

function whole(stdout: string): void {
  const { report } = jsonLines(stdout);
  expect(report.status).toBe('completed');
  const prefix = String(report.nodes['one']?.outputs['prefix']);
  expect(prefix.startsWith(place.env['MILLRACE_CACHE_DIR'] ?? '?')).toBe(true);
  expect(readdirSync(join(prefix, 'bin'))).toContain('python');
}

test('kill -9 of the runner in the middle of a build: the run builds it anew and completes', async () => {
  const running = await untilBuilding();
  expect(await ready()).toBe(0);
  go();
  killRunner();
  const ended = await running.ended;
  expect(ended.code, ended.stderr).toBe(0);
  whole(ended.stdout);
  expect(Object.values(jsonLines(ended.stdout).report.environments)).toMatchObject([
    { built: true },
  ]);
  expect(await ready()).toBe(1);
});

test('kill -9 of engine and runner in the middle of a build: neither resume nor another run uses what it left', async () => {
  const running = await untilBuilding();
  running.child.kill('SIGKILL');
  killRunner();
  await running.ended;
  expect(await ready()).toBe(0);
  go();
  const second = await place.run('run', 'pipeline.yaml', '--json');
  expect(second.code, second.stderr).toBe(0);
  whole(second.stdout);
  const first = jsonLines(second.stdout).report.run;
  const runs = (await place.run('runs', '--json')).stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const parked = runs.find(({ run }) => run !== first).run;
  const resumed = await place.run('resume', parked, '--json');
  expect(resumed.code, resumed.stderr).toBe(0);
  whole(resumed.stdout);
  expect(await ready()).toBe(1);
});

test('SIGINT in the middle of a build cancels the run, and the tool does not go on', async () => {
  const running = await untilBuilding();
  running.child.kill('SIGINT');
  const ended = await running.ended;
  expect(ended.code).toBe(1);
  expect(jsonLines(ended.stdout).report.status).toBe('cancelled');
  go();
  expect(await ready()).toBe(0);
  const again = await place.run('run', 'pipeline.yaml', '--json');
  expect(again.code, again.stderr).toBe(0);
  whole(again.stdout);
});

test('why tells of each operator of a pipeline whether a run would build, and what has changed since', async () => {
  go();
  const ask = (...more: string[]) => place.run('env', 'why', 'pipeline.yaml', ...more);
  expect((await ask()).stdout).toMatch(
    /^clean: [0-9a-f]{12} will be built: none of its kind is there\n$/,
  );
  expect((await place.run('env', 'build', 'pipeline.yaml')).code).toBe(0);
  expect((await ask('clean')).stdout).toMatch(/^clean: [0-9a-f]{12} is there, built /);
  const uv = '{ uv: pyproject.toml }';
  const changed = PIPELINE.replaceAll(
    uv,
    '{ uv: { project: pyproject.toml, extraArgs: ["--compile-bytecode"] } }',
  );
  writeFileSync(join(place.folder, 'pipeline.yaml'), changed);
  expect((await ask()).stdout).toMatch(
    /^clean: [0-9a-f]{12} will be built, because these differ from [0-9a-f]{12} of .*:\n {2}extraArgs +\[\] → \["--compile-bytecode"\]\n$/,
  );
  expect(await ask('claen')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no operator "claen"'),
  });
});

test('the size that is set for all environments holds after each build; one that is none is refused', async () => {
  go();
  const run = (size: string) => {
    place.env['MILLRACE_ENV_CACHE_SIZE'] = size;
    return place.run('run', 'pipeline.yaml', '--json');
  };
  expect(await run('much')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('MILLRACE_ENV_CACHE_SIZE is "much"; wanted is a size such as'),
  });
  whole((await run('none')).stdout);
  const other = PIPELINE.replaceAll(
    '{ uv: pyproject.toml }',
    '{ uv: { project: pyproject.toml, extraArgs: ["--compile-bytecode"] } }',
  );
  writeFileSync(join(place.folder, 'pipeline.yaml'), other);
  whole((await run('none')).stdout);
  expect(await ready()).toBe(2);
  writeFileSync(
    join(place.folder, 'pipeline.yaml'),
    PIPELINE.replaceAll(
      '{ uv: pyproject.toml }',
      '{ uv: { project: pyproject.toml, extraArgs: ["--no-build"] } }',
    ),
  );
  const last = await run('1KiB');
  whole(last.stdout);
  expect(await ready()).toBe(1);
  const { stdout } = await place.run('logs', jsonLines(last.stdout).report.run);
  expect(
    stdout.match(/ INFO prepare\/\S+ millrace \| the environment of .* is taken away/g),
  ).toHaveLength(2);
});
