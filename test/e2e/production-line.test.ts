// A production line as its user sees it: which operator runs when and with what, what follows when one fails, and what the report says of
// each. Whole processes; operators are shell commands in a repository on the disk, but where an environment is what is tested.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RunReport } from '#schemas/report.ts';
import { jsonLines, Place, ROOT } from '#support/millrace.ts';
import { aCommit, aProject, aRepository } from '../runner/sources.ts';

let place: Place;
let commit: string;

beforeEach(() => {
  place = new Place({}, { MILLRACE_GPUS: '2' });
  place.env['MILLRACE_CACHE_DIR'] = join(place.folder, 'cache');
  mkdirSync(join(place.folder, 'cache'));
  commit = aRepository(join(place.folder, 'code'), aProject());
});
afterEach(() => place.remove());

interface Operator {
  readonly id: string;
  readonly run?: string;
  readonly after?: readonly string[];
  readonly more?: string;
}

/** `nodes` are flow mappings; programs tell what they did by lines of the file `told`. */
function write(operators: readonly Operator[], nodes: readonly string[], top = ''): void {
  const texts = operators.map(
    ({ id, run = 'true', after = [], more = '' }) =>
      `  - { operator_id: ${id}, git_repo: ./code, git_tag: v1.0.0, upstream_dependencies: [${after.join(', ')}], start_command: ${JSON.stringify(run)}${more} }\n`,
  );
  const text = `pipeline_id: line\n${top}operators:\n${texts.join('')}nodes:\n${nodes.map((node) => `  - { ${node} }\n`).join('')}`;
  writeFileSync(join(place.folder, 'line.yaml'), text);
}

const tell = (what: string): string => `echo ${what} >> "$MILLRACE_PIPELINE_DIR/told"`;
const told = (): string[] => readFileSync(join(place.folder, 'told'), 'utf8').trim().split('\n');

async function run(code = 0): Promise<RunReport> {
  const ended = await place.run('run', 'line.yaml', '--json');
  expect(ended.stderr).toBe('');
  expect(ended.code).toBe(code);
  return jsonLines(ended.stdout).report;
}

const statuses = ({ operators = {} }: RunReport): unknown =>
  Object.fromEntries(Object.entries(operators).map(([id, { status }]) => [id, status]));

test('the report tells of each operator: node, attempts, commit, environment, times and peaks', async () => {
  place.env['MILLRACE_UV'] = join(ROOT, '.tools', 'bin', 'uv');
  const uv = ', env_type: uv_project, env_config: { pyproject_path: pyproject.toml }';
  write(
    [
      { id: 'with-env', run: 'python -c "import time; time.sleep(0.4)"', more: uv },
      {
        id: 'tried',
        run: `sleep 0.1; ${tell('tried')}; [ $(wc -l < "$MILLRACE_PIPELINE_DIR/told") -ge 2 ]`,
        after: ['with-env'],
        more: ', retry: { max_attempts: 3, interval: 0.2 }',
      },
    ],
    ['node_id: first node, operator_ids: [with-env, tried]'],
  );

  const report = await run();

  const { 'with-env': first, tried } = report.operators ?? {};
  expect(first).toMatchObject({
    status: 'completed',
    node: 'first_node',
    attempts: 1,
    commit,
    environment: { result: 'built' },
    peaks: { memoryBytes: expect.any(Number) },
  });
  expect(first?.environment?.digest).toMatch(/^[0-9a-f]{16,}/);
  expect(first?.buildSeconds).toBeGreaterThan(0);
  expect(first?.workSeconds).toBeGreaterThanOrEqual(0.4);
  expect(tried).toMatchObject({ status: 'completed', attempts: 2, commit, buildSeconds: 0 });
  expect(tried?.workSeconds).toBeGreaterThanOrEqual(0.2);
  // The interval is a lower bound, and no work.
  const span = Date.parse(tried?.endedAt ?? '') - Date.parse(tried?.startedAt ?? '');
  expect(span).toBeGreaterThanOrEqual((tried?.workSeconds ?? 0) * 1_000 + 200);

  const again = (await run()).operators?.['with-env'];
  expect(again).toMatchObject({ environment: { result: 'reused' }, buildSeconds: 0 });
  expect(again?.environment?.digest).toBe(first?.environment?.digest);

  const shown = (await place.run('show', 'latest')).stdout;
  expect(shown).toMatch(/first node.*\n.*with-env.*\n.*tried/);
  expect((await place.run('show', 'latest', '--html', 'run.html')).code).toBe(0);
  const page = readFileSync(join(place.folder, 'run.html'), 'utf8');
  expect(page).toMatch(/class="operator"[^\n]*with-env[^\n]*<rect class="is-completed"/);
  expect(page).toContain('environment reused');
});

