// The examples as they are, run as their pages say. What flights makes is looked at as a person would: a picture and a page.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunReport } from '#schemas/report.ts';
import { fileValue } from '#schemas/values.ts';
import { type Ended, jsonLines, Place, ROOT } from '#support/millrace.ts';

const FLIGHTS = join(ROOT, 'examples', 'flights', 'pipeline.yaml');
const OPERATORS = join(ROOT, 'examples', 'operators', 'pipeline.yaml');
const HELLO = join(ROOT, 'examples', 'hello', 'pipeline.yaml');
const SUB = join(ROOT, 'examples', 'subpipelines');
const FANOUT = join(ROOT, 'examples', 'fanout', 'pipeline.yaml');
const SQL = join(ROOT, 'examples', 'sql', 'pipeline.yaml');
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

let place: Place;
beforeAll(() => {
  execFileSync(process.execPath, [join(ROOT, 'examples', 'flights', 'setup.mjs')]);
  // The user's own cache of environments: a checkout that was set up has them, and so does the second run.
  place = new Place();
});
afterAll(() => place.remove());

/** Where a file value of the report lies. */
function pathOf(report: RunReport, node: string, output: string): string {
  const { $file: file } = fileValue.parse(report.nodes[node]?.outputs[output]);
  if ('path' in file && typeof file.path === 'string') return file.path;
  return join(place.folder, '.millrace', 'objects', 'key' in file ? String(file.key) : '');
}

function completed(ended: Ended): RunReport {
  expect(ended.code, ended.stderr + ended.stdout.slice(-3_000)).toBe(0);
  const { report } = jsonLines(ended.stdout);
  expect(report.status).toBe('completed');
  return report;
}

const built = (report: RunReport): (boolean | undefined)[] =>
  Object.values(report.environments).map((environment) => environment.built);

