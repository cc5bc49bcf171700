// What people read: trees, lines, problems, explanations. All pure: text from data.
import { expect, test } from 'vitest';
import { renderExplanation } from '#cli/render/explanation.ts';
import { plainPalette } from '#cli/render/palette.ts';
import { renderEvent } from '#cli/render/plain.ts';
import { inOrder, waitsFor } from '#cli/render/plan.ts';
import { renderProblems } from '#cli/render/print-problems.ts';
import { renderSummary } from '#cli/render/summary.ts';
import { renderTree } from '#cli/render/tree.ts';
import { plain, shorten, showValue, spell, spellBytes } from '#cli/render/words.ts';
import type { NodeReport, RunReport } from '#schemas/report.ts';
import { aReport, BEGAN, iso, RUN } from '#support/fake-control.ts';

const paint = plainPalette;

function tree(
  report: RunReport,
  room: { columns?: number; rows?: number } = {},
): readonly string[] {
  return renderTree(report, { now: BEGAN + 20_000, columns: 100, rows: 30, paint, ...room }).split(
    '\n',
  );
}

test('a value that is kept by reference is shown by what it is and how large', () => {
  const kept = { key: 'NS/x.json', size: 1_200_000, sha256: 'a'.repeat(64), mediaType: 'a/b' };
  const place = { dataDir: '/data', cwd: '/' };
  expect(showValue({ $ref: { ...kept, count: 10_000 } }, place)).toBe('a list of 10000, 1.1 MiB');
  expect(showValue({ $ref: kept }, place)).toBe('a value, 1.1 MiB');
});

test('neither do the names of outputs and files', () => {
  const wild = 'k\u001b[2J';
  const file = { key: `NS/x/${wild}`, name: wild, size: 1, sha256: 'a'.repeat(64) };
  const outputs = { [wild]: wild, file: { $file: file } };
  const report = aReport({ a: { status: 'completed', attempts: 1, outputs } });
  const options = { dataDir: '/data', cwd: '/', tails: new Map(), headline: true, paint };
  expect(renderSummary(report, options)).not.toContain('\u001b');
});

test('operators are listed with where their time went and what they took, and nothing that none of them has', () => {
  const operator = { node: 'a', attempts: 1, queueSeconds: 0, buildSeconds: 0, workSeconds: 2 };
  const report = aReport(
    { a: { status: 'completed' } },
    {
      status: 'completed',
      endedAt: iso(9_000),
      operators: {
        clean: {
          ...operator,
          ...{ status: 'completed', queueSeconds: 1.5, commit: 'a'.repeat(40) },
          environment: { digest: 'd', result: 'reused' },
          peaks: { cpuSeconds: 1.25, memoryBytes: 2 ** 30 },
        },
        'train\u001b[2J': { ...operator, status: 'failed', attempts: 3, workSeconds: 75 },
        never: { ...operator, status: 'skipped', attempts: 0, workSeconds: 0 },
      },
    },
  );
  const options = { dataDir: '/data', cwd: '/', tails: new Map(), headline: false, paint };
  expect(renderSummary(report, options).trimEnd().split('\n')).toEqual([
    'operators  waited  work                      CPU    memory   environment  commit',
    '  ✓ clean  1.5 s   2.0 s                     1.3 s  1.0 GiB  reused       aaaaaaaaaaaa',
    '  ✗ train          1 min 15 s in 3 attempts',
    '  – never',
    '  1 completed, 1 failed, 1 skipped',
  ]);
  const { clean } = report.operators ?? {};
  const peaks = { gpuMemoryBytes: 3 * 2 ** 30, gpuPercent: 97.4 };
  const withGpu = { ...report, operators: clean && { clean: { ...clean, peaks } } };
  expect(renderSummary(withGpu, options)).toContain('GPU');
  expect(renderSummary(withGpu, options)).toContain('3.0 GiB, 97 %');
  expect(renderSummary({ ...report, endedAt: undefined }, options)).toBe('');
});

test('what somebody wrote into a comment or a message does not steer the terminal', () => {
  const red = 'x\u001b[31m\u001b]0;title\u0007\ny';
  const result = { result: 'failed', reason: 'rejected', message: red } as const;
  const attempt = { v: 1, address: 'a', attempt: 1, status: 'reported' } as const;
  const attempts = [{ ...attempt, report: { result, endedAt: 0 } }];
  const told = {
    run: RUN,
    node: 'a',
    status: 'failed',
    answer: red,
    cache: red,
    attempts,
  } as const;
  const text = renderExplanation({ ...told, attempts }, paint);
  for (const control of ['\u001b', '\u0007']) expect(text).not.toContain(control);
  expect(text.split('\n')).toHaveLength(3);
  const problem = { code: 'bad_id', severity: 'error', path: 'id', line: 1, column: 5 } as const;
  const problems = [{ ...problem, message: red, excerpt: red, suggestion: red }];
  expect(renderProblems(problems, 'a.yaml', paint)).not.toContain('\u001b');
});

