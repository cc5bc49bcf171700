// Finds runs: by id, by unique prefix, the latest, a list.
import { NotFound, Rejected } from '#errors/families.ts';
import type { Item } from '#ports/table.ts';
import { limits } from '#schemas/limits.ts';
import { type RunSummary, runSummary } from '#schemas/report.ts';
import type { RunStatus } from '#schemas/run.ts';
import { waitingApprovals } from './approvals.ts';
import { activeRunsKey, monthsKey, type RunRef, runKey, runsKey } from './keys.ts';
import { hold, loadRun } from './load-run.ts';
import type { Service } from './service.ts';
import { statusOf } from './status.ts';

const SHORTEST_PREFIX = 4;
/** Approvals that a line of the list names. */
const MOST_APPROVALS = 5;

/** Newest month first. */
async function months(service: Service, namespace: string): Promise<readonly string[]> {
  const page = await service.table.query({
    pk: monthsKey(namespace),
    limit: limits.page,
    reverse: true,
  });
  return page.items.map((item) => item.sk);
}

async function* summaries(
  service: Service,
  namespace: string,
  prefix?: string,
): AsyncGenerator<Item> {
  for (const month of await months(service, namespace)) {
    let cursor: string | undefined;
    do {
      const page = await service.table.query({
        pk: runsKey(namespace, month),
        reverse: true,
        limit: prefix === undefined ? 50 : limits.page,
        ...(prefix === undefined ? {} : { prefix }),
        ...(cursor === undefined ? {} : { cursor }),
      });
      yield* page.items;
      cursor = page.cursor;
    } while (cursor !== undefined);
  }
}

/**
 * The run that `name` means: an id, a prefix of at least four characters, or `latest`.
 *
 * @throws NotFound; Rejected `ambiguous` with some of the runs that begin so
 */
export async function findRun(service: Service, namespace: string, name: string): Promise<RunRef> {
  if (name === 'latest') {
    for await (const item of summaries(service, namespace))
      if (item['parent'] === undefined) return { namespace, run: item.sk };
    throw new NotFound('there are no runs yet');
  }
  // Programs in JavaScript may give what is no text: they hear that there is no such run.
  const prefix = `${name}`.toUpperCase();
  // Whoever walks a run asks for it by its whole id, and often.
  const known = { namespace, run: prefix };
  if (service.runs.has(runKey(known))) return known;
  if (!/^[0-9A-Z]{4,26}$/.test(prefix)) {
    throw new Rejected(
      'invalid',
      `"${name}" is no run: wanted a run id, at least ${SHORTEST_PREFIX} of its first characters, or latest`,
    );
  }
  const found = await matching(service, namespace, prefix);
  const [only] = found;
  if (only === undefined) throw new NotFound(`no run begins with ${name}`);
  if (found.length > 1)
    throw new Rejected(
      'ambiguous',
      `${name} is the beginning of several runs: ${found.join(', ')}`,
    );
  return { namespace, run: only };
}

/** Runs that begin so. A run and its sub-runs begin alike: sub-runs are meant only where no other run is. */
async function matching(
  service: Service,
  namespace: string,
  prefix: string,
): Promise<readonly string[]> {
  const found: string[] = [];
  const children: string[] = [];
  for await (const item of summaries(service, namespace, prefix)) {
    if (item['parent'] === undefined) found.push(item.sk);
    else if (children.length <= 3) children.push(item.sk);
    if (found.length > 3) break;
  }
  return found.length > 0 ? found : children;
}

/** Runs, newest first; sub-runs only when `all` are asked for. */
export async function listRuns(
  service: Service,
  namespace: string,
  query: { limit?: number; pipeline?: string; status?: RunStatus; all?: boolean } = {},
): Promise<readonly RunSummary[]> {
  const runs: RunSummary[] = [];
  const most = Math.min(query.limit ?? 50, limits.page);
  for await (const item of summaries(service, namespace)) {
    if (runs.length >= most) break;
    if (query.all !== true && item['parent'] !== undefined) continue;
    if (query.pipeline !== undefined && item['pipeline'] !== query.pipeline) continue;
    const { pk: _pk, sk, v: _v, ...about } = item;
    const status =
      item['status'] === 'running'
        ? await statusOf(service, { namespace, run: sk })
        : item['status'];
    if (query.status !== undefined && status !== query.status) continue;
    const approvals =
      item['status'] === 'running' ? await approvalsOf(service, { namespace, run: sk }) : {};
    runs.push(runSummary.parse({ run: sk, ...about, status, ...approvals }));
  }
  return runs;
}

/** The approvals of a run that wait for somebody. */
async function approvalsOf(service: Service, ref: RunRef): Promise<{ approvals?: string[] }> {
  const held = await hold(service, ref);
  const waiting = waitingApprovals(held, await loadRun(held));
  return waiting.length === 0
    ? {}
    : { approvals: waiting.slice(0, MOST_APPROVALS).map(({ address }) => address) };
}

/** Runs that are not over, oldest first. */
export async function activeRuns(service: Service, namespace: string): Promise<readonly RunRef[]> {
  const found: RunRef[] = [];
  let cursor: string | undefined;
  do {
    const page = await service.table.query({
      pk: activeRunsKey(namespace),
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const item of page.items) found.push({ namespace, run: item.sk });
    cursor = page.cursor;
  } while (cursor !== undefined);
  return found;
}
