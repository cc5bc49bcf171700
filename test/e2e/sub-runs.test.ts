// Pipelines that run pipelines, as a user has them: files that name each other, kill -9 in the middle, cancel.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { jsonLines, Place } from '#support/millrace.ts';

let here: Place;
afterEach(() => here.remove());

const effect = (name: string, rest = ''): string =>
  `steps: [{ command: 'echo ${name} >> "$MILLRACE_PIPELINE_DIR/effects"; ${rest}' }]`;
const PARENT = `id: parent
nodes:
  - { id: first, ${effect('first')} }
  - { id: below, needs: [first], pipeline: { id: middle } }
  - id: last
    needs: [below]
    inputs: { y: "{{ below.y }}" }
    steps: [{ command: 'echo last {{ y }} >> "$MILLRACE_PIPELINE_DIR/effects"' }]
`;
const MIDDLE = `id: middle
outputs: { y: "{{ deep.slow.y }}" }
nodes:
  - { id: deep, pipeline: { file: ./leaf.yaml } }
`;
const LEAF = `id: leaf
nodes:
  - { id: slow, ${effect('slow', 'sleep 2; echo y=2 >> "$MILLRACE_OUTPUTS"')} }
  - { id: after, needs: [slow], ${effect('after')} }
`;
const FILES = { 'pipeline.yaml': PARENT, 'middle.yaml': MIDDLE, 'leaf.yaml': LEAF };
const effects = (): string => readFileSync(join(here.folder, 'effects'), 'utf8');

test('kill -9 while a run two levels down works: resume of the top takes all of it up, and each effect is there once', async () => {
  here = new Place(FILES);
  const running = here.start('run', '--json');
  await running.line((line) => line.includes('"below.started"'));
  await expect.poll(effects, { timeout: 10_000 }).toContain('slow');
  running.child.kill('SIGKILL');
  await running.ended;

  const resumed = await here.run('resume', 'latest', '--json');

  expect(resumed.code, resumed.stderr).toBe(0);
  const { report } = jsonLines(resumed.stdout);
  expect(report.nodes['below']).toMatchObject({ attempts: 1, outputs: { y: 2 } });
  expect(effects()).toBe('first\nslow\nafter\nlast 2\n');
});

test('SIGTERM parks a run with all below it, and resume goes on', async () => {
  here = new Place(FILES);
  const running = here.start('run', '--json');
  await running.line((line) => line.includes('"below.started"'));
  await expect.poll(effects, { timeout: 10_000 }).toContain('slow');
  running.child.kill('SIGTERM');
  expect((await running.ended).code).toBe(4);

  const resumed = await here.run('resume', 'latest', '--json');

  expect(resumed.code, resumed.stderr).toBe(0);
  expect(effects()).toBe('first\nslow\nafter\nlast 2\n');
});

test('SIGINT cancels what runs below, and no program is left', async () => {
  here = new Place({ ...FILES, 'leaf.yaml': LEAF.replace('sleep 2', 'sleep 60') });
  const running = here.start('run', '--json');
  await running.line((line) => line.includes('"below.started"'));
  await expect.poll(effects, { timeout: 10_000 }).toContain('slow');
  running.child.kill('SIGINT');
  const ended = await running.ended;

  expect(ended.code).toBe(1);
  const { report } = jsonLines(ended.stdout);
  expect(report).toMatchObject({ status: 'cancelled', nodes: { below: { status: 'cancelled' } } });
  const runs = (await here.run('runs', '--all', '--json')).stdout.trim().split('\n');
  expect(runs.map((line): unknown => JSON.parse(line))).toMatchObject(
    Array.from({ length: 3 }, () => ({ status: 'cancelled' })),
  );
  expect(here.programs).toEqual([]);
});