test('the tree tells of each node its time, progress, and what it waits for', () => {
  const report = aReport({
    extract: { status: 'completed', attempts: 1, startedAt: iso(0), endedAt: iso(4200) },
    clean: {
      status: 'running',
      attempts: 2,
      startedAt: iso(5000),
      progress: 0.5,
      progressText: 'rows',
    },
    big: { status: 'queued', waitsFor: 'waits for room: 8 GiB of memory' },
    gate: { status: 'pending', waitsFor: 'event:clean.completed' },
    odd: { status: 'skipped', reason: 'condition_never', message: 'clean ended failed' },
  });
  expect(tree(report)).toEqual([
    `● flights ${RUN}  running  20 s  1 of 5 nodes`,
    '  ✓ extract     4.2 s',
    '  ● clean        15 s  attempt 2  ██████░░░░░░ 50 % rows',
    '  ◌ big                waits for room: 8 GiB of memory',
    '  ○ gate               waits for event:clean.completed',
    '  – odd                clean ended failed',
  ]);
});

test('a forEach node is one line with counts', () => {
  const instances = ['completed', 'completed', 'running', 'failed'] as const;
  const report = aReport({
    per_carrier: {
      status: 'running',
      attempts: 1,
      startedAt: iso(0),
      instances: instances.map((status, index) => ({ index, status, attempts: 1, outputs: {} })),
    },
  });
  expect(tree(report)[1]).toBe(
    '  ● per_carrier      20 s  ██████░░░░░░ 2 of 4, 1 running, 1 failed',
  );
});

test('an environment that is being prepared is shown, one that is ready is not', () => {
  const report = aReport(
    { a: {} },
    {
      environments: {
        clean: { status: 'running', operator: 'clean.git#v1', kind: 'uv' },
        extract: { status: 'completed', operator: 'extract.git#v1', kind: 'uv' },
      },
    },
  );
  expect(tree(report).slice(1)).toEqual(['  ● uv environment clean: being prepared', '  ○ a']);
});

test('of many nodes those stay that failed or run, the rest is counted', () => {
  const nodes: Record<string, Partial<NodeReport>> = {};
  for (let index = 0; index < 500; index += 1)
    nodes[`n${index}`] = { status: index < 200 ? 'completed' : 'pending' };
  nodes['n7'] = { status: 'failed', message: 'exit code 1' };
  nodes['n300'] = { status: 'running', startedAt: iso(0) };
  const lines = tree(aReport(nodes), { rows: 10 });
  expect(lines).toHaveLength(10);
  expect(lines[1]).toBe('  ✗ n7              exit code 1');
  expect(lines).toContain('  ● n300      20 s');
  expect(lines.at(-1)).toBe('  … and 196 completed, 296 pending');
});

test('no line is wider than the terminal, whatever a message holds', () => {
  const message = `${'long '.repeat(100)}\n\u001b[2Jcleared`;
  const report = aReport({ ['n'.repeat(90)]: { status: 'failed', message } });
  const lines = tree(report, { columns: 60 });
  expect(lines).toHaveLength(2);
  expect(lines[1]).not.toContain('\u001b');
  expect([...(lines[1] ?? '')].length).toBeLessThanOrEqual(60);
});

test('an event is one line: time, place, what happened, why', () => {
  const line = (event: string, more: object = {}) =>
    renderEvent({ at: iso(0), run: RUN, event, ...more }, paint).slice(9);
  expect(line('pipeline.started')).toBe('pipeline started');
  expect(
    line('per[3].retrying', {
      node: 'per[3]',
      attempt: 2,
      payload: { reason: 'exit', message: 'exit code 1\n' },
    }),
  ).toBe('per[3] retrying (attempt 2): exit code 1 ');
  expect(line('a.timed_out', { node: 'a', attempt: 1, payload: { reason: 'timeout' } })).toBe(
    'a timed out: timeout',
  );
  expect(line('@clean.started', { node: '@clean', attempt: 1 })).toBe('environment clean started');
  expect(line('external.go', { payload: { payload: { by: 'ana' } } })).toBe(
    'external go: {"by":"ana"}',
  );
});

