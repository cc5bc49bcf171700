// Performs the commands of an outbox, each at least once. Keeps H3 and H5: an attempt is offered before it is submitted, and stop fences
// before it terminates.

import { type LiveAttempt, liveAttempts } from '#core/walk/queries.ts';
import type { State } from '#core/walk/state.ts';
import type { StopOrder } from '#ports/jobs.ts';
import type { Item, Write } from '#ports/table.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { REASONS } from '#schemas/reasons.ts';
import type { Command, RunEnd } from '#schemas/run.ts';
import type { AttemptName, WorkOrder } from '#schemas/work-order.ts';
import { takeOver } from './cache.ts';
import { secretsToldTo } from './dependencies.ts';
import { isDirect } from './direct.ts';
import { fenceAttempts, noteStops, type ToldToStop } from './fences.ts';
import { activeKey, attemptKey, outcomeKey, type RunRef, summaryKey } from './keys.ts';
import { hold, loadRun } from './load-run.ts';
import { buildOrder, type SharedScopes } from './orders.ts';
import { addressesOf, getAll } from './outputs.ts';
import { ringOutcomes } from './ring-outcomes.ts';
import type { Held, Service } from './service.ts';
import { startSubRuns, tellParent, tellSubRuns } from './sub-run.ts';
import { subRunOf } from './sub-run-view.ts';
import { writeTogether } from './write-together.ts';

type Start = Extract<Command, { command: 'start-node' }>;
export type Stop = Extract<Command, { command: 'stop-node' }>;

/** One attempt that is to be submitted. */
export interface Offer {
  readonly node: string;
  readonly address: string;
  readonly instance?: number;
  readonly attempt: number;
  /** Of direct work: it waits as an offer, and must be claimed. */
  readonly offered?: boolean;
}

/** What a job may do that does this attempt, for those who answer it without knowing the plan. */
interface Granted {
  /** Names of the secrets that its node names. */
  readonly secrets?: readonly string[];
  /** It prepares what others run with. */
  readonly prepares?: true;
}

/** The item of an attempt that nobody has claimed. */
export const offeredAttempt = (
  { clock }: Service,
  ref: RunRef,
  { address, attempt }: Pick<Offer, 'address' | 'attempt'>,
  granted: Granted = {},
): Item => ({
  ...attemptKey(ref, address, attempt),
  v: FORMAT,
  status: 'offered',
  at: clock.now(),
  attempt: { v: FORMAT, address, attempt, status: 'offered' },
  ...granted,
});

function grantedTo({ memory }: Held, { node: id }: Offer): Granted {
  const { plan, graph } = memory.linked;
  const node = plan.nodes[graph.index.get(id) ?? -1];
  if (node === undefined) return {};
  const secrets = secretsToldTo(plan, node);
  return {
    ...(secrets.length === 0 ? {} : { secrets }),
    ...(node.executor.kind === 'prepare' ? { prepares: true } : {}),
  };
}

/**
 * Performs commands in their order: stops first, so that what they free is free for the starts.
 *
 * @param how.again true when it is not known how far an earlier process came: looks each attempt up first
 */
export async function performOutbox(
  held: Held,
  state: State,
  commands: readonly Command[],
  how: { again: boolean },
): Promise<void> {
  const { service, ref } = held;
  const stops = commands.filter((command): command is Stop => command.command === 'stop-node');
  const offers = commands
    .filter((command): command is Start => command.command === 'start-node')
    .flatMap(offersOf);
  if (stops.length > 0) await stopAttempts(service, ref, stops);
  if (offers.length > 0) await startAttempts(held, state, offers, how);
  for (const command of commands) {
    if (command.command === 'tell-runs') {
      await tellSubRuns(held, state);
      await tellJobs(held);
    }
    if (command.command === 'wake-at')
      await service.alarms.wake(ref.namespace, ref.run, command.at);
    // It was noted together with the walk that decided it.
    if (command.command === 'finish-run' && how.again) {
      await service.table.transact(finishWrites(service, ref, command.status));
    }
    if (command.command === 'finish-run') await tellParent(held, state, command.status);
  }
}

