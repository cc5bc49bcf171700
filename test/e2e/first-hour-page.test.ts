// The page of a run, written by the program and opened in a real browser.
import { execFileSync } from 'node:child_process';
import { lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { BROWSER, openPage } from '#support/browser.ts';
import { Place } from '#support/millrace.ts';

if (BROWSER === undefined)
  process.stderr.write('SKIPPED: no chromium; the page of a run is not opened in a browser\n');

const places: Place[] = [];
afterEach(() => {
  for (const made of places.splice(0)) made.remove();
});

/** Would change the title if it ever ran. */
const ATTACK = `</pre></title><script>document.title='broken'</script><img src=x onerror="document.title='broken'">`;

const PIPELINE = `
id: hostile
inputs: { title: { type: string, default: "${ATTACK.replaceAll('\\', '').replaceAll('"', '\\"')}" } }
nodes:
  - id: extract
    steps: [{ command: 'echo "rows=12" >> "$MILLRACE_OUTPUTS"; python3 -c "bytearray(50000000)"' }]
  - id: per_region
    needs: [extract]
    forEach: [1, 2, 3, 4]
    steps: [{ command: 'test {{ item }} != 3' }]
  - id: flaky
    retry: { maxAttempts: 2, delay: 10ms }
    steps: [{ command: 'test "$MILLRACE_ATTEMPT" = 2' }]
  - id: speak
    needs: [flaky]
    steps: [{ command: 'printf "%s\\n" {{ pipeline.input.title }} ; echo the last words; echo {{ pipeline.input.title }} >&2; exit 7' }]
  - id: never
    needs: [speak]
    steps: [{ command: 'true' }]
`;

async function aPage(): Promise<{ place: Place; file: string }> {
  const place = new Place({ 'pipeline.yaml': PIPELINE });
  places.push(place);
  const ran = await place.run('run');
  expect(ran.code, ran.stdout + ran.stderr).toBe(1);
  const written = await place.run('show', 'latest', '--html', 'run.html');
  expect(written).toMatchObject({ code: 0, stdout: 'wrote run.html\n', stderr: '' });
  return { place, file: join(place.folder, 'run.html') };
}

test.runIf(BROWSER !== undefined)(
  'the page of a run tells statuses, attempts, peaks, instances, reasons and last words, and the browser has nothing to complain of',
  async () => {
    const { file } = await aPage();
    const { dom, console } = await openPage(file);
    expect(console).toEqual([]);
    const text = dom.replaceAll(/<style>.*?<\/style>/gs, '').replaceAll(/<[^>]*>/g, ' ');
    expect(dom).toContain('<title>hostile failed');
    for (const said of [
      '2 failed, 1 skipped',
      '4 instances: 3 completed, 1 failed',
      'per_region[2]',
      'attempt 2',
      'exit code 7',
      'the last words',
      'rows',
      'MiB',
      '"speak" ended failed',
    ])
      expect(text).toContain(said);
    expect(dom.match(/<rect/g)?.length).toBeGreaterThan(4);
  },
);

test.runIf(BROWSER !== undefined)(
  'what looks like HTML in inputs, messages and log lines stays text',
  async () => {
    const { file } = await aPage();
    const { dom } = await openPage(file);
    expect(dom).not.toMatch(/<(script|img)/);
    expect(dom).not.toContain('<title>broken');
    expect(dom).toContain('&lt;script&gt;');
  },
);

test.runIf(BROWSER !== undefined)(
  'even markup that got into the page would neither run nor load anything: its policy forbids that',
  async () => {
    const { place, file } = await aPage();
    const broken = join(place.folder, 'broken.html');
    const attack = `<body><script>document.title='broken'</script><img src=x onerror="document.title='broken'"><p style="color:red">x</p>`;
    writeFileSync(
      broken,
      readFileSync(file, 'utf8').replace('<body>', () => attack),
    );
    const { dom, console } = await openPage(broken);
    expect(dom).not.toContain('<title>broken');
    expect(console.join('\n')).toMatch(/Content Security Policy/);
  },
);

test('a page through a link stays behind the link, and one for a pipe goes into it', async () => {
  const { place } = await aPage();
  const link = join(place.folder, 'link.html');
  symlinkSync('real.html', link);
  writeFileSync(join(place.folder, 'real.html'), 'old');
  await place.run('show', 'latest', '--html', link);
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(readFileSync(link, 'utf8')).toMatch(/^<!doctype html>/);
  const pipe = join(place.folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  const [read] = await Promise.all([
    readFile(pipe, 'utf8'),
    place.run('show', 'latest', '--html', pipe),
  ]);
  expect(read).toMatch(/^<!doctype html>/);
  expect(lstatSync(pipe).isFIFO()).toBe(true);
});

test('a page that cannot be written is said, and an older one is replaced as a whole', async () => {
  const { place, file } = await aPage();
  writeFileSync(file, 'old');
  await place.run('show', 'latest', '--html', file);
  expect(readFileSync(file, 'utf8')).toMatch(/^<!doctype html>.*<\/html>\n$/s);
  const folder = await place.run('show', 'latest', '--html', '.');
  expect(folder.code).toBe(2);
  expect(folder.stderr).toContain('is a folder');
  const nowhere = await place.run('show', 'latest', '--html', 'no/such/run.html');
  expect(nowhere.code).toBe(2);
  expect(nowhere.stderr).toContain('cannot be written');
});
