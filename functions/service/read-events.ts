// Reads a run's log as the events that people and programs see. A cursor is `sequence.index` of the last event that was read.
import { assertNever, Rejected } from '#errors/families.ts';
import type { Item } from '#ports/table.ts';
import { limits } from '#schemas/limits.ts';
import type { EventLine } from '#schemas/report.ts';
import { type Fact, fact as factSchema } from '#schemas/run.ts';
import type { Json } from '#schemas/values.ts';
import { queuedLines } from './approvals.ts';
import type { EventPage } from './control.ts';
import { addressOf, LOG, logKey, type RunRef, runKey } from './keys.ts';
import { warningLines } from './run-warnings.ts';
import type { Service } from './service.ts';

/** `run.*` facts as events of the pipeline. */
const OF_RUN: { readonly [fact: string]: string } = {
  'run.started': 'pipeline.started',
  'run.paused': 'pipeline.paused',
  'run.resumed': 'pipeline.resumed',
  'run.stopping': 'pipeline.stopping',
};

function payloadOf(fact: Fact): Json | undefined {
  const picked: Record<string, Json> = {};
  const source = fact as { readonly [name: string]: unknown };
  for (const name of [
    'reason',
    'message',
    'exitCode',
    'result',
    'next',
    'count',
    'seeded',
    'payload',
    'key',
    'because',
  ]) {
    const value = source[name];
    if (value !== undefined) picked[name] = value as Json;
  }
  return Object.keys(picked).length === 0 ? undefined : picked;
}

/** Event names of a fact; several where it speaks of a range of instances. Facts that are no events give none. */
export function eventsOf(run: string, fact: Fact): readonly EventLine[] {
  const at = new Date(fact.at).toISOString();
  const payload = payloadOf(fact);
  const line = (event: string, more: { node?: string; attempt?: number } = {}): EventLine => ({
    at,
    run,
    event,
    ...more,
    ...(payload === undefined ? {} : { payload }),
  });
  switch (fact.fact) {
    case 'run.started':
    case 'run.paused':
    case 'run.resumed':
    case 'run.stopping':
      return [line(OF_RUN[fact.fact] ?? fact.fact)];
    case 'run.ended':
      return [line(`pipeline.${fact.status}`)];
    case 'external':
      return [line(fact.name)];
    case 'retrying': {
      const node = addressOf(fact.node, fact.instance);
      return [line(`${node}.retrying`, { node, attempt: fact.attempt })];
    }
    case 'started':
      return places(fact).map((node) => line(`${node}.started`, { node, attempt: fact.attempt }));
    case 'ended':
      return places(fact).map((node) =>
        line(`${node}.${fact.status}`, { node, attempt: fact.attempt }),
      );
    case 'stopping':
      return places(fact).map((node) => line(`${node}.stopping`, { node }));
    case 'expanded':
    case 'ready':
    case 'group.failed':
    case 'spread':
      return [];
    default:
      return assertNever(fact, 'fact');
  }
}

function places(fact: {
  node: string;
  instances?: readonly [number, number] | undefined;
}): readonly string[] {
  if (fact.instances === undefined) return [fact.node];
  const [from, to] = fact.instances;
  return Array.from({ length: to - from + 1 }, (_, offset) => addressOf(fact.node, from + offset));
}

/** Segments of the log read at once. */
const LOG_PAGE = 200;

interface Place {
  readonly sequence: number;
  readonly index: number;
}

function placeOf(cursor: string | undefined): Place {
  if (cursor === undefined || cursor === '') return { sequence: 0, index: Number.MAX_SAFE_INTEGER };
  const match = /^(\d{1,15})\.(\d{1,15})$/.exec(cursor);
  if (match === null) throw new Rejected('invalid', `"${cursor}" is no cursor of a run's events`);
  return { sequence: Number(match[1]), index: Number(match[2]) };
}

/** Events behind a place, and `undefined` where the run ends. */
async function* eventsBehind(
  service: Service,
  ref: RunRef,
  from: Place,
): AsyncGenerator<{ place: Place; event: EventLine | undefined }> {
  let after = logKey(ref, Math.max(0, from.sequence - 1)).sk;
  for (;;) {
    const page = await service.table.query({
      pk: runKey(ref),
      prefix: LOG,
      after,
      limit: LOG_PAGE,
    });
    for (const item of page.items) {
      after = item.sk;
      yield* eventsOfSegment(service, ref, item, from);
    }
    if (page.cursor === undefined) return;
  }
}

async function* eventsOfSegment(
  service: Service,
  ref: RunRef,
  item: Item,
  from: Place,
): AsyncGenerator<{ place: Place; event: EventLine | undefined }> {
  const sequence = Number(item.sk.slice(LOG.length));
  let index = -1;
  for (const fact of factSchema.array().parse(item['facts'])) {
    // Who is asked stands in no fact: it follows from the start of an approval. So do warnings.
    const events = [
      ...eventsOf(ref.run, fact),
      ...(await queuedLines(service, ref, fact)),
      ...(await warningLines(service, ref, fact)),
    ];
    for (const event of events) {
      index += 1;
      if (sequence === from.sequence && index <= from.index) continue;
      yield { place: { sequence, index }, event };
    }
    if (fact.fact === 'run.ended') yield { place: { sequence, index }, event: undefined };
  }
}

/** An event and the cursor behind it; without one, the run's end. */
export interface PlacedEvent {
  readonly cursor: string;
  readonly event: EventLine | undefined;
}

/** Events behind a cursor one by one, as far as there are any now. */
export async function* placedEvents(
  service: Service,
  ref: RunRef,
  after: string,
): AsyncGenerator<PlacedEvent> {
  for await (const { place, event } of eventsBehind(service, ref, placeOf(after)))
    yield { cursor: cursorOf(place), event };
}

/** One page of events behind a cursor. `last` once the run's end is among what was read. */
export async function readEvents(
  service: Service,
  ref: RunRef,
  options: { after?: string; limit?: number } = {},
): Promise<EventPage> {
  const most = Math.min(options.limit ?? limits.page, limits.page);
  const events: EventLine[] = [];
  let place = placeOf(options.after);
  for await (const { place: here, event } of eventsBehind(service, ref, place)) {
    if (event === undefined) return { events, cursor: cursorOf(here), last: true };
    if (events.length >= most) break;
    events.push(event);
    place = here;
  }
  return { events, cursor: cursorOf(place), last: false };
}

const cursorOf = ({ sequence, index }: Place): string =>
  `${sequence}.${index === Number.MAX_SAFE_INTEGER ? 0 : index}`;

/** All facts of a run, in order. */
export async function readFacts(service: Service, ref: RunRef): Promise<readonly Fact[]> {
  const facts: Fact[] = [];
  let cursor: string | undefined;
  do {
    const page = await service.table.query({
      pk: runKey(ref),
      prefix: LOG,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const item of page.items) facts.push(...factSchema.array().parse(item['facts']));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return facts;
}
