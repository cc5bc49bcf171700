// The page of a production line as its reader sees it, in a real browser: a bar and peaks for each operator, and nothing lies upon anything
// else, however names are written. nvidia-smi is played (test/support/nvidia-smi says so); programs, times and memory are real.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askPage, BROWSER } from '#support/browser.ts';
import { Place, ROOT } from '#support/millrace.ts';
import { aRepository } from '../runner/sources.ts';

if (BROWSER === undefined)
  process.stderr.write('SKIPPED: no chromium; the page of a production line is not opened\n');

const LONG = `特征提取算子_${'非常'.repeat(8)}长的名字_operator_${'with_a_very_long_name_'.repeat(3)}v2`;

/** Until both questions of the played nvidia-smi were answered twice more. */
const SEEN =
  'had=$(wc -l < "$PLAYED_GPUS/asked"); until [ $(wc -l < "$PLAYED_GPUS/asked") -ge $((had + 2)) ]; do sleep 0.05; done';

const OPERATORS = [
  { id: '数据清洗算子', run: `echo "$$, 300" >> "$PLAYED_GPUS/processes"; ${SEEN}` },
  {
    id: LONG,
    run: 'sleep 0.2; mkdir "$MILLRACE_PIPELINE_DIR/tried" || exit 0; exit 1',
    more: { upstream_dependencies: ['数据清洗算子'], retry: { max_attempts: 2, interval: 0.1 } },
  },
  { id: 'breaks', run: 'sleep 0.2; exit 3', more: { on_failure: 'fallback: 备用' } },
  { id: '备用', run: 'python3 -c "x = bytes(range(250)) * 400000; import time; time.sleep(0.5)"' },
  {
    id: '失败 <script>',
    run: 'sleep 0.2; echo last words; exit 7',
    more: { upstream_dependencies: ['breaks'], on_failure: 'continue' },
  },
];

function lineOf(gpus: string): string {
  return JSON.stringify({
    pipeline_id: 'line',
    name: '数据处理产线V1',
    operators: OPERATORS.map(({ id, run, more }) => ({
      ...{ operator_id: id, git_repo: './code', git_tag: 'v1.0.0', start_command: run },
      extra_env_vars: { PLAYED_GPUS: gpus },
      ...more,
    })),
    nodes: [
      {
        node_id: '节点一',
        operator_ids: ['数据清洗算子', LONG],
        resource: { gpu_request: 1, memory_limit: 4 },
      },
      { node_id: '节点二', operator_ids: ['breaks', '备用', '失败 <script>'], runner_count: 2 },
    ],
  });
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

interface Row {
  readonly name: string;
  readonly cells: readonly string[];
  /** What is written or drawn in each cell. */
  readonly inside: readonly Box[];
  readonly bars: readonly { readonly how: string; readonly box: Box }[];
}

interface Seen {
  readonly title: string;
  readonly rows: readonly Row[];
  readonly scripts: number;
  readonly heading: string;
}

const WIDTHS = [1280, 800, 480];

const LOOK = `(() => {
  const box = ({ left, right, top, bottom }) => ({ left, right, top, bottom });
  const inside = (cell) => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    return box(range.getBoundingClientRect());
  };
  const rows = [...document.querySelectorAll('.timeline tbody tr')].map((row) => ({
    name: row.cells[0].textContent,
    cells: [...row.cells].map((cell) => cell.textContent.trim()),
    inside: [...row.cells].map(inside),
    bars: [...row.querySelectorAll('rect')].map((each) => ({
      how: each.getAttribute('class'),
      box: box(each.getBoundingClientRect()),
    })),
  }));
  const heading = document.querySelector('h1').textContent;
  return { title: document.title, rows, scripts: document.scripts.length, heading };
})()`;

describe.runIf(BROWSER !== undefined)('the page of a production line', () => {
  let place: Place;
  let file: string;
  let seen: readonly Seen[];

  beforeAll(async () => {
    place = new Place({}, { MILLRACE_GPUS: '1' });
    const gpus = join(place.folder, 'gpus');
    mkdirSync(gpus);
    for (const name of ['processes', 'asked']) writeFileSync(join(gpus, name), '');
    writeFileSync(join(gpus, 'gpus'), '0, GPU-a, 900, 85\n');
    aRepository(join(place.folder, 'code'), { 'main.py': '' });
    writeFileSync(join(place.folder, 'line.yaml'), lineOf(gpus));
    const played = join(ROOT, 'test/support/nvidia-smi');
    Object.assign(place.env, { PATH: `${played}:${place.env['PATH']}`, PLAYED_GPUS: gpus });
    const ran = await place.run('run', 'line.yaml');
    expect(ran.code, ran.stdout + ran.stderr).toBe(1);
    expect((await place.run('show', 'latest', '--html', 'run.html')).code).toBe(0);
    file = join(place.folder, 'run.html');
    seen = await askPage<Seen>(file, WIDTHS, LOOK);
  }, 60_000);
  afterAll(() => place.remove());

  test('has a bar and the peaks of each operator, and says how it ended', () => {
    const { rows = [], heading, title, scripts } = seen[0] ?? {};

    expect(heading).toContain('数据处理产线V1');
    expect(readFileSync(file, 'utf8')).toContain('5: 3 completed, 2 failed');
    expect(title).toMatch(/^数据处理产线V1 failed/);
    expect(rows.map(({ name }) => name)).toEqual([
      ...['节点一', '数据清洗算子', LONG],
      ...['节点二', 'breaks', '备用', '失败 <script>'],
    ]);
    const operators = new Map(rows.map((row) => [row.name, row]));
    expect(rows.map(({ bars }) => bars.at(-1)?.how)).toEqual([
      ...['is-completed', 'is-completed', 'is-completed'],
      ...['is-failed', 'is-failed', 'is-completed', 'is-failed'],
    ]);
    for (const { bars, name } of rows)
      for (const { box } of bars) expect(box.right - box.left, name).toBeGreaterThan(0.5);
    const cell = (name: string, at: number): string => operators.get(name)?.cells[at] ?? '';
    expect(cell('数据清洗算子', 5)).toBe('300 MiB, 85 %');
    expect(cell(LONG, 6)).toMatch(/^✓ completed 2 attempts/);
    // A hundred megabytes, and what Python is besides.
    expect(Number.parseFloat(cell('备用', 4))).toBeGreaterThan(95);
    expect(cell('失败 <script>', 6)).toMatch(/^✗ failed step .* exited with code 7/);
    // What waits for another begins when that has ended.
    const [first, second] = ['数据清洗算子', LONG].map((name) => operators.get(name)?.bars[0]?.box);
    expect(second?.left).toBeGreaterThanOrEqual((first?.right ?? Number.POSITIVE_INFINITY) - 1);
    expect(scripts).toBe(0);
    expect(readFileSync(file, 'utf8')).not.toMatch(/<script|\son\w+=/);
  });

  test.each(WIDTHS.map((width, at) => [width, at]))(
    'has nothing upon anything else, %i wide',
    (_, at) => {
      const { rows = [] } = seen[at] ?? {};

      expect(rows).toHaveLength(7);
      for (const [row, { name, inside }] of rows.entries()) {
        for (const [column, { right, bottom }] of inside.entries()) {
          const after = inside.slice(column + 1).find((box) => box.right > box.left);
          if (after !== undefined)
            expect(right, `${name}, column ${column}`).toBeLessThan(after.left + 1);
          const below = rows[row + 1]?.inside[0];
          if (below !== undefined) expect(bottom, name).toBeLessThan(below.top + 1);
        }
      }
    },
  );
});
