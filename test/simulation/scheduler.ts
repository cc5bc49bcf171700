// A scheduler that decides the order of everything: each call of a port waits at a gate until it is chosen, and only one thing moves at a time.
import { setImmediate as turn } from 'node:timers/promises';
import { Transient } from '#errors/families.ts';
import type { Jobs } from '#ports/jobs.ts';
import type { Objects } from '#ports/objects.ts';
import type { Alarms, Walks } from '#ports/small.ts';
import type { Table } from '#ports/table.ts';

/** Something that may die between any two calls. What is dead never gets an answer again. */
export class Process {
  readonly name: string;
  alive = true;
  /** What the world does when it dies; absent where nothing of the kind can die there. */
  afterCrash: (() => Promise<void>) | undefined;
  constructor(name: string) {
    this.name = name;
  }
}

export interface Waiting {
  readonly process: Process;
  readonly label: string;
  /** Makes the call and answers it. */
  readonly go: () => Promise<void>;
  /** Refuses the call: without having made it, or after it, when the answer is lost. */
  readonly refuse: (after: boolean) => Promise<void>;
}

export type Gate = <T>(label: string, work: () => Promise<T>) => Promise<T>;

export class Scheduler {
  #waiting: Waiting[] = [];

  /** Calls that could be made now, in the order they came. */
  get waiting(): readonly Waiting[] {
    return this.#waiting;
  }

  gateOf(process: Process): Gate {
    return (label, work) =>
      new Promise((resolve, reject) => {
        if (!process.alive) return;
        const settle = async (answer: () => void): Promise<void> => {
          if (process.alive) answer();
          // Lets whoever was answered run on to its next gate.
          await turn();
        };
        this.#waiting.push({
          process,
          label,
          go: async () => {
            try {
              const value = await work();
              await settle(() => resolve(value));
            } catch (error) {
              await settle(() => reject(error));
            }
          },
          refuse: async (after) => {
            if (after) await work().catch(() => undefined);
            await settle(() => reject(new Transient('unavailable', `${label}: no answer`)));
          },
        });
      });
  }

  /** Takes a call out of the queue; the caller makes it. */
  take(index: number): Waiting | undefined {
    return this.#waiting.splice(index, 1)[0];
  }

  kill(process: Process): void {
    process.alive = false;
    this.#waiting = this.#waiting.filter((each) => each.process !== process);
  }

  /** Starts something and waits until it stands at its first gate. */
  async start(work: () => Promise<void>): Promise<void> {
    void work();
    await turn();
  }
}

export function gatedTable(table: Table, gate: Gate): Table {
  return {
    bounds: table.bounds,
    get: (key) => gate(`get ${key.sk}`, () => table.get(key)),
    getMany: (keys) => gate(`getMany ${keys.length}`, () => table.getMany(keys)),
    query: (query) => gate(`query ${query.prefix ?? ''}`, () => table.query(query)),
    putIfAbsent: (item) => gate(`put ${item.sk}`, () => table.putIfAbsent(item)),
    update: (key, changes, condition) =>
      gate(`update ${key.sk} ${JSON.stringify(changes)}`, () =>
        table.update(key, changes, condition),
      ),
    transact: (writes) => gate(`transact ${writes.length}`, () => table.transact(writes)),
  };
}

export function gatedJobs(jobs: Jobs, gate: Gate): Jobs {
  const names = (list: readonly { name: { address: string; attempt: number } }[]): string =>
    list.map(({ name }) => `${name.address}#${name.attempt}`).join(' ');
  return {
    direct: jobs.direct,
    start: (orders) => gate(`start ${names(orders)}`, () => jobs.start(orders)),
    stop: (stops) => gate(`stop ${names(stops)}`, () => jobs.stop(stops)),
    adopt: (list) => gate('adopt', () => jobs.adopt(list)),
  };
}

export function gatedObjects(objects: Objects, gate: Gate): Objects {
  return {
    put: (key, body, options) => gate('put an object', () => objects.put(key, body, options)),
    get: (key) => gate('get an object', () => objects.get(key)),
    stream: (key, range) => gate('stream an object', () => objects.stream(key, range)),
    info: (key) => gate('look at an object', () => objects.info(key)),
    list: (prefix, cursor) => gate('list objects', () => objects.list(prefix, cursor)),
    remove: (key) => gate('remove an object', () => objects.remove(key)),
    presign: (request) => gate('presign an object', () => objects.presign(request)),
  };
}

export function gatedAlarms(alarms: Alarms, gate: Gate): Alarms {
  return {
    wake: (namespace, run, at) => gate(`wake-at ${at}`, () => alarms.wake(namespace, run, at)),
  };
}

export function gatedWalks(walks: Walks, gate: Gate): Walks {
  return {
    start: (from) => gate(`begin walk ${from.walk}`, () => walks.start(from)),
    answer: (token, { next, ...why }) =>
      gate(`answer ${token} ${next}`, () => walks.answer(token, { next, ...why })),
  };
}
