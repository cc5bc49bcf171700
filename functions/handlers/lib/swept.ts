// What a sweep found, in the log and in metrics. A walk that had to be begun anew has a line of its own: walks do not die by themselves.
import type { RunRef } from '#service/keys.ts';
import type { SweepParts, Swept } from '#service/sweep.ts';
import type { Call } from './call.ts';
import { about } from './wrap.ts';

export const tellingOf = (call: Call): Pick<SweepParts, 'failed' | 'began' | 'halted'> => ({
  failed: ({ namespace, run }: RunRef, error) => {
    call.count('SweepsFailed');
    const text = error instanceof Error ? error.message : String(error);
    call.say('error', `run ${run} could not be looked after: ${text}`, {
      ...{ namespace, run, ...about(error) },
    });
  },
  began: ({ namespace, run }) =>
    call.say('warn', `the walk of run ${run} was dead: another one was begun`, { namespace, run }),
  halted: ({ namespace, run }) => {
    call.count('RunsHalted');
    call.say('error', `run ${run} is halted: its walks die again and again`, { namespace, run });
  },
});

export function saySwept({ runs, walks, rung, attempts, left }: Swept, call: Call): void {
  call.note({ runs, walks, rung, attempts, left });
  const counts = {
    RunsActive: runs,
    WalksBegun: walks,
    WalksRung: rung,
    AttemptsSettled: attempts,
  };
  for (const [name, count] of Object.entries({ ...counts, RunsLeft: left }))
    if (count > 0) call.count(name, count);
}
