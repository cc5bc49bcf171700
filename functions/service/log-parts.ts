// Logs of jobs as objects: each part holds some lines (JSON Lines) and is called by the number of the first.
import { safeName } from '#core/attempt-names.ts';
import { Rejected } from '#errors/families.ts';
import type { LogPart } from '#schemas/attempts.ts';
import { limits } from '#schemas/limits.ts';
import { type LogLine, logLine } from '#schemas/runner-protocol.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import type { Service } from './service.ts';

const DIGITS = 10;
/** What an address may take of a key. */
const LONGEST = 400;

/** What begins the keys of an attempt's log. */
export function logPrefix({ namespace, run, address, attempt }: AttemptName): string {
  const encoded = encodeURIComponent(address);
  const folder = encoded.length > LONGEST ? safeName(address) : encoded;
  return `NS/${namespace}/logs/${run}/${folder}/${attempt}/`;
}

export const partKey = (prefix: string, first: number): string =>
  `${prefix}${String(first).padStart(DIGITS, '0')}.jsonl`;

/** Rejects with `too_large` or `invalid` what is no part of a log. */
export function refuseLogPart({ first, text }: LogPart): void {
  const { length } = new TextEncoder().encode(text);
  if (length > limits.logPartBytes)
    throw new Rejected(
      'too_large',
      `lines of ${length} bytes; at once at most ${limits.logPartBytes}`,
    );
  if (first >= 10 ** DIGITS)
    throw new Rejected('invalid', `the part begins with line ${first}; no log has so many`);
  let before = first - 1;
  const lines = linesIn(text);
  for (const [index, line] of lines.entries()) {
    if (line === undefined || line.n <= before)
      throw new Rejected('invalid', `line ${index + 1} of the part is no line of a log`);
    before = line.n;
  }
  if (lines[0]?.n !== first)
    throw new Rejected('invalid', `the part does not begin with line ${first}`);
}

/**
 * Keeps a part. What was kept once is not told otherwise: of a part that begins like an earlier one only the lines behind that are new,
 * as when a job was not answered and has printed more since.
 */
export async function keepLogPart(
  service: Service,
  name: AttemptName,
  part: LogPart,
): Promise<void> {
  let left: LogPart | undefined = part;
  for (let turn = 0; left !== undefined && turn < limits.storeTries; turn += 1) {
    const key = partKey(logPrefix(name), left.first);
    const there = await putOrFound(service, key, left.text);
    if (there === undefined) return;
    left = behind(left.text, linesIn(there).at(-1)?.n);
  }
}

/** Undefined when it was put; otherwise the other content that is there. */
async function putOrFound(
  { objects }: Service,
  key: string,
  text: string,
): Promise<string | undefined> {
  try {
    await objects.put(key, new TextEncoder().encode(text), { mediaType: 'application/jsonl' });
    return undefined;
  } catch (error) {
    const there = error instanceof Rejected ? await objects.get(key) : undefined;
    if (there === undefined) throw error;
    return new TextDecoder().decode(there);
  }
}

/** The lines with a higher number; undefined where there are none. */
function behind(text: string, last: number | undefined): LogPart | undefined {
  const rows = text.split('\n').filter((row) => row !== '');
  const lines = linesIn(text);
  const from = lines.findIndex((line) => (line?.n ?? 0) > (last ?? 0));
  const first = lines[from]?.n;
  if (first === undefined) return undefined;
  return {
    first,
    text: rows
      .slice(from)
      .map((row) => `${row}\n`)
      .join(''),
  };
}

/** Undefined where a line cannot be read. */
export function linesIn(text: string): readonly (LogLine | undefined)[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => {
    try {
      return logLine.safeParse(JSON.parse(line)).data;
    } catch {
      return undefined;
    }
  });
}
