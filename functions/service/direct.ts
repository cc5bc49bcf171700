// Work that is done inside the engine's own process: nothing is offered or claimed for it, its report is saved together with the advance
// that takes it in. Keeps H9: an attempt of direct work that nobody knows and that has no item was lost with its process.
import { Conflict } from '#errors/families.ts';
import type { DirectDesk } from '#ports/jobs.ts';
import type { Item } from '#ports/table.ts';
import { FORMAT } from '#schemas/ids.ts';
import type { AttemptItem, AttemptReport } from '#schemas/run.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { attemptKey, outcomeKey, type RunRef, splitAddress } from './keys.ts';
import { ringOutcomes } from './ring-outcomes.ts';
import type { Linked, Service } from './service.ts';

/** Whether the work of a node is done inside the process that walks the run. */
export function isDirect(service: Service, { plan, graph }: Linked, node: string): boolean {
  const kinds: ReadonlySet<string> = service.jobs.direct;
  if (kinds.size === 0) return false;
  return kinds.has(plan.nodes[graph.index.get(node) ?? -1]?.executor.kind ?? '');
}

/** The item of direct work that is over. First writer wins. */
export const directItem = (ref: RunRef, name: AttemptName, report: AttemptReport): Item => {
  const { address, attempt } = name;
  const item: AttemptItem = { v: FORMAT, address, attempt, status: 'reported', report };
  return { ...attemptKey(ref, address, attempt), v: FORMAT, status: 'reported', attempt: item };
};

/** Notes that direct work was lost with its process, and rings. Nothing happens where something was noted of it before. */
export async function reportLost(
  service: Service,
  name: AttemptName,
  message: string,
): Promise<void> {
  const ref: RunRef = { namespace: name.namespace, run: name.run };
  const at = service.clock.now();
  const result = { result: 'interrupted', message } as const;
  const event = {
    event: 'outcome',
    ...splitAddress(name.address),
    attempt: name.attempt,
    result,
  } as const;
  try {
    await service.table.transact([
      {
        write: 'put',
        item: directItem(ref, name, { result, endedAt: at }),
        if: { exists: false },
      },
      {
        write: 'put',
        item: { ...outcomeKey(ref, name.address, name.attempt), v: FORMAT, at, event },
      },
    ]);
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
  }
  await ringOutcomes(service, ref, [outcomeKey(ref, name.address, name.attempt)]);
}

export interface DirectOptions {
  /** Takes a report in: resolves when it is durable. */
  readonly submit: (name: AttemptName, report: AttemptReport) => Promise<void>;
}

/** What work inside this process says. */
export function createDirectDesk(service: Service, options: DirectOptions): DirectDesk {
  return {
    done: (name, report) => options.submit(name, report),
    async offer(names) {
      const puts = await Promise.all(
        names.map((name) => {
          const { address, attempt } = name;
          const item: AttemptItem = { v: FORMAT, address, attempt, status: 'offered' };
          const key = attemptKey({ namespace: name.namespace, run: name.run }, address, attempt);
          return service.table.putIfAbsent({
            ...key,
            v: FORMAT,
            status: 'offered',
            attempt: item,
          });
        }),
      );
      return names.filter((_, index) => {
        const put = puts[index];
        return put?.created === true || put?.existing['status'] === 'offered';
      });
    },
  };
}
