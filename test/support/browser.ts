// Opens a page in a real browser: what it made of it, and what it complained of.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { pathToFileURL } from 'node:url';

export interface Opened {
  /** The document after it was loaded, as HTML. */
  readonly dom: string;
  /** What stands in the browser's console. */
  readonly console: readonly string[];
}

export const BROWSER = (process.env['PATH'] ?? '')
  .split(delimiter)
  .flatMap((folder) => [join(folder, 'chromium'), join(folder, 'google-chrome')])
  .find(isProgram);

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Only where BROWSER is there. */
export async function openPage(file: string): Promise<Opened> {
  const profile = mkdtempSync(join(tmpdir(), 'millrace-browser-'));
  try {
    const { stdout, stderr } = await ended([
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--enable-logging=stderr',
      `--user-data-dir=${profile}`,
      '--dump-dom',
      pathToFileURL(file).href,
    ]);
    return { dom: stdout, console: stderr.split('\n').filter((line) => line.includes('CONSOLE')) };
  } finally {
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/**
 * What an expression comes to in a page that lies open, at each of these widths, as its reader sees it. The browser's own protocol asks, so
 * nothing has to run in the page itself. Only where BROWSER is there.
 */
export async function askPage<T>(
  file: string,
  widths: readonly number[],
  expression: string,
): Promise<readonly T[]> {
  const profile = mkdtempSync(join(tmpdir(), 'millrace-browser-'));
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
  const more = [`--user-data-dir=${profile}`, '--remote-debugging-pipe'];
  const child = spawn(BROWSER ?? 'chromium', [...flags, ...more], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
  const gone = once(child, 'close');
  try {
    const browser = new Asked(child.stdio[3] as Writable, child.stdio[4] as Readable);
    const { targetId } = await browser.ask('Target.createTarget', { url: 'about:blank' });
    const attached = await browser.ask('Target.attachToTarget', { targetId, flatten: true });
    const page = `${attached['sessionId']}`;
    await browser.ask('Page.enable', {}, page);
    const loaded = browser.told('Page.loadEventFired');
    await browser.ask('Page.navigate', { url: pathToFileURL(file).href }, page);
    await loaded;
    const found: T[] = [];
    for (const width of widths) {
      const screen = { width, height: 1_000, deviceScaleFactor: 1, mobile: false };
      await browser.ask('Emulation.setDeviceMetricsOverride', screen, page);
      const asked = { expression, returnByValue: true };
      const { result } = await browser.ask('Runtime.evaluate', asked, page);
      found.push((result as { readonly value: T }).value);
    }
    return found;
  } finally {
    child.kill('SIGKILL');
    await gone;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

type Answer = Readonly<Record<string, unknown>>;

/** The protocol over two pipes: JSON, each message ended by a zero byte. */
class Asked {
  readonly #to: Writable;
  readonly #waiting = new Map<number | string, (answer: Answer) => void>();
  #count = 0;

  constructor(to: Writable, from: Readable) {
    this.#to = to;
    let rest = '';
    from.setEncoding('utf8').on('data', (chunk: string) => {
      const messages = `${rest}${chunk}`.split('\0');
      rest = messages.pop() ?? '';
      for (const each of messages) this.#take(JSON.parse(each));
    });
  }

  ask(method: string, params: Answer, sessionId?: string): Promise<Answer> {
    this.#count += 1;
    const id = this.#count;
    const answer = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.#to.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return answer;
  }

  told(event: string): Promise<Answer> {
    return new Promise((resolve) => this.#waiting.set(event, resolve));
  }

  #take(message: { readonly id?: number; readonly method?: string; readonly result?: Answer }) {
    this.#waiting.get(message.id ?? message.method ?? '')?.(message.result ?? {});
  }
}

function ended(args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const child = spawn(BROWSER ?? 'chromium', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve({ stdout, stderr }));
  });
}
