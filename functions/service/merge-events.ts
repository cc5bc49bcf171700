// The events of a run and of all runs below it, in the order of their times, as one stream. Each line carries its own run. A cursor holds a
// place in each of the streams: `run=sequence.index`, or `run=x` for one that has ended and was read to its end.
import { Rejected } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { EventLine } from '#schemas/report.ts';
import type { EventPage } from './control.ts';
import type { RunRef } from './keys.ts';
import { hold } from './load-run.ts';
import { attemptsOf } from './outputs.ts';
import { type PlacedEvent, placedEvents } from './read-events.ts';
import type { Service } from './service.ts';
import { subRunOf } from './sub-run-view.ts';

const OVER = 'x';

/** A run of the tree, parents before their children. */
interface Member {
  readonly ref: RunRef;
  /** The runs above it, each with its node that this run is below of. */
  readonly above: ReadonlyMap<string, string>;
}

/**
 * One page of the merged events. `last` once the run and all below it have ended and were read.
 *
 * @throws Rejected `too_large` when there are more than `limits.mergedRuns` runs
 */
export async function readMergedEvents(
  service: Service,
  ref: RunRef,
  options: { after?: string; limit?: number } = {},
): Promise<EventPage> {
  const most = Math.min(options.limit ?? limits.page, limits.page);
  const places = placesOf(options.after ?? '');
  const streams: Stream[] = [];
  for (const { ref: run, above } of await membersOf(service, ref)) {
    const after = places.get(run.run) ?? '';
    if (after !== OVER) streams.push(await Stream.open(service, run, { after, above }));
  }
  const events: EventLine[] = [];
  for (let next = first(streams); next !== undefined; next = first(streams)) {
    const event = next.event;
    if (event === undefined || events.length >= most) break;
    events.push(event);
    await next.step();
  }
  for (const { run, cursor } of streams) places.set(run, cursor);
  const open = streams.some(({ cursor }) => cursor !== OVER);
  return { events, cursor: cursorOf(places), last: !open };
}

/** The run, the runs of its nodes, and so on down. */
async function membersOf(service: Service, ref: RunRef): Promise<readonly Member[]> {
  const found: Member[] = [{ ref, above: new Map() }];
  // What is found is looked through as well.
  for (const { ref: run, above } of found) {
    const { plan } = (await hold(service, run)).memory.linked;
    for (const { id, executor } of plan.nodes) {
      if (executor.kind !== 'pipeline') continue;
      for (const { job, address } of await attemptsOf(service, run, id)) {
        const child = subRunOf(job);
        if (child === undefined) continue;
        const way = new Map(above).set(run.run, address);
        found.push({ ref: { ...ref, run: child }, above: way });
      }
    }
    if (found.length > limits.mergedRuns)
      throw new Rejected(
        'too_large',
        `run ${ref.run} has more than ${limits.mergedRuns} runs below it: ask for the events of one of them`,
      );
  }
  return found;
}

/** Events of one run behind a place, one at a time. */
class Stream {
  readonly run: string;
  readonly above: Member['above'];
  readonly #events: AsyncGenerator<PlacedEvent>;
  #cursor: string;
  #next: PlacedEvent | undefined;

  private constructor(run: string, events: AsyncGenerator<PlacedEvent>, from: From) {
    this.run = run;
    this.above = from.above;
    this.#cursor = from.after;
    this.#events = events;
  }

  static async open(service: Service, ref: RunRef, from: From): Promise<Stream> {
    const stream = new Stream(ref.run, placedEvents(service, ref, from.after), from);
    await stream.#read();
    return stream;
  }

  /** The next one; undefined when there is none now. */
  get event(): EventLine | undefined {
    return this.#next?.event;
  }

  get cursor(): string {
    return this.#cursor;
  }

  async step(): Promise<void> {
    if (this.#next !== undefined) this.#cursor = this.#next.cursor;
    await this.#read();
  }

  async #read(): Promise<void> {
    const { value } = await this.#events.next();
    this.#next = value ?? undefined;
    // The end of a run is behind its last event.
    if (this.#next !== undefined && this.#next.event === undefined) this.#cursor = OVER;
  }
}

interface From {
  readonly after: string;
  readonly above: Member['above'];
}

/** The stream whose next event comes first. */
function first(streams: readonly Stream[]): Stream | undefined {
  let best: Stream | undefined;
  for (const stream of streams)
    if (stream.event !== undefined && (best === undefined || comesFirst(stream, best)))
      best = stream;
  return best;
}

/** At the same time what a run says comes before what those below it say, but for the end of the node that they are the work of. */
function comesFirst(stream: Stream, than: Stream): boolean {
  const [own, other] = [stream.event, than.event];
  if (own === undefined || other === undefined) return false;
  if (own.at !== other.at) return own.at < other.at;
  const node = stream.above.get(than.run);
  if (node !== undefined) return other.node === node && !other.event.endsWith('.started');
  const below = than.above.get(stream.run);
  return below !== undefined && (own.node !== below || own.event.endsWith('.started'));
}

function placesOf(cursor: string): Map<string, string> {
  const places = new Map<string, string>();
  for (const part of cursor.split(',')) {
    if (part === '') continue;
    const [run, place] = part.split('=');
    if (run === undefined || place === undefined)
      throw new Rejected('invalid', `"${cursor.slice(0, 80)}" is no cursor of merged events`);
    places.set(run, place);
  }
  return places;
}

const cursorOf = (places: ReadonlyMap<string, string>): string =>
  [...places].map(([run, place]) => `${run}=${place}`).join(',');