test('problems of a sub-pipeline are told with its own file, and a cycle as the chain of files', async () => {
  here = new Place({
    'pipeline.yaml':
      'id: top\nnodes:\n  - { id: a, pipeline: { file: sub/broken.yaml } }\n  - { id: b, pipeline: { file: ./loop.yaml } }\n  - { id: c, pipeline: { id: lop } }\n',
    'loop.yaml': 'id: loop\nnodes: [{ id: a, pipeline: { file: back.yaml } }]\n',
    'back.yaml': 'id: back\nnodes: [{ id: a, pipeline: { id: loop } }]\n',
  });
  mkdirSync(join(here.folder, 'sub'));
  writeFileSync(
    join(here.folder, 'sub', 'broken.yaml'),
    `id: broken\nnodes:\n  - { id: x, needs: [y], ${effect('x')} }\n`,
  );

  const { code, stderr, stdout } = await here.run('validate');

  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^sub\/broken\.yaml:3:\d+: error: .*"y"/m);
  expect(stderr).toContain('loop.yaml → back.yaml → loop.yaml');
  expect(stderr).toMatch(
    /^pipeline\.yaml:5:\d+: error: .*"lop".*Published pipelines come in a later version/m,
  );
  expect(stderr).toMatch(/try: loop/);
  const json: unknown = JSON.parse((await here.run('validate', '--json')).stdout);
  expect(json).toMatchObject({
    problems: expect.arrayContaining([
      expect.objectContaining({ file: 'sub/broken.yaml', line: 3 }),
    ]),
  });
  expect((await here.run('run')).code).toBe(2);
});

test('a sub-pipeline in another folder has that folder, and files are found from where they are written', async () => {
  here = new Place({
    'pipeline.yaml': `id: top
nodes:
  - { id: default, pipeline: { file: shared/sub.yaml } }
  - { id: written, pipeline: { file: shared/sub.yaml, inputs: { data: own.txt } } }
`,
    'own.txt': 'of the parent\n',
  });
  mkdirSync(join(here.folder, 'shared'));
  writeFileSync(join(here.folder, 'shared', 'default.txt'), 'of the child\n');
  writeFileSync(
    join(here.folder, 'shared', 'sub.yaml'),
    `id: sub
inputs: { data: { type: file, default: default.txt } }
outputs: { text: "{{ read.text }}", folder: "{{ read.folder }}" }
nodes:
  - id: read
    steps:
      - command: |
          echo "text=$(cat {{ pipeline.input.data }})" >> "$MILLRACE_OUTPUTS"
          echo "folder=$(basename "$MILLRACE_PIPELINE_DIR")" >> "$MILLRACE_OUTPUTS"
`,
  );
  const ended = await here.run('run', '--json');
  expect(ended.code, ended.stderr).toBe(0);
  expect(jsonLines(ended.stdout).report.nodes).toMatchObject({
    default: { outputs: { text: 'of the child', folder: 'shared' } },
    written: { outputs: { text: 'of the parent', folder: 'shared' } },
  });

  writeFileSync(join(here.folder, 'own.txt'), '');
  const gone = (await here.run('run', '-i', 'x=1')).stderr;
  expect(gone).toContain('x');
});

test('cancel of a sub-run alone fails its node, which explain and show account for', async () => {
  here = new Place({ ...FILES, 'leaf.yaml': LEAF.replace('sleep 2', 'sleep 60') });
  const running = here.start('run', '--json');
  await running.line((line) => line.includes('"below.started"'));
  await expect.poll(effects, { timeout: 10_000 }).toContain('slow');
  const why = await here.run('explain', 'latest', 'below');
  expect(why.stdout).toMatch(
    /waits for run \w{26} \(middle\), which is running; there "deep" is running/,
  );
  const child = /run (\w{26})/.exec(why.stdout)?.[1] ?? '';
  expect((await here.run('cancel', child)).code).toBe(0);

  const ended = await running.ended;

  expect(ended.code).toBe(1);
  expect(jsonLines(ended.stdout).report.nodes['below']).toMatchObject({
    status: 'failed',
    reason: 'cancelled',
    message: `run ${child} (middle) was cancelled`,
  });
  expect(here.programs).toEqual([]);
});