/** What is asked of the run now: a command that is performed late must not undo a later one. */
async function tellJobs({ service, ref }: Held): Promise<void> {
  if (service.jobs.pause === undefined) return;
  const bell = await service.bells.read(ref);
  await service.jobs.pause(ref, bell?.wanted === 'pause');
}

const offersOf = (start: Start): Offer[] =>
  addressesOf(start).map((place) => ({ node: start.node, attempt: start.attempt, ...place }));

const nameOf = (ref: RunRef, address: string, attempt: number): AttemptName => ({
  ...ref,
  address,
  attempt,
});

/** Submits those of the offers that nobody has claimed, fenced or submitted yet. */
export async function startAttempts(
  held: Held,
  state: State,
  offers: readonly Offer[],
  how: { again: boolean },
): Promise<void> {
  const { service, ref } = held;
  const { plan, graph } = held.memory.linked;
  const isSubRun = ({ node }: Offer): boolean =>
    plan.nodes[graph.index.get(node) ?? -1]?.executor.kind === 'pipeline';
  const subRuns = offers.filter(isSubRun);
  if (subRuns.length > 0) await startSubRuns(held, state, subRuns);
  const others = subRuns.length === 0 ? offers : offers.filter((offer) => !isSubRun(offer));
  const open = await openOffers(held, others, how);
  const known = how.again
    ? await service.jobs.adopt(open.map((offer) => nameOf(ref, offer.address, offer.attempt)))
    : [];
  const taken = new Set(known.map((name) => `${name.address}#${name.attempt}`));
  const free = open.filter(({ address, attempt }) => !taken.has(`${address}#${attempt}`));
  const left = await takeOver(held, state, free, (node) =>
    isDirect(service, held.memory.linked, node),
  );
  const orders: WorkOrder[] = [];
  const shared: SharedScopes = new Map();
  for (const offer of left) orders.push(await buildOrder(held, state, offer, shared));
  if (orders.length > 0) await service.jobs.start(orders, how);
}

async function openOffers(
  held: Held,
  offers: readonly Offer[],
  how: { again: boolean },
): Promise<readonly Offer[]> {
  const { service, ref, memory } = held;
  const offeredAlready = !how.again && service.table.bounds.transactItems > limits.transactItems;
  if (offeredAlready) return offers;
  const found = how.again
    ? await getAll(
        service.table,
        offers.map(({ address, attempt }) => attemptKey(ref, address, attempt)),
      )
    : [];
  const absent = offers.filter(
    ({ node }, index) => found[index] === undefined && !isDirect(service, memory.linked, node),
  );
  const refused = await refusedOffers(held, absent);
  // Its end was put into the inbox by somebody who performed the same, and who perhaps died before the bell was rung (H4).
  const ended = found.some((item) => item?.['status'] === 'reported');
  if (ended || refused.size > 0) await service.bells.ring(ref);
  return offers.flatMap((offer, index) => {
    const item = found[index];
    // Of direct work only what was lost with its process has an item that waits.
    const offered = isDirect(service, memory.linked, offer.node) ? { offered: true } : {};
    if (item !== undefined) return item['status'] === 'offered' ? [{ ...offer, ...offered }] : [];
    return refused.has(offer) ? [] : [offer];
  });
}

/** Puts offers where there are none, and answers those in whose place something else stands. */
async function refusedOffers(held: Held, offers: readonly Offer[]): Promise<ReadonlySet<Offer>> {
  const { service, ref } = held;
  const refused = new Set<Offer>();
  const itemOf = (offer: Offer): Item =>
    offeredAttempt(service, ref, offer, grantedTo(held, offer));
  await writeTogether(service, offers, {
    writes: (offer) => [{ write: 'put', item: itemOf(offer), if: { exists: false } }],
    alone: async (offer) => {
      const put = await service.table.putIfAbsent(itemOf(offer));
      if (!put.created && put.existing['status'] !== 'offered') refused.add(offer);
    },
  });
  return refused;
}