test('a fallback runs after the last attempt and only when it is needed; then those who wait go on and the run completes', async () => {
  write(
    [
      {
        id: 'breaks',
        run: `${tell('breaks')}; exit 1`,
        more: ', retry: { max_attempts: 2, interval: 0 }, on_failure: "fallback: instead"',
      },
      { id: 'instead', run: tell('instead') },
      {
        id: 'works',
        run: tell('works'),
        after: ['breaks'],
        more: ', on_failure: { fallback: unused }',
      },
      { id: 'unused', run: tell('unused') },
      { id: 'behind', run: tell('behind'), after: ['works'] },
    ],
    [
      'node_id: a, operator_ids: [breaks, instead, works, unused]',
      'node_id: b, operator_ids: [behind]',
    ],
  );

  const report = await run();

  expect(told()).toEqual(['breaks', 'breaks', 'instead', 'works', 'behind']);
  expect(report.nodes['a']?.status).toBe('completed');
  expect(statuses(report)).toEqual({
    breaks: 'failed',
    instead: 'completed',
    works: 'completed',
    unused: 'skipped',
    behind: 'completed',
  });
  expect(report.operators?.['breaks']).toMatchObject({ attempts: 2, reason: 'exit', exitCode: 1 });
});

test('a fallback in a node of its own runs with what that node asks for, and who waits goes on', async () => {
  const see = (what: string): string =>
    `${tell(what)}; echo "gpus=[\\"$CUDA_VISIBLE_DEVICES\\"]" >> "$MILLRACE_OUTPUTS"`;
  write(
    [
      { id: 'fast', run: `${tell('fast')}; exit 1`, more: ', on_failure: "fallback: slow"' },
      { id: 'slow', run: see('slow') },
      { id: 'behind', run: tell('behind'), after: ['fast'] },
      { id: 'fine', run: see('fine'), more: ', on_failure: "fallback: unused"' },
      { id: 'unused', run: tell('unused') },
      { id: 'last', run: tell('last'), after: ['fine', 'behind'] },
    ],
    [
      'node_id: a, operator_ids: [fast], resource: { gpu_request: 1 }',
      'node_id: b, operator_ids: [slow]',
      'node_id: c, operator_ids: [behind]',
      'node_id: d, operator_ids: [fine], resource: { gpu_request: 1 }',
      'node_id: e, operator_ids: [unused]',
      'node_id: f, operator_ids: [last]',
    ],
  );

  const { status, nodes } = await run();

  expect(status).toBe('completed');
  expect(nodes['b']?.outputs).toEqual({ gpus: [''] });
  expect(nodes['e']).toMatchObject({ status: 'skipped', attempts: 0 });
  expect(told().sort()).toEqual(['behind', 'fast', 'fine', 'last', 'slow']);
});

test('a node is as bad as its worst operator that nothing made good, and what need not wait goes on', async () => {
  write(
    [
      { id: 'mended', run: 'exit 7', more: ', on_failure: "fallback: mends"' },
      { id: 'mends' },
      { id: 'slow', run: 'sleep 60', more: ', timeout: 0.2, on_failure: continue' },
      { id: 'after', run: tell('after'), after: ['slow'] },
      { id: 'free', run: tell('free') },
      { id: 'elsewhere', run: `sleep 1; ${tell('elsewhere')}` },
      { id: 'hangs', run: tell('hangs'), after: ['free'] },
    ],
    [
      'node_id: a, operator_ids: [mended, mends, slow, after, free]',
      'node_id: b, operator_ids: [elsewhere]',
      'node_id: c, operator_ids: [hangs]',
    ],
  );

  const report = await run(1);

  expect(report.status).toBe('failed');
  expect(report.nodes['a']).toMatchObject({ status: 'timed_out', reason: 'timeout' });
  expect(report.nodes['a']?.message).toContain('slow');
  expect(statuses(report)).toMatchObject({
    mended: 'failed',
    mends: 'completed',
    slow: 'timed_out',
    after: 'skipped',
    free: 'completed',
    elsewhere: 'completed',
    hangs: 'skipped',
  });
  expect(report.operators?.['after']).toMatchObject({ attempts: 0, reason: 'condition_never' });
  expect(told()).not.toContain('after');
});

