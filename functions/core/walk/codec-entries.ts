// Entries of chunks: lists whose trailing defaults are left out. The order of the members is the format.
import { Defect } from '#errors/families.ts';
import { type Reason, reason } from '#schemas/reasons.ts';
import type { Json } from '#schemas/values.ts';
import {
  FRESH,
  FRESH_INSTANCE,
  type InstanceRecord,
  type Instances,
  type NodeRecord,
} from './records.ts';
import { emptyVector } from './vector.ts';

export function encodeNode(record: NodeRecord): Json {
  return trimmed([
    record.status,
    record.attempt,
    record.flags,
    record.deadline,
    record.slots ?? 0,
    record.start,
    record.stop,
    record.because + 1,
    record.prepares,
    record.handlers,
    record.interruptions,
    record.reason ?? 0,
    record.message ?? 0,
    record.exitCode ?? null,
    record.errors ?? 0,
    record.each ? encodeEach(record.each) : 0,
  ]);
}

export function decodeNode(entry: Json, where: string): NodeRecord {
  const read = new Reader(entry, where);
  return {
    ...FRESH,
    status: read.number(0),
    attempt: read.number(1),
    flags: read.number(2),
    deadline: read.number(3),
    slots: read.numbers(4),
    start: read.number(5),
    stop: read.number(6),
    because: read.number(7) - 1,
    prepares: read.number(8),
    handlers: read.number(9),
    interruptions: read.number(10),
    reason: read.reason(11),
    message: read.text(12),
    exitCode: read.exitCode(13),
    errors: read.errors(14),
    each: decodeEach(read.numbers(15)),
  };
}

export function encodeInstance(record: InstanceRecord): Json {
  return trimmed([
    record.status,
    record.attempt,
    record.deadline,
    record.interruptions,
    record.reason ?? 0,
    record.message ?? 0,
    record.exitCode ?? null,
  ]);
}

export function decodeInstance(entry: Json, where: string): InstanceRecord {
  const read = new Reader(entry, where);
  return {
    ...FRESH_INSTANCE,
    status: read.number(0),
    attempt: read.number(1),
    deadline: read.number(2),
    interruptions: read.number(3),
    reason: read.reason(4),
    message: read.text(5),
    exitCode: read.exitCode(6),
  };
}

function encodeEach(each: Instances): Json {
  return [
    each.count,
    each.next,
    each.cut,
    each.running,
    each.stopping,
    each.retrying,
    each.ready,
    each.completed,
    each.failed,
    each.cancelled,
    each.first,
    each.top,
  ];
}

function decodeEach(counters: readonly number[] | undefined): Instances | undefined {
  if (!counters) return undefined;
  const [count = 0, next = 0, cut = 0, running = 0, stopping = 0, retrying = 0, ...rest] = counters;
  const [ready = 0, completed = 0, failed = 0, cancelled = 0, first = -1, top = 0] = rest;
  // biome-ignore format: the members stand in the order they are stored in
  return { count, next, cut, running, stopping, retrying, ready, completed, failed, cancelled, first, top, records: emptyVector() };
}

function trimmed(members: Json[]): Json {
  while (members.length > 1 && (members.at(-1) === 0 || members.at(-1) === null)) members.pop();
  const [only] = members;
  return members.length === 1 && only !== undefined ? only : members;
}

/** Reads members of an entry, defaults where they were left out. */
class Reader {
  readonly #members: readonly Json[];
  readonly #where: string;

  constructor(entry: Json, where: string) {
    this.#members = isList(entry) ? entry : [entry];
    this.#where = where;
  }

  number(at: number): number {
    const value = this.#members[at] ?? 0;
    if (typeof value !== 'number') throw this.#broken(at, 'a number');
    return value;
  }

  numbers(at: number): readonly number[] | undefined {
    const value = this.#members[at] ?? 0;
    if (value === 0) return undefined;
    if (!isList(value)) throw this.#broken(at, 'a list');
    return value.map((each) => {
      if (typeof each !== 'number') throw this.#broken(at, 'numbers');
      return each;
    });
  }

  text(at: number): string | undefined {
    const value = this.#members[at] ?? 0;
    if (value === 0) return undefined;
    if (typeof value !== 'string') throw this.#broken(at, 'a text');
    return value;
  }

  reason(at: number): Reason | undefined {
    const value = this.text(at);
    if (value === undefined) return undefined;
    const known = reason.safeParse(value);
    if (!known.success) throw this.#broken(at, 'a reason');
    return known.data;
  }

  exitCode(at: number): number | undefined {
    const value = this.#members[at] ?? null;
    return value === null ? undefined : this.number(at);
  }

  errors(at: number): NodeRecord['errors'] {
    const value = this.#members[at] ?? 0;
    if (value === 0) return undefined;
    if (!isList(value)) throw this.#broken(at, 'a list');
    return value.map((pair) => {
      const [term, message] = isList(pair) ? pair : [];
      if (typeof term !== 'number' || typeof message !== 'string') {
        throw this.#broken(at, 'terms with messages');
      }
      return [term, message] as const;
    });
  }

  #broken(at: number, wanted: string): Defect {
    const came = JSON.stringify(this.#members[at]);
    return new Defect(`an entry of chunk ${this.#where} has ${came} at ${at}, wanted ${wanted}`);
  }
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}
