// The commands against an engine in memory: what they ask of it, what they print, how they end.
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { NotFound, Rejected, Transient } from '#errors/families.ts';
import { aReport, fakeControl, iso, RUN } from '#support/fake-control.ts';
import { aCommand } from '#support/fake-host.ts';

const aPlan = {
  v: 1,
  language: 1,
  dialect: 'nodes',
  id: 'flights',
  inputs: {},
  groups: [{ id: 'flights', kind: 'pipeline', parent: -1, failFast: false }],
  nodes: [
    { id: 'a', group: 0, executor: { kind: 'join' } },
    { id: 'b', group: 0, needs: [0], executor: { kind: 'join' } },
  ],
} as const;
const prepared = {
  request: { plan: aPlan, inputs: {}, sources: {} },
  plan: {
    ...aPlan,
    groups: [...aPlan.groups],
    nodes: aPlan.nodes.map((node) => ({ ...node, needs: 'needs' in node ? [...node.needs] : [] })),
  },
  warnings: [],
};

async function aFolder(files: Readonly<Record<string, string>> = { 'pipeline.yaml': 'id: x' }) {
  const folder = await mkdtemp(path.join(tmpdir(), 'millrace-cli-'));
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
  return folder;
}

test('run --json prints each event as it happens and the report last, and exits 0', async () => {
  const command = aCommand(undefined, { cwd: await aFolder() });
  command.prepares(prepared);
  command.control.tell('pipeline.started');
  command.control.tell('a.completed', { node: 'a', attempt: 1 });
  command.control.end('completed');
  const { code, out, err } = await command.run('run', '--json');
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map(({ event }) => event)).toEqual([
    'pipeline.started',
    'a.completed',
    'pipeline.completed',
    'run.report',
  ]);
  expect(lines.at(-1)).toMatchObject({ status: 'completed' });
  expect(code).toBe(0);
  expect(err).toBe('millrace: taking pipeline.yaml\n');
  expect(command.calls.at(-1)).toBe('park');
});

test.each([
  ['failed', 1],
  ['cancelled', 1],
  ['timed_out', 1],
  ['completed', 0],
] as const)('a run that ends %s exits %i', async (status, code) => {
  const command = aCommand(undefined, { cwd: await aFolder() });
  command.prepares(prepared);
  command.control.end(status);
  expect((await command.run('run')).code).toBe(code);
});

test('what is given with run arrives as it was given', async () => {
  const cwd = await aFolder({ 'f.yaml': '' });
  const command = aCommand(undefined, { cwd, env: { MILLRACE_DATA_DIR: '/data' } });
  command.prepares(prepared);
  command.control.end('completed');
  await command.run(
    ...['run', 'f.yaml', '-i', 'a=1', '-i', 'b=x=y', '--inputs', 'in.json', '--with', 'clean=../c'],
    ...['--allow-env', 'A', '--allow-env', 'B', '--offline', '--timeout', '1h30m'],
  );
  expect(command.calls[0]).toBe(
    `prepare ${JSON.stringify({
      file: path.join(cwd, 'f.yaml'),
      inputs: ['a=1', 'b=x=y'],
      inputsFile: path.join(cwd, 'in.json'),
      with: { clean: path.join(cwd, '../c') },
      allowEnv: ['A', 'B'],
      offline: true,
      dataDir: '/data',
      timeout: 5_400_000,
    })}`,
  );
});

test('a rejected run prints its problems with place, excerpt and suggestion, and exits 2', async () => {
  const problem = {
    code: 'unknown_node',
    severity: 'error',
    path: 'nodes[1].needs[0]',
    line: 4,
    column: 12,
    message: 'node "b" needs "extarct", which the pipeline does not have',
    suggestion: 'extract',
    excerpt: '    needs: [extarct]\n            ^',
  } as const;
  const cwd = await aFolder();
  const people = aCommand(undefined, { cwd });
  people.prepares({ problems: [problem] });
  const told = await people.run('run', 'pipeline.yaml');
  expect(told.code).toBe(2);
  expect(told.err).toContain('pipeline.yaml:4:12: error: node "b" needs "extarct"');
  expect(told.err).toContain('    needs: [extarct]\n                ^\n    try: extract\n');
  const programs = aCommand(undefined, { cwd });
  programs.prepares({ problems: [problem] });
  const json = await programs.run('run', 'pipeline.yaml', '--json');
  expect(JSON.parse(json.out)).toEqual({ problems: [problem] });
  expect(json.code).toBe(2);
});