test('graphics processors that are declared are given out, and what never fits is refused by plan and run', async () => {
  const see = 'echo "sees=[\\"$CUDA_VISIBLE_DEVICES\\"]" >> "$MILLRACE_OUTPUTS"';
  const nodes = (most: number): string[] => [
    'node_id: plain, operator_ids: [none]',
    `node_id: both, operator_ids: [two], resource: { gpu_request: ${most} }`,
  ];
  const operators = [
    { id: 'none', run: see },
    { id: 'two', run: see },
  ];
  write(operators, nodes(2));
  const { nodes: seen } = await run();
  expect(seen['plain']?.outputs).toEqual({ sees: [''] });
  expect(seen['both']?.outputs).toEqual({ sees: ['0,1'] });

  write(operators, nodes(3));
  for (const command of ['plan', 'run']) {
    const refused = await place.run(command, 'line.yaml');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('node "both" asks for 3 GPU; this machine has 2');
  }
});

test('nodes that do not fit side by side run by their priority, and say what they wait for', async () => {
  const cpu = availableParallelism();
  const node = (id: string, priority: number): string =>
    `node_id: ${id}, operator_ids: [of_${id}], resource: { cpu_request: ${cpu} }, priority: ${priority}`;
  write(
    ['low', 'high', 'middle'].map((id) => ({ id: `of_${id}`, run: `sleep 0.2; ${tell(id)}` })),
    [node('low', -1), node('high', 10), node('middle', 0)],
    'scheduling: priority\n',
  );

  const ended = await place.run('run', 'line.yaml', '--json');

  const { events, report } = jsonLines(ended.stdout);
  expect(told()).toEqual(['high', 'middle', 'low']);
  const queued = events.filter(({ event }) => event === 'low.queued');
  expect(queued[0]?.payload).toMatchObject({ reason: 'resources', lacks: ['cpu'] });
  expect(report.operators?.['of_low']?.queueSeconds).toBeGreaterThanOrEqual(0.4);
  expect(report.operators?.['of_high']?.queueSeconds).toBeLessThan(0.4);
});

test('no more operators of a node run at once than it has runners', async () => {
  const alone = `mkdir "$MILLRACE_PIPELINE_DIR/lock" && sleep 0.1 && rmdir "$MILLRACE_PIPELINE_DIR/lock" && ${tell('$MILLRACE_STEP')}`;
  write(
    ['a', 'b', 'c'].map((id) => ({ id, run: alone })),
    ['node_id: n, operator_ids: [a, b, c], runner_count: 1'],
  );

  const report = await run();

  expect(told()).toEqual(['a', 'b', 'c']);
  expect(report.operators?.['c']?.queueSeconds).toBeGreaterThanOrEqual(0.2);
});

test('nothing runs before everything is prepared: a build that fails ends the run before its first operator', async () => {
  place.env['MILLRACE_UV'] = join(ROOT, '.tools', 'bin', 'uv');
  const missing = `[project]\nname = "broken"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["gone @ file://${place.folder}/gone"]\n`;
  aCommit(join(place.folder, 'code'), { 'sub/pyproject.toml': missing }, 'v1.0.0');
  const uv = ', env_type: uv_project, env_config: { pyproject_path: sub/pyproject.toml }';
  write(
    [
      { id: 'ready', run: tell('ready') },
      { id: 'broken', run: tell('broken'), more: uv },
    ],
    ['node_id: a, operator_ids: [ready]', 'node_id: b, operator_ids: [broken]'],
  );

  const report = await run(1);

  expect(existsSync(join(place.folder, 'told'))).toBe(false);
  expect(report.nodes['a']).toMatchObject({ attempts: 0, reason: 'environment_failed' });
  expect(report.operators?.['ready']).toMatchObject({ attempts: 0, workSeconds: 0 });
});

