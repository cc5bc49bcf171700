// Alarms on one machine: one timer for the earliest of all times. They do not outlive the process; a run that is adopted asks again.
import type { Alarms, Clock } from '#ports/small.ts';
import type { Namespace, RunId } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';

export interface LocalAlarms extends Alarms {
  /** Rings what is due. The timer calls it; a test with a clock of its own may. */
  ringDue(): void;
  /** How many alarms are waiting. */
  readonly waiting: number;
  close(): void;
}

export interface AlarmsOptions {
  readonly clock: Clock;
  readonly ring: (namespace: Namespace, run: RunId) => void;
  /** False where time passes only by `ringDue`. */
  readonly timer?: boolean;
}

interface Alarm {
  readonly namespace: Namespace;
  readonly run: RunId;
  readonly at: number;
}

export function createAlarms(options: AlarmsOptions): LocalAlarms {
  const alarms = new Map<string, Alarm>();
  let timer: NodeJS.Timeout | undefined;
  let earliest = Number.POSITIVE_INFINITY;
  let closed = false;

  const ringDue = (): void => {
    const now = options.clock.now();
    const due = [...alarms].filter(([, alarm]) => alarm.at <= now);
    for (const [name] of due) alarms.delete(name);
    earliest = Number.POSITIVE_INFINITY;
    for (const { at } of alarms.values()) earliest = Math.min(earliest, at);
    set();
    for (const alarm of inOrder(due.map(([, each]) => each))) {
      options.ring(alarm.namespace, alarm.run);
    }
  };

  const set = (): void => {
    if (timer !== undefined) clearTimeout(timer);
    timer = undefined;
    if (closed || options.timer === false || alarms.size === 0) return;
    timer = setTimeout(ringDue, waitFor(earliest, options.clock.now()));
    timer.unref();
  };

  return {
    wake: async (namespace, run, at) => {
      if (closed) return;
      alarms.set(`${namespace}/${run}/${at}`, { namespace, run, at });
      if (at >= earliest) return;
      earliest = at;
      set();
    },
    ringDue,
    get waiting() {
      return alarms.size;
    },
    close: () => {
      closed = true;
      alarms.clear();
      set();
    },
  };
}

// Never longer than a nap: the clock of the machine may be set meanwhile, and timers end at 2^31 ms.
function waitFor(at: number, now: number): number {
  return Math.min(Math.max(0, at - now), limits.alarmNap);
}

function inOrder(alarms: Iterable<Alarm>): readonly Alarm[] {
  return [...alarms].sort((a, b) => a.at - b.at);
}