describe('flights', () => {
  let first: RunReport;

  test('completes with a chart and a page as file values', { timeout: 300_000 }, async () => {
    first = completed(await place.run('run', FLIGHTS, '--json'));
    expect(Object.keys(first.environments)).toHaveLength(7);
    expect(first.nodes['quality_report']).toMatchObject({
      status: 'skipped',
      reason: 'condition_never',
    });
    expect(first.nodes['per_carrier']?.instances).toHaveLength(16);
    const versions = [first.nodes['extract'], first.nodes['clean']].map(
      (node) => node?.outputs['library'],
    );
    expect(versions).toEqual([
      expect.stringMatching(/^polars 1\./),
      expect.stringMatching(/^polars 0\.20\./),
    ]);
    expect(readFileSync(pathOf(first, 'chart', 'chart')).subarray(0, PNG.length)).toEqual(PNG);
    const page = readFileSync(pathOf(first, 'summary', 'summary'), 'utf8');
    expect(page).toMatch(/^<!doctype html>/i);
    expect(page).toContain('Hawaiian Airlines');
  });

  /** A run that demands more of quality than there can be, up to where it waits for somebody. */
  async function reviewed(...decision: readonly string[]): Promise<RunReport> {
    const running = place.start('run', FLIGHTS, '-i', 'min_quality=1.01', '--json');
    const queued = await running.line((line) => line.includes('"review.queued"'));
    expect(queued).toContain('wanted was 1.01: go on all the same?');
    const decided = await place.run(...decision);
    expect(decided, decided.stderr).toMatchObject({ code: 0 });
    return completed(await running.ended);
  }

  test('where somebody lets low quality pass, it goes on as if it were good', async () => {
    const report = await reviewed('approve', 'latest', '--comment', 'good enough', '--by', 'ada');
    expect(report.nodes['review']?.decision).toMatchObject({
      decision: 'approved',
      by: 'ada',
      comment: 'good enough',
    });
    expect(report.nodes['summary']).toMatchObject({ status: 'completed' });
    expect(report.nodes['by_weather']?.outputs['worst']).toBe('fog');
    expect(report.nodes['kept_back']).toMatchObject({ status: 'skipped' });
  });

  test('a second run uses the same environments, and with more demanded of quality the other branch, which explain accounts for', async () => {
    const report = await reviewed('reject', 'latest', 'review');
    expect(built(report)).toEqual(Array.from({ length: 7 }, () => false));
    for (const node of ['accepted', 'per_carrier', 'routes', 'by_weather', 'chart', 'summary'])
      expect(report.nodes[node], node).toMatchObject({ status: 'skipped', attempts: 0 });
    const told = readFileSync(pathOf(report, 'quality_report', 'report'), 'utf8');
    expect(told).toContain('at least 101.00% was wanted');
    const why = await place.run('explain', 'latest', 'accepted');
    expect(why.stdout).toContain('{{ clean.quality >= pipeline.input.min_quality }}');
    expect(why.stdout).toMatch(/clean\.quality = 0\.96/);
    expect(why.stdout).toMatch(/min_quality = 1\.01/);
  });

  test('a file that was made can be opened in a browser', { timeout: 60_000 }, async ({ skip }) => {
    const browser = ['chromium', 'chromium-browser', 'google-chrome'].find(
      (name) => spawnSync('which', [name]).status === 0,
    );
    if (browser === undefined) {
      process.stderr.write(
        'SKIPPED: no chromium here, so nobody looked at the page of examples/flights\n',
      );
      skip();
      return;
    }
    const picture = join(place.folder, 'page.png');
    const page = pathOf(first, 'summary', 'summary');
    const flags = [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      `--user-data-dir=${join(place.folder, 'profile')}`,
    ];
    const dom = execFileSync(browser, [...flags, '--dump-dom', `file://${page}`], {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(dom).toContain('Hawaiian Airlines');
    spawnSync(
      browser,
      [...flags, `--screenshot=${picture}`, '--window-size=1000,1400', `file://${page}`],
      { stdio: 'ignore' },
    );
    expect(readFileSync(picture).subarray(0, PNG.length)).toEqual(PNG);
  });

  test('the demo prints where chart and page lie, and they are there', async () => {
    const child = spawn(process.execPath, [join(ROOT, 'examples', 'flights', 'demo.mjs')], {
      env: { ...place.env, MILLRACE_DATA_DIR: join(place.folder, 'demo') },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(code).toBe(0);
    for (const label of ['chart', 'summary']) {
      const file = new RegExp(`^${label} +(/.*)$`, 'm').exec(stdout)?.[1] ?? '';
      expect(existsSync(file), stdout.slice(-2_000)).toBe(true);
    }
    rmSync(join(place.folder, 'demo'), { recursive: true });
  });
});

test('operators, in the dialect of the same name, completes with its own spelling of names', async () => {
  const report = completed(await place.run('run', OPERATORS, '--json'));
  expect(report.nodes['count_routes']).toMatchObject({ status: 'completed' });
  expect(report.nodes['count_routes']?.outputs['busiest']).toBe('JFK-LAX');
  expect(built(report)).toEqual([false, false]);
});

test('hello completes, and plan and validate have nothing to complain of in any example', async () => {
  completed(await place.run('run', HELLO, '--json'));
  for (const file of [FLIGHTS, OPERATORS, HELLO]) {
    expect(await place.run('validate', file), file).toMatchObject({ code: 0 });
    expect(await place.run('plan', file), file).toMatchObject({ code: 0 });
  }
});

test('eight mistakes in one file are eight problems, each in its line, and nothing is run', async () => {
  const file = join(ROOT, 'test', 'fixtures', 'eight-mistakes.yaml');
  // Each mistake is numbered by a comment in its line.
  const lines = readFileSync(file, 'utf8').split('\n');
  const wanted = [1, 2, 3, 4, 5, 6, 7, 8].map(
    (number) => lines.findIndex((line) => new RegExp(`# ${number}:`).test(line)) + 1,
  );
  const ended = await place.run('validate', file, '--json');
  expect(ended.code).toBe(2);
  const { problems } = JSON.parse(ended.stdout);
  expect(
    problems.map(({ line }: { line: number }) => line).sort((a: number, b: number) => a - b),
  ).toEqual(wanted);
  expect(new Set(problems.map(({ code }: { code: string }) => code)).size).toBe(8);
  for (const problem of problems) expect(problem.severity).toBe('error');
  const run = await place.run('run', file, '--json');
  expect(run.code).toBe(2);
  expect(JSON.parse(run.stdout.trim().split('\n').at(-1) ?? '')).toEqual({ problems });
});

describe('sql', () => {
  test('makes a table of each region and its best customer, and skips what has no orders', async () => {
    const report = completed(await place.run('run', SQL, '--json'));
    expect(report.nodes['by_region']?.outputs).toMatchObject({
      regions: ['east', 'north', 'south'],
      best: 'east',
    });
    expect(JSON.parse(readFileSync(pathOf(report, 'summary', 'summary'), 'utf8'))).toEqual([
      { region: 'east', name: 'Dmitri', best: true },
      { region: 'north', name: 'Åsa', best: false },
      { region: 'south', name: 'Bruno', best: false },
    ]);
    const late = completed(await place.run('run', SQL, '-i', 'since=2026-01-01', '--json'));
    expect(late.nodes['by_region']).toMatchObject({ status: 'skipped', reason: 'skip_when' });
  });
});

describe('fanout', () => {
  test('an instance for each number, single ones tried again, and a join over all, in their order', async () => {
    const { nodes } = completed(await place.run('run', FANOUT, '-i', 'count=100', '--json'));
    expect(nodes['square']?.outputs['items']).toEqual(
      Array.from({ length: 100 }, (_, index) => ({ value: (index + 1) ** 2 })),
    );
    const again = nodes['square']?.instances?.filter(({ attempts }) => attempts > 1);
    expect(again).toMatchObject([{ index: 96, attempts: 2, status: 'completed' }]);
    expect(nodes['sum']?.outputs).toEqual({ sum: 338_350, numbers: 100 });
    const told = await place.run('explain', 'latest', 'square[96]');
    expect(told.stdout).toMatch(/attempt 1: failed.*code 75.*attempt 2: completed/s);
  });

  test('a list that is kept by reference does as well', async () => {
    const { nodes } = completed(await place.run('run', FANOUT, '-i', 'count=2500', '--json'));
    expect(nodes['sum']?.outputs).toEqual({ sum: 5_211_458_750, numbers: 2_500 });
  });
});

describe('subpipelines', () => {
  test('a run for each region and one that publishes; each can be looked at, and each pipeline run by itself', async () => {
    const report = completed(await place.run('run', join(SUB, 'pipeline.yaml'), '--json'));
    const run = report.run;
    expect(report.outputs).toMatchObject({ total: 300 });
    expect(report.nodes['region']?.outputs['items']).toEqual([
      { name: 'north', orders: 2, total: 150 },
      { name: 'south', orders: 2, total: 95 },
      { name: 'west', orders: 1, total: 55 },
    ]);
    expect(readFileSync(pathOf(report, 'publish', 'page'), 'utf8')).toBe(
      '# March\n- north: 150\n- south: 95\n- west: 55\n',
    );
    const publish = report.nodes['publish']?.subRun ?? '';
    expect((await place.run('show', run)).stdout).toContain(`run ${publish}`);
    expect((await place.run('show', publish)).stdout).toContain(`part of ${run} publish`);
    expect((await place.run('logs', publish)).stdout).toContain('- north: 150');
    expect((await place.run('runs')).stdout).not.toContain(publish);
    expect((await place.run('runs', '--all')).stdout).toContain(`part of ${run}`);
    const events = (await place.run('events', run, '--children')).stdout;
    expect(events).toMatch(/ region\[1\]\/sum completed\n/);
    expect(events.indexOf('publish started')).toBeLessThan(events.indexOf('publish/page started'));

    const alone = await place.run(
      ...['run', join(SUB, 'region.yaml'), '--json', '-i', 'name=south'],
      ...['-i', `orders=${join(SUB, 'orders.csv')}`],
    );
    expect(completed(alone).outputs).toEqual({ name: 'south', orders: 2, total: 95 });
  });
});
