// What a tick came to, in the log and in metrics. A run that is halted is told of in a line of its own, which an alarm leads to.
import type { TickOrder } from '#schemas/walker.ts';
import type { Ticked } from '#service/tick-run.ts';
import type { Call } from './call.ts';
import { about } from './wrap.ts';

export function sayTicked({ run }: TickOrder, ticked: Ticked, call: Call): void {
  call.note({ came: ticked.came });
  if (!('error' in ticked)) return;
  const { error } = ticked;
  const text = error instanceof Error ? error.message : String(error);
  call.count('TicksFailed');
  if (ticked.came === 'failed') {
    call.say('warn', `run ${run} could not be advanced: ${text}`, about(error));
    return;
  }
  call.count('RunsHalted');
  call.say('error', `run ${run} is halted: ${text}`, about(error));
}
