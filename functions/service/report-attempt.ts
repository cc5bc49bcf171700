// Reports what an attempt came to, from wherever it ran. The recipe's steps (a) to (f).
import { nodeView } from '#core/walk/view.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { type ToldReport, takeReport } from './keep-report.ts';
import { type RunRef, splitAddress } from './keys.ts';
import { hold, loadRun } from './load-run.ts';
import type { Service } from './service.ts';

/**
 * Makes a report durable and rings, as `takeReport` does.
 *
 * @param how.secondHand true for one who only saw it from outside (a batch event, a sweep): it looks first whether the attempt is still live
 */
export async function reportAttempt(
  service: Service,
  told: ToldReport,
  how: { secondHand?: boolean } = {},
): Promise<'told' | 'other' | 'ignored'> {
  const { name } = told;
  const ref: RunRef = { namespace: name.namespace, run: name.run };
  if (how.secondHand === true && !(await isLive(service, ref, name))) return 'ignored'; // a
  return await takeReport(service, told);
}

async function isLive(service: Service, ref: RunRef, name: AttemptName): Promise<boolean> {
  const held = await hold(service, ref);
  const { state } = await loadRun(held);
  const { node, instance } = splitAddress(name.address);
  const whole = nodeView(held.memory.linked.graph, state, node);
  const view = instance === undefined ? whole : whole.instance(instance);
  return view.attempt === name.attempt && (view.status === 'running' || view.status === 'stopping');
}