/** Fences what was not claimed, which is its outcome, and asks for the end of what runs. */
export async function stopAttempts(
  service: Service,
  ref: RunRef,
  commands: readonly Stop[],
): Promise<void> {
  const bell = await service.bells.read(ref);
  const known = await knownDirect(service, ref, commands);
  const force = bell?.force === true;
  const attempts = commands.flatMap((command) =>
    addressesOf(command).map(({ address }) => ({ command, address })),
  );
  const fences = await fenceAttempts(
    service,
    ref,
    attempts.map(({ command: { attempt }, address }) => ({ address, attempt })),
    known,
  );
  // Every outcome was put before it is rung (H4), and one ring tells of all.
  const told = attempts.filter((_, index) => fences[index]?.told === true);
  if (told.length > 0) {
    const keys = told.map(({ command, address }) => outcomeKey(ref, address, command.attempt));
    await ringOutcomes(service, ref, keys);
  }
  const stops: StopOrder[] = [];
  const asked: ToldToStop[] = [];
  for (const [index, { command, address }] of attempts.entries()) {
    const { job, beats } = fences[index] ?? {};
    const child = subRunOf(job);
    if (child !== undefined) {
      await stopSubRun(service, { ...ref, run: child }, force);
      continue;
    }
    const message = REASONS[command.reason];
    stops.push({
      name: nameOf(ref, address, command.attempt),
      grace: force ? 0 : command.grace,
      message,
    });
    if (job !== undefined && beats === true)
      asked.push({ address, attempt: command.attempt, job, message });
  }
  if (asked.length > 0) await noteStops(service, ref, asked);
  if (stops.length > 0) await service.jobs.stop(stops);
}

/** Direct work that this process does has no item that could be fenced: its end is asked for, and its report counts. */
async function knownDirect(
  service: Service,
  ref: RunRef,
  commands: readonly Stop[],
): Promise<ReadonlySet<string>> {
  if (service.jobs.direct.size === 0) return new Set();
  const { linked } = (await hold(service, ref)).memory;
  const names = commands
    .filter(({ node }) => isDirect(service, linked, node))
    .flatMap((command) =>
      addressesOf(command).map(({ address }) => nameOf(ref, address, command.attempt)),
    );
  if (names.length === 0) return new Set();
  const known = await service.jobs.adopt(names);
  return new Set(known.map(({ address, attempt }) => `${address}#${attempt}`));
}

/** A sub-run ends as any run that is cancelled; with `force` what was told to stop in it before is told again. */
async function stopSubRun(service: Service, ref: RunRef, force: boolean): Promise<void> {
  await service.bells.want(ref, 'cancel', { force });
  if (force) await stopAgain(service, ref);
}

/** Asks once more for the end of what was told to stop: since then somebody may have said that it shall be at once. */
export async function stopAgain(service: Service, ref: RunRef): Promise<void> {
  const held = await hold(service, ref);
  const { state } = await loadRun(held);
  const stops = liveAttempts(held.memory.linked.graph, state)
    .filter((attempt) => attempt.stopping)
    .map((attempt) => stopOf(held, attempt));
  if (stops.length > 0) await stopAttempts(service, ref, stops);
}

/** The command that told a live attempt to stop. */
export function stopOf(held: Held, attempt: LiveAttempt): Stop {
  const node = held.memory.linked.plan.nodes.find((each) => each.id === attempt.node);
  const { instance } = attempt;
  return {
    command: 'stop-node',
    node: attempt.node,
    ...(instance === undefined ? {} : { instances: [instance, instance] as [number, number] }),
    attempt: attempt.attempt,
    reason: 'cancelled',
    grace: node?.grace ?? limits.stopGrace,
  };
}

/** Notes the end in the list of runs. Repeating it changes nothing. */
export const finishWrites = (service: Service, ref: RunRef, status: RunEnd): Write[] => [
  {
    write: 'update',
    key: summaryKey(ref),
    changes: { set: { status, endedAt: service.clock.now() } },
  },
  { write: 'delete', key: activeKey(ref) },
];
