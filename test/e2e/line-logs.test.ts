// A production line as its user sees it: the log in the terminal and in files, the working folder, and what a plan says of it.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { jsonLines, Place } from '#support/millrace.ts';
import { aRepository, git } from '../runner/sources.ts';

let place: Place;
let commit: string;
beforeEach(() => {
  place = new Place();
  place.env['MILLRACE_CACHE_DIR'] = join(place.folder, 'cache');
  commit = aRepository(join(place.folder, 'code'), {
    'main.py': 'import sys\nprint("printed")\nprint("complained", file=sys.stderr)\n',
  });
});
afterEach(() => place.remove());

const at = (...names: string[]): string => join(place.folder, ...names);
const linesOf = (...names: string[]): string[] =>
  readFileSync(at(...names), 'utf8')
    .split('\n')
    .slice(0, -1);

function line(operators: readonly string[], more = ''): void {
  const ids = operators.map((each) => /operator_id: ([^,}]+)/.exec(each)?.[1] ?? '');
  const nodes = ids.map((id) => `  - { node_id: "node of ${id}", operator_ids: [${id}] }\n`);
  const entries = operators.map((each) => {
    const repository = each.includes('git_repo') ? '' : 'git_repo: ./code, ';
    return `  - { ${repository}git_tag: v1.0.0, ${each} }\n`;
  });
  writeFileSync(
    at('line.yaml'),
    `pipeline_id: line\nwork_dir: ./ws\n${more}operators:\n${entries.join('')}nodes:\n${nodes.join('')}`,
  );
}

