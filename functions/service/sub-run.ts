// Runs that are the work of a node of another run. Child and claim of the parent's attempt are one transaction, and the child's id
// follows from the attempt: so an attempt has one child, however often it is performed. The child's end is told to the attempt as a
// command of the child's own outbox: at least once, first writer wins.
import { digester } from '#core/digest.ts';
import { liveAttempts } from '#core/walk/queries.ts';
import type { State } from '#core/walk/state.ts';
import { Conflict, Defect, Rejected } from '#errors/families.ts';
import type { Item, Write } from '#ports/table.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { PlanNode } from '#schemas/plan.ts';
import {
  type AttemptReport,
  type AttemptResult,
  fact as factSchema,
  type RunEnd,
  type WalkEvent,
} from '#schemas/run.ts';
import type { RunStart } from '#schemas/run-start.ts';
import type { Json } from '#schemas/values.ts';
import {
  addressOf,
  attemptKey,
  LOG,
  outcomeKey,
  type RunRef,
  runKey,
  splitAddress,
} from './keys.ts';
import { loadPlan } from './load-run.ts';
import { getAll } from './outputs.ts';
import type { Offer } from './perform.ts';
import { reportAttempt } from './report-attempt.ts';
import { keepOutputs, runOutputs } from './run-outputs.ts';
import type { Held, Linked } from './service.ts';
import { newRunItems } from './start-run.ts';
import { subRunInputs } from './sub-run-inputs.ts';
import { CLAIM, subRunOf } from './sub-run-view.ts';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** Letters of a ULID that tell the time. */
const TIME = 10;
/** Sub-runs that are made at once. */
const AT_ONCE = 32;

/** The run that is the work of an attempt: it sorts with its parent, and the same attempt always names the same one. */
export function subRunId(ref: RunRef, address: string, attempt: number): string {
  const hash = digester();
  hash.add(JSON.stringify([ref.namespace, ref.run, address, attempt]));
  let bits = BigInt(`0x${hash.hex().slice(0, 20)}`);
  let id = '';
  for (let letter = 0; letter < 16; letter += 1) {
    id = `${ALPHABET[Number(bits & 31n)] ?? '0'}${id}`;
    bits >>= 5n;
  }
  return `${ref.run.slice(0, TIME)}${id}`;
}

/** Makes the sub-runs of these attempts, where they are not there yet, and sees to it that somebody walks them. */
export async function startSubRuns(
  held: Held,
  state: State,
  offers: readonly Offer[],
): Promise<void> {
  const { service, ref } = held;
  const items = await getAll(
    service.table,
    offers.map(({ address, attempt }) => attemptKey(ref, address, attempt)),
  );
  // Asked for together, so that the table can make them durable together.
  for (let from = 0; from < offers.length; from += AT_ONCE) {
    const some = offers.slice(from, from + AT_ONCE);
    await Promise.all(some.map((offer, at) => startSubRun(held, state, offer, items[from + at])));
  }
}

async function startSubRun(
  held: Held,
  state: State,
  offer: Offer,
  item: Item | undefined,
): Promise<void> {
  const { service, ref } = held;
  const child = { ...ref, run: subRunId(ref, offer.address, offer.attempt) };
  const status = item?.['status'];
  const isOpen = status === undefined || status === 'offered';
  const made = isOpen ? await createSubRun(held, state, { offer, child }) : 'before';
  if (made === 'refused') {
    await service.bells.ring(ref);
    return;
  }
  if (made === 'before') {
    const found = await service.table.get(attemptKey(ref, offer.address, offer.attempt));
    // Refused or fenced, perhaps by somebody who died before the bell was rung.
    if (found?.['status'] !== 'claimed') return service.bells.ring(ref);
  }
  // What another process made and left may have more to settle than a walk does.
  await service.takeUp(child, made === 'now' ? 'new' : 'adopt');
  await service.bells.ring(child);
}

interface Making {
  readonly offer: Offer;
  readonly child: RunRef;
}

