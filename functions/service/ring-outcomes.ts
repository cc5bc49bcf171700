// Rings for outcomes that were put into the inbox of a run. Keeps H4 and H17.
import type { Key } from '#ports/table.ts';
import { activeKey, type RunRef } from './keys.ts';
import type { Service } from './service.ts';

/**
 * Rings, and takes outcomes back that came when the run was over: told twice, or after the walk had given the attempt up, they would lie in an inbox
 * that nobody reads any more. A run that ends after this look has been rung before it, so that its walk looks at the inbox again.
 *
 * @param outcomes keys of what was put, before this is called
 */
export async function ringOutcomes(
  service: Service,
  ref: RunRef,
  outcomes: readonly Key[],
): Promise<void> {
  await service.bells.ring(ref);
  if ((await service.table.get(activeKey(ref))) !== undefined) return;
  const { transactItems } = service.table.bounds;
  for (let from = 0; from < outcomes.length; from += transactItems) {
    const some = outcomes.slice(from, from + transactItems);
    await service.table.transact(some.map(({ pk, sk }) => ({ write: 'delete', key: { pk, sk } })));
  }
}