test('in a pipe a run is lines, one an event, and ends with failures and where the outputs lie', async () => {
  const cwd = await aFolder();
  const File = { key: 'NS#default/x/chart.png', name: 'chart.png', size: 1, sha256: '0' };
  const control = fakeControl(
    aReport({
      a: { status: 'completed', attempts: 1, outputs: { chart: { $file: File } } },
      b: { status: 'failed', attempts: 2, message: 'exit code 3', reason: 'exit' },
    }),
  );
  control.lines = [
    { at: 1, n: 1, step: 's', stream: 'stderr', text: 'no such column', node: 'b', attempt: 2 },
  ];
  control.tell('a.completed', { node: 'a', attempt: 1 });
  control.tell('b.failed', {
    node: 'b',
    attempt: 2,
    payload: { reason: 'exit', message: 'exit code 3' },
  });
  control.end('failed');
  const command = aCommand(control, { cwd });
  command.prepares(prepared);
  const { out } = await command.run('run');
  const lines = out
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/^\d\d:\d\d:\d\d /, ''));
  expect(lines).toEqual([
    'a completed',
    'b failed (attempt 2): exit code 3',
    'pipeline failed',
    `✗ flights ${RUN} failed in 10 s`,
    '✗ b failed: exit code 3',
    '    │ no such column',
    'outputs',
    '  a.chart  .millrace/objects/NS#default/x/chart.png',
  ]);
});

test('the first SIGINT cancels gracefully and says so, the second one at once', async () => {
  const command = aCommand(undefined, { cwd: await aFolder() });
  command.prepares(prepared);
  command.control.tell('pipeline.started');
  const told = command.run('run', '--json');
  await expect.poll(() => command.host.out()).toContain('pipeline.started');
  command.host.signal('SIGINT');
  command.host.signal('SIGINT');
  command.control.end('cancelled');
  expect((await told).code).toBe(1);
  expect(command.control.asked.filter((asked) => asked.startsWith('cancel'))).toEqual([
    'cancel {"force":false}',
    'cancel {"force":true}',
  ]);
  expect(command.host.err()).toContain('cancelling; once more ends it at once');
});

test.each(['SIGTERM', 'SIGHUP'] as const)(
  '%s parks the run, says how to go on, and exits 4',
  async (signal) => {
    const command = aCommand(undefined, { cwd: await aFolder() });
    command.prepares(prepared);
    command.control.tell('pipeline.started');
    const told = command.run('run', '--json');
    await expect.poll(() => command.host.out()).toContain('pipeline.started');
    command.host.signal(signal);
    expect((await told).code).toBe(4);
    expect(command.host.err()).toContain(`millrace resume ${RUN}`);
    expect(command.calls.at(-1)).toBe('park');
    expect(command.control.asked.some((asked) => asked.startsWith('cancel'))).toBe(false);
  },
);

test('resume takes the run up, shows what is new, and ends as run does', async () => {
  const control = fakeControl();
  control.tell('a.completed', { node: 'a' });
  const command = aCommand(control);
  const told = command.run('resume', 'latest', '--json');
  await expect.poll(() => control.asked).toContain(`resume ${JSON.stringify(RUN)}`);
  control.tell('b.completed', { node: 'b' });
  control.end('completed');
  const { code, out } = await told;
  expect(code).toBe(0);
  const events = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).event);
  expect(events).toEqual(['b.completed', 'pipeline.completed', 'run.report']);
});

test('retry prints the id of the new run alone; what happens goes to standard error', async () => {
  const command = aCommand();
  command.control.end('completed');
  const { code, out, err } = await command.run('retry', 'latest', '--from', 'a');
  expect({ code, out }).toEqual({ code: 0, out: `${RUN}\n` });
  expect(err).toContain('pipeline completed');
  expect(command.control.asked[0]).toBe('retry {"from":"a"}');
});

test('a second run beside an engine is its client: it starts and follows there', async () => {
  const command = aCommand(undefined, { cwd: await aFolder() });
  command.prepares(prepared);
  command.control.end('completed');
  command.backend.openEngine = () => Promise.reject(new Transient('busy', 'held by process 1'));
  expect((await command.run('run', '--json')).code).toBe(0);
  expect(command.calls.at(-1)).toBe('leave');
});

test('a client takes the run over when its engine goes away', async () => {
  const command = aCommand(undefined, { cwd: await aFolder() });
  command.prepares(prepared);
  const own = command.backend.openEngine;
  command.backend.openEngine = () => Promise.reject(new Transient('busy', 'held by process 1'));
  command.control.tell('pipeline.started');
  const told = command.run('run', '--json');
  await expect.poll(() => command.host.out()).toContain('pipeline.started');
  command.backend.openEngine = own;
  command.control.failNext(new Transient('unavailable', 'gone'));
  command.control.tell('a.started', { node: 'a' });
  await expect.poll(() => command.control.asked).toContain(`adopt ${JSON.stringify(RUN)}`);
  command.control.end('completed');
  const { code, out } = await told;
  expect(code).toBe(0);
  expect(out.match(/pipeline.started/g)).toHaveLength(1);
});

test('a program of a run may not start another one there', async () => {
  const cwd = await aFolder();
  const refused = aCommand(undefined, { cwd, env: { MILLRACE_RUN: RUN } });
  expect(await refused.run('run')).toMatchObject({
    code: 2,
    err: expect.stringContaining('another data directory'),
  });
  const inherited = aCommand(undefined, {
    cwd,
    env: {
      MILLRACE_RUN: RUN,
      MILLRACE_DATA_DIR: '/data',
      MILLRACE_OUTPUTS: '/data/workspaces/x/outputs',
    },
  });
  expect((await inherited.run('run')).code).toBe(2);
  const apart = aCommand(undefined, {
    cwd,
    env: { MILLRACE_RUN: RUN, MILLRACE_OUTPUTS: '/data/workspaces/x' },
  });
  apart.prepares(prepared);
  apart.control.end('completed');
  expect((await apart.run('run', '--data-dir', 'inner')).code).toBe(0);
});