/** `before`: somebody else was faster, with a child or without one. */
async function createSubRun(
  held: Held,
  state: State,
  making: Making,
): Promise<'now' | 'before' | 'refused'> {
  const { service, ref, memory } = held;
  const { offer, child } = making;
  const node = memory.linked.plan.nodes[memory.linked.graph.index.get(offer.node) ?? -1];
  if (node?.executor.kind !== 'pipeline') throw new Defect(`${offer.node} runs no pipeline`);
  const { digest } = node.executor;
  const linked = await loadPlan(service, ref, digest);
  const inputs = await subRunInputs(held, { node, offer, state, plan: linked.plan });
  const offered = await service.table.putIfAbsent({
    ...attemptKey(ref, offer.address, offer.attempt),
    v: FORMAT,
    status: 'offered',
    attempt: { v: FORMAT, address: offer.address, attempt: offer.attempt, status: 'offered' },
  });
  if (!offered.created && offered.existing['status'] !== 'offered') return 'before';
  const about = { node, offer, child, linked, digest };
  if (!inputs.ok) return await settled(held, refusal(held, about, inputs), 'refused');
  const items = newRunItems(child, startOf(held, about, inputs.inputs), linked);
  try {
    return await settled(held, [claim(ref, about), ...items], 'now');
  } catch (error) {
    if (!(error instanceof Rejected) || error.code !== 'too_large') throw error;
    // It would be too large each time.
    const message = `what it is given is too large: ${error.message}. Hand large data over as a file`;
    return await settled(
      held,
      refusal(held, about, { reason: 'sub_run_failed', message }),
      'refused',
    );
  }
}

/** `before`: somebody else performed the same, or the attempt was fenced. */
async function settled<T>(
  { service }: Held,
  writes: readonly Write[],
  how: T,
): Promise<T | 'before'> {
  try {
    await service.table.transact(writes);
    return how;
  } catch (error) {
    if (error instanceof Conflict) return 'before';
    throw error;
  }
}

interface About extends Making {
  readonly node: PlanNode;
  readonly linked: Linked;
  readonly digest: string;
}

function claim(ref: RunRef, { offer, child }: About): Write {
  const { address, attempt } = offer;
  const job = CLAIM + child.run;
  return {
    write: 'put',
    item: {
      ...attemptKey(ref, address, attempt),
      v: FORMAT,
      status: 'claimed',
      job,
      attempt: { v: FORMAT, address, attempt, status: 'claimed', job },
    },
    if: { exists: true, equals: { status: 'offered' } },
  };
}

/** The attempt ends before there is a child: what it would be given does not fit. */
function refusal(
  { service, ref }: Held,
  { offer }: About,
  why: { readonly reason: 'expression_error' | 'sub_run_failed'; readonly message: string },
): Write[] {
  const { address, attempt } = offer;
  const at = service.clock.now();
  const message = why.message.slice(0, limits.messageLength);
  const report: AttemptReport = {
    result: { result: 'failed', reason: why.reason, message },
    endedAt: at,
  };
  const event: WalkEvent = {
    event: 'outcome',
    ...splitAddress(address),
    attempt,
    result: report.result,
  };
  return [
    {
      write: 'put',
      item: {
        ...attemptKey(ref, address, attempt),
        v: FORMAT,
        status: 'reported',
        attempt: { v: FORMAT, address, attempt, status: 'reported', report },
      },
      if: { exists: true, equals: { status: 'offered' } },
    },
    {
      write: 'put',
      item: { ...outcomeKey(ref, address, attempt), v: FORMAT, at, event },
      if: { exists: false },
    },
  ];
}

function startOf(
  { service, ref, memory }: Held,
  { node, offer, child, linked, digest }: About,
  inputs: Record<string, Json>,
): RunStart {
  const { start } = memory;
  const file = node.executor.kind === 'pipeline' ? node.executor.file : undefined;
  const place = placeOf(start.folder, file);
  const own = linked.plan.groups[0]?.timeout ?? limits.runTimeout;
  return {
    v: FORMAT,
    ...child,
    pipeline: linked.plan.id,
    plan: digest,
    inputs,
    at: service.clock.now(),
    sources: start.sources,
    ...(start.scheduledFor === undefined ? {} : { scheduledFor: start.scheduledFor }),
    ...(start.with === undefined ? {} : { with: start.with }),
    ...place,
    ...workDirsOf(start, place.file),
    ...(start.allowEnv === undefined ? {} : { allowEnv: start.allowEnv }),
    ...(start.offline === undefined ? {} : { offline: start.offline }),
    ...(start.anew === true ? { anew: true } : {}),
    timeout: Math.min(own, node.timeout ?? own),
    parent: { run: ref.run, address: offer.address, attempt: offer.attempt },
  };
}

/** The working folder of a line, and those of lines that it may run itself. */
function workDirsOf(
  { workDirs }: RunStart,
  file: string | undefined,
): Pick<RunStart, 'workDir' | 'workDirs'> {
  const own = file === undefined ? undefined : workDirs?.[file];
  return { ...(workDirs && { workDirs }), ...(own && { workDir: own }) };
}