test('a retry begins at the operator that failed: what completed in the same node is taken over with what it gave', async () => {
  const gives = (name: string): string => `${tell(name)}; echo ${name}=1 >> "$MILLRACE_OUTPUTS"`;
  const breaks = (name: string): string =>
    `${tell(name)}; test -e "$MILLRACE_PIPELINE_DIR/mended-${name}"`;
  write(
    [
      { id: 'other', run: gives('other') },
      { id: 'first-one', run: gives('first_one') },
      { id: 'breaks', run: breaks('breaks'), after: ['first-one'] },
      { id: 'again', run: breaks('again'), after: ['breaks'] },
      { id: 'behind', run: tell('behind'), after: ['again'] },
    ],
    [
      'node_id: elsewhere, operator_ids: [other]',
      'node_id: n, operator_ids: [first-one, breaks, again]',
      'node_id: last, operator_ids: [behind]',
    ],
  );
  const { run: first } = await run(1);
  const retried = async (code: number, ...args: readonly string[]): Promise<RunReport> => {
    writeFileSync(join(place.folder, 'told'), '');
    expect((await place.run('retry', 'latest', ...args)).code).toBe(code);
    return jsonLines((await place.run('show', 'latest', '--json')).stdout).report;
  };

  writeFileSync(join(place.folder, 'mended-breaks'), '');
  const second = await retried(1);
  expect(told()).toEqual(['breaks', 'again']);
  expect(second.operators?.['first-one']).toMatchObject({
    status: 'completed',
    attempts: 0,
    seededFrom: first,
  });

  // What was taken over is taken over once more, from where it was done.
  writeFileSync(join(place.folder, 'mended-again'), '');
  const third = await retried(0);
  expect(told()).toEqual(['again', 'behind']);
  expect(third.operators?.['first-one']).toMatchObject({ attempts: 0, seededFrom: first });
  expect(third.operators?.['breaks']).toMatchObject({ attempts: 0, seededFrom: second.run });
  expect(third.nodes['n']?.outputs).toEqual({ first_one: 1 });
  expect(third.status).toBe('completed');
});

test('a retry from an operator does it and what hangs on it again, and from a node all of it', async () => {
  const breaks = `${tell('breaks')}; exit 1`;
  write(
    [
      { id: 'a', run: tell('a') },
      { id: 'b', run: tell('b'), after: ['a'] },
      { id: 'breaks', run: breaks, after: ['b'] },
    ],
    ['node_id: n, operator_ids: [a, b, breaks]'],
  );
  const { run: first } = await run(1);
  for (const [from, expected] of [
    ['b', ['b', 'breaks']],
    ['n', ['a', 'b', 'breaks']],
  ] as const) {
    writeFileSync(join(place.folder, 'told'), '');
    expect((await place.run('retry', first, '--from', from)).code).toBe(1);
    expect(told()).toEqual(expected);
  }
});

test('of a paused run no further operator begins, neither in a node that runs nor in one that waits for room; then all of them do', async () => {
  const holds = `${tell('first')}; until test -e "$MILLRACE_PIPELINE_DIR/go"; do sleep 0.05; done`;
  const cpu = availableParallelism();
  write(
    [
      { id: 'first', run: holds },
      { id: 'second', run: tell('second'), after: ['first'] },
      { id: 'other', run: tell('other') },
    ],
    [
      `node_id: n, operator_ids: [first, second], resource: { cpu_request: ${cpu} }, priority: 1`,
      `node_id: m, operator_ids: [other], resource: { cpu_request: ${cpu} }`,
    ],
  );
  const running = place.start('run', 'line.yaml', '--json');
  await running.line((text) => text.includes('"m.queued"'));
  await expect.poll(() => existsSync(join(place.folder, 'told'))).toBe(true);
  expect((await place.run('pause', 'latest')).code).toBe(0);
  await running.line((text) => text.includes('"pipeline.paused"'));
  writeFileSync(join(place.folder, 'go'), '');
  // What must not happen has time to: the first one ends at once.
  await setTimeout(1_500);
  expect(told()).toEqual(['first']);

  expect((await place.run('resume', 'latest')).code).toBe(0);

  const { report } = jsonLines((await running.ended).stdout);
  expect(report.status).toBe('completed');
  expect(told()).toEqual(['first', 'second', 'other']);
});