test.each([
  [new Rejected('wrong_state', 'it has ended'), 2, 'millrace: it has ended\n'],
  [new NotFound('run "x" is not here'), 2, 'millrace: run "x" is not here\n'],
  [new Transient('no_space', 'the disk is full'), 1, 'millrace: the disk is full\n'],
  [new TypeError('x is undefined'), 3, 'a defect in millrace: x is undefined\n'],
])('%o exits %i with its message and no stack', async (error, code, message) => {
  const command = aCommand();
  command.control.failNext(error);
  const told = await command.run('pause', 'latest');
  expect(told.code).toBe(code);
  expect(told.err).toContain(message);
  expect(told.err).not.toContain('    at ');
});

test('with MILLRACE_DEBUG a defect says where', async () => {
  const command = aCommand(undefined, { env: { MILLRACE_DEBUG: '1' } });
  command.control.failNext(new TypeError('x is undefined'));
  expect((await command.run('pause', 'latest')).err).toContain('    at ');
});

test('show prints the tree, events the history, logs the lines, explain the answer', async () => {
  const control = fakeControl(
    aReport({
      a: { status: 'completed', startedAt: iso(0), endedAt: iso(1000), outputs: { n: 1 } },
      b: { waitsFor: 'c' },
    }),
  );
  control.lines = [
    { at: 0, n: 1, step: 's', stream: 'stdout', text: 'hello', node: 'a', attempt: 1 },
  ];
  control.tell('a.completed', { node: 'a' });
  const run = (...args: string[]) => aCommand(control).run(...args);
  expect((await run('show', 'latest')).out).toMatch(
    /✓ a +1\.0 s[\s\S]*○ b +waits for c[\s\S]*a\.n {2}1\n/,
  );
  expect(JSON.parse((await run('show', 'latest', '--json')).out)).toEqual(control.shown);
  expect((await run('events', 'latest')).out).toMatch(/^..:..:.. a completed\n$/);
  const line = /^\d{4}-\d\d-\d\dT[\d:.+-]+ INFO a(\/\S+)?#1 stdout \| hello\n$/;
  expect((await run('logs', 'latest')).out).toMatch(line);
  expect((await run('logs', 'latest', 'a')).out).toMatch(line);
  expect((await run('explain', 'latest', 'b')).out).toBe(
    '○ b pending: it waits for event:a.completed\n',
  );
});

test('emit carries a typed payload and its key', async () => {
  const command = aCommand();
  await command.run(
    'emit',
    'latest',
    'external.go',
    'n=12',
    'v=1.10',
    'who=ana',
    'l=[1]',
    '--key',
    'k',
  );
  expect(command.control.asked).toContain(
    'emit {"event":"external.go","payload":{"n":12,"v":"1.10","who":"ana","l":[1]},"key":"k"}',
  );
  const wrong = await aCommand().run('emit', 'latest', 'go');
  expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining('external.go') });
});

test('events -f ends when its reader goes away', async () => {
  const command = aCommand(undefined, { closesAfter: 1 });
  command.control.tell('a.started', { node: 'a' });
  expect((await command.run('events', 'latest', '-f')).code).toBe(0);
});

test('events -f goes on behind an engine that ends, and repeats nothing', async () => {
  const command = aCommand();
  command.control.tell('a.started', { node: 'a' });
  const told = command.run('events', 'latest', '-f', '--json');
  await expect.poll(() => command.host.out()).toContain('a.started');
  command.control.failNext(new Transient('unavailable', 'gone'));
  command.control.tell('a.completed', { node: 'a' });
  command.control.end('completed');
  const { code, out } = await told;
  expect(code).toBe(0);
  const events = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).event);
  expect(events).toEqual(['a.started', 'a.completed', 'pipeline.completed']);
});

test('what a server says does not steer the terminal', async () => {
  const steering = '\u001b]0;mine\u0007\u001b[2J';
  const command = aCommand(undefined, {});
  const { control } = command;
  control.evaluate = async () => ({ is: 'wrong', message: `no${steering}`, suggestion: steering });
  const wrong = await command.run('eval', 'a.n', '--run', RUN);
  control.evaluate = async () => ({ is: 'open', truth: 'never', because: `as${steering}` });
  const open = await command.run('eval', 'a.n', '--run', RUN);
  control.decide = async () => ({ by: steering });
  const decided = await command.run('approve', RUN, 'review', '--by', 'ana');
  for (const { out, err } of [wrong, open, decided]) {
    expect(out + err).not.toBe('');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
    expect(out + err).not.toMatch(/[\u001b\u0007]/);
  }
});
