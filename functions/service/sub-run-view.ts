// Sub-runs as their parent's readers see them.
import { nodeView, view } from '#core/walk/view.ts';
import { NotFound } from '#errors/families.ts';
import type { RunRef } from './keys.ts';
import { hold, loadRun } from './load-run.ts';
import type { Service } from './service.ts';
import { askedStatus } from './status.ts';

/** How the job of an attempt begins that a sub-run holds. */
export const CLAIM = 'run:';

/** The sub-run that holds the claim of an attempt, by its item's `job`. */
export function subRunOf(job: unknown): string | undefined {
  return typeof job === 'string' && job.startsWith(CLAIM) ? job.slice(CLAIM.length) : undefined;
}

const ENDED: ReadonlySet<string> = new Set([
  'completed',
  'failed',
  'timed_out',
  'cancelled',
  'skipped',
]);

/** How many nodes of a run have ended, in words; how it stands, where that is not simply running. */
export async function childProgress(
  service: Service,
  ref: RunRef,
): Promise<{ progress?: number; progressText?: string }> {
  try {
    const held = await hold(service, ref);
    const { plan, graph } = held.memory.linked;
    const { state } = await loadRun(held);
    const nodes = plan.nodes.filter(({ executor }) => executor.kind !== 'prepare');
    const ended = nodes.filter(({ id }) => ENDED.has(nodeView(graph, state, id).status)).length;
    const status = askedStatus(view(graph, state).status, await service.bells.read(ref));
    const how = status === 'paused' || status === 'halted' ? `, ${status}` : '';
    return { progressText: `${ended} of ${nodes.length} nodes${how}` };
  } catch (error) {
    // A run that is gone tells nothing; its parent is shown all the same.
    if (error instanceof NotFound) return {};
    throw error;
  }
}