/** The folder and file of a child, from its parent's folder and the path in between. */
function placeOf(
  folder: string | undefined,
  file: string | undefined,
): { folder?: string; file?: string } {
  if (folder === undefined || file === undefined) return folder === undefined ? {} : { folder };
  const parts = folder.split('/');
  const names = file.split('/');
  for (const name of names.slice(0, -1)) {
    if (name === '..') parts.pop();
    else if (name !== '.' && name !== '') parts.push(name);
  }
  const own = parts.join('/') || '/';
  return { folder: own, file: `${own === '/' ? '' : own}/${names.at(-1) ?? ''}` };
}

/** Tells the attempt that a run is the work of how it ended. Repeating it changes nothing. */
export async function tellParent(held: Held, state: State, status: RunEnd): Promise<void> {
  const { service, ref, memory } = held;
  const { parent, at } = memory.start;
  if (parent === undefined) return;
  const result = await resultOf(held, state, status);
  const name = { namespace: ref.namespace, ...parent };
  const report: AttemptReport = { result, startedAt: at, endedAt: service.clock.now() };
  // Told again after a crash, when the parent has taken it in and perhaps ended: then nobody would take an item out of its inbox.
  await reportAttempt(service, { job: CLAIM + ref.run, name, report }, { secondHand: true });
}

async function resultOf(held: Held, state: State, status: RunEnd): Promise<AttemptResult> {
  const { ref, memory } = held;
  const who = `run ${ref.run} (${memory.start.pipeline})`;
  if (status === 'completed') {
    const given = await runOutputs(held, state);
    const kept = given.ok ? await keepOutputs(held, given.outputs) : given;
    if (kept.ok) return { result: 'completed', outputs: kept.outputs };
    return { result: 'failed', reason: kept.reason, message: cut(`${who}: ${kept.message}`) };
  }
  const why = await lastWords(held);
  if (status === 'timed_out')
    return { result: 'timed_out', message: cut(`${who} took longer than it was allowed`) };
  if (status === 'cancelled')
    return { result: 'failed', reason: 'cancelled', message: cut(`${who} was cancelled`) };
  const message = cut(`${who} failed${why === undefined ? '' : `: ${why}`}`);
  return { result: 'failed', reason: 'sub_run_failed', message };
}

const cut = (message: string): string => message.slice(0, limits.messageLength);

/** What the end of the run says; it stands in the last segment of the log. */
async function lastWords({ service, ref }: Held): Promise<string | undefined> {
  const page = await service.table.query({ pk: runKey(ref), prefix: LOG, reverse: true, limit: 1 });
  const facts = page.items.flatMap((item) => factSchema.array().parse(item['facts']));
  const end = facts.find((fact) => fact.fact === 'run.ended');
  return end?.fact === 'run.ended' ? end.message : undefined;
}

/** Sub-runs that live attempts of this run wait for. */
export async function liveSubRuns(held: Held, state: State): Promise<readonly RunRef[]> {
  const { service, ref, memory } = held;
  const { plan, graph } = memory.linked;
  const attempts = liveAttempts(graph, state).filter(
    ({ node }) => plan.nodes[graph.index.get(node) ?? -1]?.executor.kind === 'pipeline',
  );
  const items = await getAll(
    service.table,
    attempts.map(({ node, instance, attempt }) =>
      attemptKey(ref, addressOf(node, instance), attempt),
    ),
  );
  return items.flatMap((item: Item | undefined) => {
    const run = item?.['status'] === 'claimed' ? subRunOf(item['job']) : undefined;
    return run === undefined ? [] : [{ ...ref, run }];
  });
}

/**
 * Pauses the sub-runs of a run, or lets them go on, as the run itself is asked to. What is asked of it is read again afterwards:
 * a command that is performed late must not undo a later one.
 */
export async function tellSubRuns(held: Held, state: State): Promise<void> {
  const { service, ref } = held;
  const children = await liveSubRuns(held, state);
  for (let round = 0; round < limits.advanceConflicts; round += 1) {
    const wanted = (await service.bells.read(ref))?.wanted;
    // Those of a cancelled run are told to stop, each by its own command.
    if (wanted === undefined || wanted === 'cancel') return;
    for (const child of children) await service.bells.want(child, wanted);
    if ((await service.bells.read(ref))?.wanted === wanted) return;
  }
}
