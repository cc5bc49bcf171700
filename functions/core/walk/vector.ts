// A persistent vector of records in chunks of 64, 64 chunks to a page. Copies share what did not change, so an advance
// costs what it touches (S3). Every chunk and page knows two marks of its records and their earliest deadline: finding
// the next marked record or the next alarm costs the number of pages, never the number of records.
import { limits } from '#schemas/limits.ts';
import { lowest } from './bits.ts';

const WIDTH = limits.chunkEntries;
const PAGE = WIDTH * WIDTH;

/** What every record says: milliseconds when something must happen, 0 when nothing must. */
export interface Timed {
  readonly deadline: number;
}

/** Marks a record may carry. */
export const MARK_A = 1;
export const MARK_B = 2;

/** Two masks of 64 bits (mark A low, high, mark B low, high), and the earliest deadline (Infinity for none). */
interface Summary {
  readonly owner: object;
  readonly masks: [number, number, number, number];
  due: number;
}

interface Chunk<R> extends Summary {
  readonly records: (R | undefined)[];
}

interface Page<R> extends Summary {
  readonly chunks: (Chunk<R> | undefined)[];
}

export interface Vector<R> {
  readonly pages: readonly (Page<R> | undefined)[];
}

export function emptyVector<R>(): Vector<R> {
  return { pages: [] };
}

export function recordAt<R>(vector: Vector<R>, index: number): R | undefined {
  const chunk = vector.pages[Math.floor(index / PAGE)]?.chunks[Math.floor(index / WIDTH) % WIDTH];
  return chunk?.records[index % WIDTH];
}

/** The records of one chunk; undefined when it is all absent. */
export function chunkAt<R>(
  vector: Vector<R>,
  chunk: number,
): readonly (R | undefined)[] | undefined {
  return vector.pages[Math.floor(chunk / WIDTH)]?.chunks[chunk % WIDTH]?.records;
}

/** Numbers of the chunks that are there. */
export function chunkNumbers<R>(vector: Vector<R>): readonly number[] {
  return vector.pages.flatMap((page, number) =>
    page ? page.chunks.flatMap((chunk, at) => (chunk ? [number * WIDTH + at] : [])) : [],
  );
}

/** The earliest deadline after `after`; Infinity when there is none. */
export function dueAfter<R extends Timed>(vector: Vector<R>, after: number): number {
  let earliest = Number.POSITIVE_INFINITY;
  for (const page of vector.pages) {
    if (!page || page.due >= earliest) continue;
    if (page.due > after) earliest = page.due;
    else for (const chunk of page.chunks) earliest = Math.min(earliest, chunkDue(chunk, after));
  }
  return earliest;
}

function chunkDue<R extends Timed>(chunk: Chunk<R> | undefined, after: number): number {
  if (!chunk) return Number.POSITIVE_INFINITY;
  if (chunk.due > after) return chunk.due;
  let earliest = Number.POSITIVE_INFINITY;
  for (const record of chunk.records) {
    const deadline = record?.deadline ?? 0;
    if (deadline > after && deadline < earliest) earliest = deadline;
  }
  return earliest;
}

/** A vector that is being changed; `finish` gives the persistent one. */
export class VectorDraft<R extends Timed> {
  readonly #owner = {};
  readonly #pages: (Page<R> | undefined)[];
  /** Numbers of the chunks that were written to. */
  readonly changed = new Set<number>();

  constructor(vector: Vector<R>) {
    this.#pages = vector.pages.slice();
  }

  get(index: number): R | undefined {
    const page = this.#pages[Math.floor(index / PAGE)];
    return page?.chunks[Math.floor(index / WIDTH) % WIDTH]?.records[index % WIDTH];
  }

  set(index: number, record: R, marks: number): void {
    const page = this.#page(Math.floor(index / PAGE));
    const at = Math.floor(index / WIDTH) % WIDTH;
    const chunk = this.#chunk(page, at, Math.floor(index / WIDTH));
    const before = chunk.records[index % WIDTH]?.deadline ?? 0;
    chunk.records[index % WIDTH] = record;
    mark(chunk.masks, index % WIDTH, marks);
    mark(page.masks, at, marksOf(chunk.masks));
    if (before !== record.deadline) this.#redue(page, chunk, before, record.deadline);
  }

  /** Takes marks away without a change of the record: they said that something might be due, and nothing is. */
  unmark(index: number): void {
    const record = this.get(index);
    if (record) this.set(index, record, 0);
  }

  /** The first index that is at least `from` and carries `wanted`, or -1. */
  next(wanted: number, from = 0): number {
    const offset = wanted === MARK_A ? 0 : 2;
    for (let page = Math.floor(from / PAGE); page < this.#pages.length; page++) {
      const found = this.#nextInPage(page, offset, Math.max(0, from - page * PAGE));
      if (found >= 0) return page * PAGE + found;
    }
    return -1;
  }