const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d`;
const shape = new RegExp(String.raw`^${TIME} [A-Z]+ \S.*? (stdout|stderr|millrace) \| `);
const withoutTime = (text: string): string =>
  text.replace(/^\S+ /, '').replace(/run \S{26}/, 'run R');

test('terminal, file and `millrace logs` show the same lines in one shape, in the order in which things happened', async () => {
  line([
    'operator_id: clean-op, start_command: python3 -u main.py',
    'operator_id: 特征, upstream_dependencies: [clean-op], start_command: "echo $ANSWER; exit 3", extra_env_vars: { ANSWER: 42 }',
  ]);
  const ended = await place.run('run', 'line.yaml');

  expect(ended.code).toBe(1);
  const file = linesOf('ws/logs/pipeline.log');
  for (const each of file) expect(each).toMatch(shape);
  expect(file.map(withoutTime)).toEqual([
    'INFO line millrace | run R started',
    'INFO prepare/clean-op#1 millrace | started',
    'SUCCESS prepare/clean-op#1 millrace | completed',
    'INFO node of clean-op#1 millrace | started',
    'INFO node of clean-op/clean-op#1 stdout | printed',
    'INFO node of clean-op/clean-op#1 stderr | complained',
    'SUCCESS node of clean-op#1 millrace | completed',
    'INFO node of 特征#1 millrace | started',
    'INFO node of 特征/特征#1 stdout | 42',
    expect.stringMatching(/^ERROR node of 特征#1 millrace \| failed: .*exited with code 3/),
    expect.stringMatching(/^ERROR line millrace \| run R failed: /),
  ]);
  expect(ended.stdout.split('\n').slice(0, file.length).toSorted()).toEqual(file.toSorted());
  const logs = (await place.run('logs', 'latest')).stdout.split('\n').slice(0, -1);
  expect(logs).toEqual(file.filter((each) => !each.includes(' millrace | ')));
  const objects = linesOf('ws/logs/pipeline.log.jsonl').map((each) => JSON.parse(each));
  expect(objects.map(({ level, text }) => `${level} ${text}`)).toEqual(
    file.map((each) => `${/^\S+ (\S+)/.exec(each)?.[1]} ${each.replace(shape, '')}`),
  );
});

test('a line bears the number of the try of its operator, in the terminal, in both files and in `millrace logs`', async () => {
  const tried =
    'echo here; echo x >> $MILLRACE_PIPELINE_DIR/told; [ $(wc -l < $MILLRACE_PIPELINE_DIR/told) = 2 ]';
  line([`operator_id: again, start_command: "${tried}", retry: { max_attempts: 3, interval: 0 }`]);
  const { code, stdout } = await place.run('run', 'line.yaml');
  expect(code).toBe(0);
  const printed = (text: string): string[] =>
    text.split('\n').flatMap((each) => / (\S*again#\d) stdout \| here$/.exec(each)?.[1] ?? []);
  const wanted = ['again/again#1', 'again/again#2'];
  expect(printed(stdout)).toEqual(wanted);
  expect(printed(linesOf('ws/logs/pipeline.log').join('\n'))).toEqual(wanted);
  expect(linesOf('ws/logs/pipeline.log').map(withoutTime)).toContainEqual(
    expect.stringMatching(
      /^WARNING node of again\/again#1 millrace \| tried again: step "again" exited with code 1/,
    ),
  );
  expect(printed((await place.run('logs', 'latest')).stdout)).toEqual(wanted);
  const objects = linesOf('ws/logs/pipeline.log.jsonl').map((each) => JSON.parse(each));
  const attempts = objects.flatMap(({ text, attempt }) => (text === 'here' ? [attempt] : []));
  expect(attempts).toEqual([1, 2]);
  const report = (await place.run('show', 'latest', '--json')).stdout;
  expect(JSON.parse(report).operators.again.attempts).toBe(2);
});

test('a line that another pipeline runs has its log and its working folder, from the folder of its own configuration', async () => {
  mkdirSync(at('below'));
  line(['operator_id: clean, start_command: "echo printed"'], 'log_config: { level: INFO }\n');
  const text = readFileSync(at('line.yaml'), 'utf8').replace('./code', '../code');
  writeFileSync(at('below/line.yaml'), text);
  writeFileSync(
    at('middle.yaml'),
    'id: middle\nnodes: [{ id: deep, pipeline: { file: ./below/line.yaml } }]\n',
  );
  writeFileSync(
    at('top.yaml'),
    'id: top\nnodes: [{ id: mid, pipeline: { file: ./middle.yaml } }]\n',
  );

  const planned = JSON.parse((await place.run('plan', 'top.yaml', '--json')).stdout);
  expect(planned.code).toMatchObject([
    { operator: 'clean', folder: at('below/ws/operators/clean') },
  ]);
  expect((await place.run('run', 'top.yaml')).code).toBe(0);

  const lines = linesOf('below/ws/logs/pipeline.log').map(withoutTime);
  expect(lines).toContain('INFO node of clean/clean#1 stdout | printed');
  expect(lines.at(-1)).toBe('SUCCESS line millrace | run R completed');
  expect(git(at('below/ws/operators/clean'), 'rev-parse', 'HEAD').trim()).toBe(commit);
  expect(existsSync(at('ws'))).toBe(false);

  // Another run of the same, taken over from the first, knows where they are as well.
  rmSync(at('below/ws'), { recursive: true });
  expect((await place.run('retry', 'latest', '--from', 'mid')).code).toBe(0);
  expect(linesOf('below/ws/logs/pipeline.log').map(withoutTime)).toContain(
    'INFO node of clean/clean#1 stdout | printed',
  );
});

test('two runs at once may share a working folder: both complete, and each line of either stands whole in the one log', async () => {
  const runs = ['one', 'two'].map(async (name) => {
    const file = `${name}.yaml`;
    const count = `i=0; while [ $i -lt 200 ]; do echo ${name} $i; i=$((i + 1)); done`;
    line([`operator_id: ${name}, start_command: '${count}'`]);
    renameSync(at('line.yaml'), at(file));
    return await place.run('--data-dir', `.${name}`, 'run', file);
  });
  for (const ended of await Promise.all(runs)) expect(ended.code, ended.stderr).toBe(0);

  const lines = linesOf('ws', 'logs', 'pipeline.log');
  expect(lines.filter((each) => !shape.test(each))).toEqual([]);
  for (const name of ['one', 'two']) {
    const printed = lines.flatMap(
      (each) => new RegExp(`stdout \\| (${name} .*)$`).exec(each)?.[1] ?? [],
    );
    expect(printed).toEqual(Array.from({ length: 200 }, (_, index) => `${name} ${index}`));
    expect(existsSync(at('ws/operators', name, 'main.py'))).toBe(true);
  }
});

test('a log that cannot be written is told before the run, which goes on', async () => {
  line(
    ['operator_id: a, start_command: "echo printed"'],
    'log_config: { log_path: ./own/line.log }\n',
  );
  mkdirSync(at('own/line.log'), { recursive: true });
  const warned = /the log \S+own\/line\.log cannot be written: a folder is in its place/;
  const planned = await place.run('plan', 'line.yaml');
  expect(planned.stderr).toMatch(warned);
  expect(planned.code).toBe(0);

  const { code, stdout, stderr } = await place.run('run', 'line.yaml');
  expect(code).toBe(0);
  expect(stderr).toMatch(warned);
  expect(stdout).toMatch(/ a\/a#1 stdout \| printed/);
  const events = (await place.run('events', 'latest', '--json')).stdout.split('\n').slice(0, -1);
  expect(events.map((each) => JSON.parse(each))).toContainEqual(
    expect.objectContaining({
      event: 'pipeline.warning',
      payload: { message: expect.stringMatching(warned) },
    }),
  );
});

test('names are shown as they are spelled, and what was found in the configuration is among the events', async () => {
  line(['operator_id: clean-op, start_command: "true"'], 'log_confg: { level: DEBUG }\n');
  const planned = JSON.parse((await place.run('plan', 'line.yaml', '--json')).stdout);
  expect(planned.environments).toEqual([expect.objectContaining({ name: 'clean-op' })]);

  const { events, report } = jsonLines((await place.run('run', 'line.yaml', '--json')).stdout);
  expect(Object.keys(report.environments)).toEqual(['clean-op']);
  expect(Object.keys(report.operators ?? {})).toEqual(['clean-op']);
  expect(events).toContainEqual(
    expect.objectContaining({
      event: 'pipeline.warning',
      payload: { message: expect.stringMatching(/"log_confg".* \(line 3\)$/) },
    }),
  );
  expect(linesOf('ws/logs/pipeline.log').map(withoutTime)).toContainEqual(
    expect.stringMatching(/^WARNING line millrace \| .*"log_confg"/),
  );

  const [{ steps: [step] = [] } = {}] = Object.values(report.nodes);
  expect(step?.startedAt).toBe(new Date(step?.startedAt ?? '').toISOString());
  const tree = await place.run('run', 'line.yaml', '--json', '--with', 'clean-op=code');
  expect(jsonLines(tree.stdout).report.environments).toMatchObject({
    'clean-op': { dirty: false },
  });
});

test('a tag that has moved is a warning on the terminal, in the log and among the events', async () => {
  line(['operator_id: a, start_command: "true"']);
  expect((await place.run('run', 'line.yaml')).code).toBe(0);
  writeFileSync(at('code', 'more.txt'), 'more');
  git(at('code'), 'add', '.');
  git(at('code'), 'commit', '-qm', 'more');
  git(at('code'), 'tag', '-f', 'v1.0.0');
  const now = git(at('code'), 'rev-parse', 'HEAD').trim();
  const moved = new RegExp(`tag "v1.0.0" .* has moved: it was ${commit} and is ${now} now`);

  const { stdout, stderr } = await place.run('run', 'line.yaml');
  expect(stderr).toMatch(moved);
  expect(stdout).not.toMatch(moved);
  const told = linesOf('ws/logs/pipeline.log').filter((each) => moved.test(each));
  expect(told.map(withoutTime)).toEqual([expect.stringMatching(/^WARNING line millrace \| tag /)]);
  const events = (await place.run('events', 'latest')).stdout;
  expect(events).toMatch(/pipeline warning: tag "v1.0.0"/);
});

test('the level leaves lines out of file and terminal, never out of the run itself; files are rotated', async () => {
  line(
    [
      'operator_id: talks, start_command: "for n in 1 2 3; do echo line $n; done; seq 2000; exit 1"',
    ],
    'log_config: { level: ERROR, log_path: "./own/line.log", rotation: 1 KB, retention: 1 }\n',
  );
  const quiet = await place.run('run', 'line.yaml');
  expect(linesOf('own/line.log').map(withoutTime)).toEqual([
    expect.stringMatching(/^ERROR node of talks#1 millrace \| failed/),
    expect.stringMatching(/^ERROR line millrace \| run R failed/),
  ]);
  expect(quiet.stdout).not.toMatch(/stdout \| line 1/);
  expect((await place.run('logs', 'latest')).stdout.split('\n')).toHaveLength(2004);

  place.env['MI_PIPELINE_CONF_LOG_CONFIG__LEVEL'] = 'INFO';
  await place.run('run', 'line.yaml');
  expect(readdirSync(at('own')).filter((name) => name.startsWith('line'))).toEqual([
    'line.log',
    'line.log.1',
    'line.log.jsonl',
    'line.log.jsonl.1',
  ]);
});

test('200,000 lines at once reach the log of the run, both files and the terminal', async () => {
  line(['operator_id: floods, start_command: "seq 200000"']);
  const { stdout } = await place.run('run', 'line.yaml');
  const numbers = (text: string): string[] =>
    text.split('\n').flatMap((each) => / stdout \| (\d+)$/.exec(each)?.[1] ?? []);
  const wanted = Array.from({ length: 200_000 }, (_, index) => String(index + 1));

  const same = (found: readonly string[]): boolean =>
    found.length === wanted.length && found.every((each, index) => each === wanted[index]);
  expect(same(numbers(readFileSync(at('ws/logs/pipeline.log'), 'utf8')))).toBe(true);
  expect(same(numbers(stdout))).toBe(true);
  const objects = linesOf('ws/logs/pipeline.log.jsonl').flatMap((each) => {
    const { stream, text } = JSON.parse(each);
    return stream === 'stdout' ? [text] : [];
  });
  expect(same(objects)).toBe(true);
  const own = (await place.run('logs', 'latest')).stdout;
  expect(same(numbers(own))).toBe(true);
});

test('a plan says what will be cloned, what is built or reused and how long that took, the order, and paths of this machine', async () => {
  aRepository(at('built'), {
    'pyproject.toml': '[project]\nname = "built"\nversion = "0.1.0"\nrequires-python = ">=3.10"\n',
  });
  line([
    'operator_id: last, upstream_dependencies: [built], start_command: "cat /data/cleaned/x", retry: { max_attempts: 2 }',
    'operator_id: built, git_repo: ./built, start_command: "true", extra_env_vars: { IN: /data/input }, env_config: { pyproject_path: ./pyproject.toml }',
  ]);

  const before = JSON.parse((await place.run('plan', 'line.yaml', '--json')).stdout);
  expect(before.nodes).toMatchObject([
    { label: 'node of built', operators: [{ id: 'built' }] },
    { label: 'node of last', needs: ['node of built'], operators: [{ id: 'last' }] },
  ]);
  expect(before.code).toMatchObject([
    { operator: 'built', there: false, folder: at('ws/operators/built') },
    { operator: 'last', there: false, commit, folder: at('ws/operators/last') },
  ]);
  expect(before.environments).toContainEqual(
    expect.objectContaining({ name: 'built', kind: 'uv', built: false }),
  );
  expect(before.hostPaths).toMatchObject([
    { path: '/data/input', where: 'built: IN', there: false },
    { path: '/data/cleaned/x', where: 'last: command', there: false },
  ]);
  expect(existsSync(at('ws'))).toBe(false);

  const ran = await place.run('run', 'line.yaml');
  const unlocked =
    /WARNING prepare\/built#1 millrace \| there is no uv\.lock: packages were resolved/;
  expect(ran.stdout).toMatch(unlocked);
  expect(readFileSync(at('ws/logs/pipeline.log'), 'utf8')).toMatch(unlocked);
  const { environments } = JSON.parse((await place.run('show', 'latest', '--json')).stdout);
  expect(environments.built.warnings).toEqual([expect.stringMatching(/^there is no uv\.lock/)]);
  expect((await place.run('show', 'latest')).stdout).toMatch(/! uv environment built: there is no/);
  const events = (await place.run('events', 'latest', '--json')).stdout.split('\n').slice(0, -1);
  expect(events.map((each) => JSON.parse(each))).toContainEqual(
    expect.objectContaining({ event: '@built.warning', node: '@built', attempt: 1 }),
  );
  const after = JSON.parse((await place.run('plan', 'line.yaml', '--json')).stdout);
  expect(after.code).toMatchObject([{ there: true }, { there: true }]);
  expect(after.environments).toContainEqual(
    expect.objectContaining({ name: 'built', built: true, lastSeconds: expect.any(Number) }),
  );
  const shown = (await place.run('plan', 'line.yaml')).stdout;
  expect(shown).toMatch(/built +uv .*reused +took \d+\.\d s last time/);
  expect(shown).toContain('paths that other machines may not have');
  expect(existsSync(at('ws/envs/built/bin/python'))).toBe(true);
  expect(git(at('ws/operators/last'), 'rev-parse', 'HEAD').trim()).toBe(commit);
});

test('what can never fit is said by plan and refused by run', async () => {
  line(['operator_id: large, start_command: "true"']);
  const text = readFileSync(at('line.yaml'), 'utf8');
  const resource =
    'resource: { cpu_request: 4, cpu_limit: 8, memory_request: 16, memory_limit: 32, gpu_request: 1 }';
  writeFileSync(at('line.yaml'), text.replace('[large] }', `[large], ${resource} }`));
  mkdirSync(at('none'), { recursive: true });
  Object.assign(place.env, { MILLRACE_CPUS: '2', MILLRACE_MEMORY: '8GiB', MILLRACE_GPUS: '0' });
  for (const command of ['plan', 'run']) {
    const { code, stderr } = await place.run(command, 'line.yaml');
    expect(code).toBe(2);
    expect(stderr).toContain('asks for 4 cores; this machine has 2');
    expect(stderr).toContain('asks for 16.0 GiB of memory; this machine has 8.0 GiB');
    expect(stderr).toContain('asks for 1 GPU; this machine has 0');
  }
  expect(existsSync(at('ws'))).toBe(false);
  Object.assign(place.env, { MILLRACE_CPUS: '4', MILLRACE_MEMORY: '16GiB', MILLRACE_GPUS: '1' });
  expect((await place.run('run', 'line.yaml')).code).toBe(0);
});