test('problems end with how many there are', () => {
  const one = { path: '', line: 0, column: 0, message: 'm' };
  const text = renderProblems(
    [
      { ...one, code: 'cycle', severity: 'error' },
      { ...one, code: 'contradiction', severity: 'warning', line: 3, column: 4 },
    ],
    'a.yaml',
    paint,
  );
  expect(text).toBe(
    'a.yaml: error: m [cycle]\na.yaml:3:4: warning: m [contradiction]\n1 error, 1 warning\n',
  );
});

test('an explanation begins with the answer and shows each term with its values and verdict', () => {
  const text = renderExplanation(
    {
      run: RUN,
      node: 'publish',
      status: 'skipped',
      answer: 'clean.quality >= pipeline.input.min_quality is false',
      deciding: '{{ clean.quality >= pipeline.input.min_quality }}',
      start: {
        text: 'event:clean.completed && {{ clean.quality >= pipeline.input.min_quality }}',
        kind: 'and',
        truth: 'never',
        parts: [
          { text: 'event:clean.completed', kind: 'event', truth: 'true' },
          {
            text: '{{ clean.quality >= pipeline.input.min_quality }}',
            kind: 'term',
            truth: 'never',
            because: 'it is false',
            values: { 'clean.quality': 0.93, 'pipeline.input.min_quality': 1.01 },
          },
        ],
      },
      attempts: [],
    },
    paint,
  );
  expect(text.split('\n')).toEqual([
    '– publish skipped: clean.quality >= pipeline.input.min_quality is false',
    'starts when',
    '  ✗ all of  never',
    '    ✓ event:clean.completed  true',
    '    ✗ {{ clean.quality >= pipeline.input.min_quality }}  never  it is false',
    '      clean.quality = 0.93',
    '      pipeline.input.min_quality = 1.01',
  ]);
});

test('a plan is listed behind what it needs, however it was written', () => {
  const node = { group: 0, executor: { kind: 'join' } } as const;
  const plan = {
    v: 1 as const,
    language: 1 as const,
    dialect: 'nodes' as const,
    id: 'p',
    inputs: {},
    groups: [],
    nodes: [
      { ...node, id: 'last', needs: [1, 2] },
      { ...node, id: 'middle', needs: [2] },
      { ...node, id: 'first' },
      { ...node, id: 'gate', start: 'event:first.completed' },
    ],
  };
  expect(inOrder(plan).map(({ id }) => id)).toEqual(['first', 'middle', 'gate', 'last']);
  expect(plan.nodes.map((each) => waitsFor(plan, each))).toEqual([
    'after middle, first',
    'after first',
    'starts with the run',
    'when event:first.completed',
  ]);
});

test.each([
  [0, '0.0 s'],
  [9_940, '9.9 s'],
  [9_960, '10 s'],
  [59_600, '1 min 00 s'],
  [185_000, '3 min 05 s'],
  [7_800_000, '2 h 10 min'],
  [273_600_000, '3 d 4 h'],
])('%i ms are %s', (milliseconds, text) => {
  expect(spell(milliseconds)).toBe(text);
});

test('sizes and texts are short and plain', () => {
  expect([0, 1023, 1536, 5 * 2 ** 30].map(spellBytes)).toEqual([
    '0 B',
    '1023 B',
    '1.5 KiB',
    '5.0 GiB',
  ]);
  expect(shorten('日本語テキスト', 8)).toBe('日本語…');
  expect(plain('a\u001b[31mred\u001b[0m\r\n\u0007b')).toBe('ared   b');
});

test('below a node that is a run itself stand the nodes of that run, and what it asks to be typed', () => {
  const running = { status: 'running', attempts: 1, startedAt: iso(0) } as const;
  const [one, two] = [`${RUN.slice(0, -1)}1`, `${RUN.slice(0, -1)}2`];
  const report = aReport({
    publish: { ...running, subRun: one, progressText: '0 of 1 nodes' },
    each: {
      ...running,
      instances: [{ index: 4, status: 'running', attempts: 1, outputs: {}, subRun: two }],
    },
  });
  const review = { status: 'queued', reason: 'approval', waitsFor: 'ada' } as const;
  const below = new Map([
    [one, { ...aReport({ review }), run: one }],
    [two, { ...aReport({ count: running }), run: two }],
  ]);
  const frame = { now: BEGAN + 20_000, columns: 120, rows: 30, paint, below };
  expect(renderTree(report, frame).split('\n').slice(1)).toEqual([
    `  ● publish          20 s  0 of 1 nodes  run ${one}`,
    '  ◌   review               waits for ada',
    '  ● each             20 s  ░░░░░░░░░░░░ 0 of 1, 1 running',
    '  ●   [4] count      20 s',
    `  → millrace approve ${one} review   (or reject)`,
  ]);
});
