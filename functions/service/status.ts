// The status of a run, without more of it than is needed.
import { view } from '#core/walk/view.ts';
import type { RunStatus } from '#schemas/run.ts';
import type { Bell } from './bell.ts';
import type { RunRef } from './keys.ts';
import { hold, loadRun } from './load-run.ts';
import type { Service } from './service.ts';

/** `halted` is told by the bell, all else by the state. Rejects with NotFound. */
export async function statusOf(service: Service, ref: RunRef): Promise<RunStatus> {
  const held = await hold(service, ref);
  const { state } = await loadRun(held);
  const seen = view(held.memory.linked.graph, state);
  if (seen.end !== undefined) return seen.end;
  return askedStatus(seen.status, await service.bells.read(ref));
}

/** What was asked for is durable before it is walked: a run that is to pause is paused, though its engine died before it saw that. */
export function askedStatus(status: RunStatus, bell: Bell | undefined): RunStatus {
  if (bell?.halted !== undefined) return 'halted';
  return status === 'running' && bell?.wanted === 'pause' ? 'paused' : status;
}
