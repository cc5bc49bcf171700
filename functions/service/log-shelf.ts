// Reads logs from their parts. A listing is the dearest of what is asked here, and whoever follows a log asks often: which parts an
// attempt has is remembered, and looked up again only when its item tells of more. Parts never change, so those read last are
// remembered too.
import { limits } from '#schemas/limits.ts';
import type { AttemptItem } from '#schemas/run.ts';
import type { LogLine } from '#schemas/runner-protocol.ts';
import type { RunRef } from './keys.ts';
import { linesIn, logPrefix, partKey } from './log-parts.ts';
import type { Service } from './service.ts';

interface Part {
  readonly key: string;
  /** The time of its first line, once it was read. */
  at?: number;
}

interface Known {
  /** What the attempt's item told when they were listed. */
  told: number;
  readonly parts: Part[];
}

/** What one process remembers. */
interface Shelf {
  readonly attempts: Map<string, Known>;
  readonly texts: Map<string, string>;
  letters: number;
}

const shelves = new WeakMap<Service['objects'], Shelf>();

function shelfOf({ objects }: Service): Shelf {
  const known = shelves.get(objects) ?? { attempts: new Map(), texts: new Map(), letters: 0 };
  shelves.set(objects, known);
  return known;
}

/** The lines of an attempt's log, from about `at` on. One that tells of no part is not looked for. */
export async function* partLines(
  service: Service,
  ref: RunRef,
  attempt: AttemptItem,
  at: number,
): AsyncGenerator<LogLine> {
  const parts = await partsOf(service, ref, attempt);
  for (const part of parts.slice(await beginOf(service, parts, at))) {
    for (const line of await linesOf(service, part)) yield line;
  }
}

async function partsOf(
  service: Service,
  ref: RunRef,
  { address, attempt, parts: told = 0 }: AttemptItem,
): Promise<readonly Part[]> {
  if (told === 0) return [];
  const shelf = shelfOf(service);
  const prefix = logPrefix({ ...ref, address, attempt });
  const known = shelf.attempts.get(prefix) ?? { told: 0, parts: [] };
  if (known.told >= told) return known.parts;
  if (shelf.attempts.size >= limits.logAttemptsRemembered) shelf.attempts.clear();
  shelf.attempts.set(prefix, known);
  const only = { key: partKey(prefix, 1) };
  // Most attempts print little: the one part they have need not be listed.
  if (told === 1 && (await textOf(service, only.key)) !== undefined) known.parts.push(only);
  else await listBehind(service, prefix, known);
  known.told = told;
  return known.parts;
}

async function listBehind(service: Service, prefix: string, known: Known): Promise<void> {
  let cursor = known.parts.at(-1)?.key;
  for (;;) {
    const page = await service.objects.list(prefix, cursor);
    for (const { key } of page.objects) {
      // Two that list at once find the same.
      const last = known.parts.at(-1)?.key ?? '';
      if (key > last) known.parts.push({ key });
    }
    cursor = page.cursor;
    if (cursor === undefined) return;
  }
}

/** The last part that begins before that time; by halves, since the times of an attempt's lines grow. */
async function beginOf(service: Service, parts: readonly Part[], at: number): Promise<number> {
  let low = 0;
  let high = parts.length;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const part = parts[middle];
    if (part === undefined) break;
    if ((await timeOf(service, part)) < at) low = middle;
    else high = middle;
  }
  return low;
}

async function timeOf(service: Service, part: Part): Promise<number> {
  part.at ??= (await linesOf(service, part))[0]?.at ?? 0;
  return part.at;
}

async function linesOf(service: Service, { key }: Part): Promise<readonly LogLine[]> {
  const text = (await textOf(service, key)) ?? '';
  return linesIn(text).filter((line) => line !== undefined);
}

/** Undefined where no such part is. */
async function textOf(service: Service, key: string): Promise<string | undefined> {
  const shelf = shelfOf(service);
  const known = shelf.texts.get(key);
  if (known !== undefined) return known;
  const bytes = await service.objects.get(key);
  if (bytes === undefined) return undefined;
  const text = new TextDecoder().decode(bytes);
  if (!shelf.texts.has(key)) {
    shelf.texts.set(key, text);
    shelf.letters += text.length;
  }
  for (const [oldest, letters] of shelf.texts) {
    if (shelf.letters <= limits.logPartsRemembered) break;
    shelf.texts.delete(oldest);
    shelf.letters -= letters.length;
  }
  return text;
}