test('a sub-run can be resumed alone, and its parent hears of it when it is resumed itself', async () => {
  here = new Place(FILES);
  const running = here.start('run', '--json');
  await running.line((line) => line.includes('"below.started"'));
  await expect.poll(effects, { timeout: 10_000 }).toContain('slow');
  running.child.kill('SIGTERM');
  const ended = await running.ended;
  expect(ended.stderr.match(/millrace resume/g)).toHaveLength(1);
  const shown = await here.run('show', 'latest', '--json');
  const child = jsonLines(shown.stdout).report.nodes['below']?.subRun ?? '';

  const alone = await here.run('resume', child, '--json');
  expect(alone.code, alone.stderr).toBe(0);
  expect(jsonLines(alone.stdout).report.outputs).toEqual({ y: 2 });
  expect(effects()).toBe('first\nslow\nafter\n');

  const resumed = await here.run('resume', 'latest', '--json');
  expect(resumed.code, resumed.stderr).toBe(0);
  expect(jsonLines(resumed.stdout).report.nodes['below']).toMatchObject({ attempts: 1 });
  expect(effects()).toBe('first\nslow\nafter\nlast 2\n');
});

test('operators and secrets of a sub-pipeline are looked at before anything runs, and --with takes its operators', async () => {
  here = new Place({
    'pipeline.yaml': 'id: top\nnodes: [{ id: a, pipeline: { id: sub } }]\n',
    'sub.yaml': `id: sub
nodes:
  - id: x
    env: { KEY: "{{ secret.SUB_KEY }}" }
    resources: { cpu: 4000 }
    steps:
      - operator: { git: ./nowhere/clean.git, tag: v1 }
        command: cat said.txt; echo "key=\${#KEY}" >> "$MILLRACE_OUTPUTS"
`,
  });
  const { code, stderr } = await here.run('run');
  expect(code).toBe(2);
  expect(stderr).toContain('SUB_KEY');
  expect(stderr).toContain('nowhere/clean.git');
  expect(stderr).toContain('4000 cores');

  const sub = join(here.folder, 'sub.yaml');
  writeFileSync(sub, readFileSync(sub, 'utf8').replace('    resources: { cpu: 4000 }\n', ''));
  mkdirSync(join(here.folder, 'clean'));
  writeFileSync(join(here.folder, 'clean', 'said.txt'), 'by the working tree\n');
  await here.feed('12345', 'secret', 'set', 'SUB_KEY');
  const ended = await here.run('run', '--json', '--with', 'clean=clean');
  expect(ended.code, ended.stderr + ended.stdout).toBe(0);
  const { report } = jsonLines(ended.stdout);
  expect(report.nodes['a']?.outputs).toEqual({ x: { key: 5 } });
  const logs = await here.run('logs', report.nodes['a']?.subRun ?? '');
  expect(logs.stdout).toContain('by the working tree');
});

test('one relative path that means two repositories is a problem', async () => {
  here = new Place({});
  const uses = (id: string, more: string): string =>
    `id: ${id}\nnodes:\n  - id: x\n    steps: [{ operator: { git: ./op.git, tag: v1 }, command: cat said.txt }]\n${more}`;
  for (const folder of ['.', 'sub']) {
    const repository = join(here.folder, folder, 'op.git');
    mkdirSync(repository, { recursive: true });
    writeFileSync(join(repository, 'said.txt'), folder);
    const git = (...args: readonly string[]): unknown =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
        cwd: repository,
      });
    git('init', '-q');
    git('add', '.');
    git('commit', '-qm', folder);
    git('tag', 'v1');
  }
  writeFileSync(join(here.folder, 'sub', 'child.yaml'), uses('child', ''));
  const main = join(here.folder, 'pipeline.yaml');
  writeFileSync(main, uses('top', '  - { id: y, pipeline: { file: sub/child.yaml } }\n'));

  const { code, stderr } = await here.run('run');

  expect(code).toBe(2);
  expect(stderr).toContain('op.git#v1 is another one for child.yaml than for pipeline.yaml');
});
