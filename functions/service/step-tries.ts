// How often a step was tried, over all attempts of its node: in a node an operator may be tried several times, and the node itself again.
import type { AttemptItem } from '#schemas/run.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { wholeAttempt } from './bulk.ts';
import { attemptKey } from './keys.ts';
import { getAll } from './outputs.ts';
import type { Offer } from './perform.ts';
import type { Held } from './service.ts';

/**
 * How often a step was tried in these attempts of its node. Of one that was lost with its machine nobody knows how far it came: it
 * counts once for each of its steps.
 */
export function triesOf(id: string, attempts: readonly AttemptItem[]): number {
  let tries = 0;
  for (const { report } of attempts) {
    const step = report?.steps?.find((each) => each.id === id);
    if (step !== undefined) tries += step.attempts ?? (step.startedAt === undefined ? 0 : 1);
    else if (report?.steps === undefined && report?.result.result === 'interrupted') tries += 1;
  }
  return tries;
}

/** What an order says of the attempts before it. */
export async function triesBefore(
  { service, ref }: Held,
  { address, attempt }: Offer,
  steps: readonly { readonly id: string }[],
): Promise<Pick<Extract<WorkOrder['work'], { kind: 'steps' }>, 'tries'>> {
  if (attempt === 1) return {};
  const keys = Array.from({ length: attempt - 1 }, (_, at) => attemptKey(ref, address, at + 1));
  const items = (await getAll(service.table, keys)).filter((item) => item !== undefined);
  const before = await Promise.all(items.map((item) => wholeAttempt(service, item)));
  const tries = steps
    .map(({ id }) => [id, triesOf(id, before)] as const)
    .filter(([, count]) => count > 0);
  return tries.length === 0 ? {} : { tries: Object.fromEntries(tries) };
}