  /** The first index that is at least `from` and whose deadline is not after `now`, or -1. */
  due(now: number, from = 0): number {
    for (let index = Math.floor(from / PAGE); index < this.#pages.length; index++) {
      const page = this.#pages[index];
      if (!page || page.due > now) continue;
      const found = dueInPage(page, now, Math.max(0, from - index * PAGE));
      if (found >= 0) return index * PAGE + found;
    }
    return -1;
  }

  /** The earliest deadline; 0 when there is none. */
  earliest(): number {
    let due = Number.POSITIVE_INFINITY;
    for (const page of this.#pages) if (page && page.due < due) due = page.due;
    return due === Number.POSITIVE_INFINITY ? 0 : due;
  }

  finish(): Vector<R> {
    return { pages: this.#pages };
  }

  #nextInPage(index: number, offset: number, from: number): number {
    const page = this.#pages[index];
    if (!page) return -1;
    let at = nextBit(page.masks, offset, Math.floor(from / WIDTH));
    while (at >= 0) {
      const chunk = page.chunks[at];
      const inside = Math.max(0, from - at * WIDTH);
      const found = chunk && inside < WIDTH ? nextBit(chunk.masks, offset, inside) : -1;
      if (found >= 0) return at * WIDTH + found;
      at = at + 1 < WIDTH ? nextBit(page.masks, offset, at + 1) : -1;
    }
    return -1;
  }

  #page(index: number): Page<R> {
    const page = this.#pages[index];
    if (page?.owner === this.#owner) return page;
    const copy: Page<R> = {
      owner: this.#owner,
      masks: page ? [...page.masks] : [0, 0, 0, 0],
      due: page?.due ?? Number.POSITIVE_INFINITY,
      chunks: page ? page.chunks.slice() : new Array(WIDTH).fill(undefined),
    };
    while (this.#pages.length < index) this.#pages.push(undefined);
    this.#pages[index] = copy;
    return copy;
  }

  #chunk(page: Page<R>, at: number, number: number): Chunk<R> {
    const chunk = page.chunks[at];
    if (chunk?.owner === this.#owner) return chunk;
    const copy: Chunk<R> = {
      owner: this.#owner,
      masks: chunk ? [...chunk.masks] : [0, 0, 0, 0],
      due: chunk?.due ?? Number.POSITIVE_INFINITY,
      records: chunk ? chunk.records.slice() : new Array(WIDTH).fill(undefined),
    };
    page.chunks[at] = copy;
    this.changed.add(number);
    return copy;
  }

  #redue(page: Page<R>, chunk: Chunk<R>, before: number, after: number): void {
    const was = chunk.due;
    if (before !== 0 && before === was) {
      chunk.due = earliest(chunk.records);
    } else if (after !== 0 && after < was) chunk.due = after;
    if (chunk.due < page.due) page.due = chunk.due;
    else if (was === page.due && chunk.due > was) page.due = earliestChunk(page.chunks);
  }
}

function mark(masks: Summary['masks'], at: number, marks: number): void {
  const half = at >> 5;
  const bit = 1 << (at & 31);
  for (let kind = 0; kind < 2; kind++) {
    const word = kind * 2 + half;
    const value = masks[word] ?? 0;
    masks[word] = (marks & (1 << kind)) === 0 ? value & ~bit : value | bit;
  }
}

function marksOf(masks: Summary['masks']): number {
  return ((masks[0] | masks[1]) === 0 ? 0 : MARK_A) | ((masks[2] | masks[3]) === 0 ? 0 : MARK_B);
}

function nextBit(masks: Summary['masks'], offset: number, from: number): number {
  for (let half = from >> 5; half < 2; half++) {
    let bits = masks[offset + half] ?? 0;
    if (half === from >> 5) bits &= -1 << (from & 31);
    if (bits !== 0) return half * 32 + lowest(bits);
  }
  return -1;
}

function earliest(records: readonly (Timed | undefined)[]): number {
  let due = Number.POSITIVE_INFINITY;
  for (const record of records) {
    if (record && record.deadline !== 0 && record.deadline < due) due = record.deadline;
  }
  return due;
}

function earliestChunk(chunks: readonly (Summary | undefined)[]): number {
  let due = Number.POSITIVE_INFINITY;
  for (const chunk of chunks) if (chunk && chunk.due < due) due = chunk.due;
  return due;
}

function dueInPage<R extends Timed>(page: Page<R>, now: number, from: number): number {
  for (let at = Math.floor(from / WIDTH); at < WIDTH; at++) {
    const chunk = page.chunks[at];
    if (!chunk || chunk.due > now) continue;
    for (let index = Math.max(0, from - at * WIDTH); index < WIDTH; index++) {
      const deadline = chunk.records[index]?.deadline ?? 0;
      if (deadline !== 0 && deadline <= now) return at * WIDTH + index;
    }
  }
  return -1;
}
