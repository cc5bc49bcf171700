// Alarms on one machine: one timer for the earliest of all times. They do not outlive the process; a run that is adopted asks again.
import type { Alarms, Clock } from '#ports/small.ts';
import type { Namespace, RunId } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';

export interface LocalAlarms extends Alarms {
  /** Rings what is due. The timer calls it; a test with a clock of its own may. */
  ringDue(): void;
  /** The run is over: nothing needs to ring it any more. Its timeout alone would be kept for days. */
  forget(namespace: Namespace, run: RunId): void;
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
  /** By run. */
  const alarms = new Map<string, Map<number, Alarm>>();
  let timer: NodeJS.Timeout | undefined;
  let earliest = Number.POSITIVE_INFINITY;
  let closed = false;

  const ringDue = (): void => {
    const now = options.clock.now();
    const due: Alarm[] = [];
    earliest = Number.POSITIVE_INFINITY;
    for (const [key, ofRun] of alarms) {
      for (const alarm of ofRun.values()) {
        if (alarm.at > now) earliest = Math.min(earliest, alarm.at);
        else {
          due.push(alarm);
          ofRun.delete(alarm.at);
        }
      }
      if (ofRun.size === 0) alarms.delete(key);
    }
    set();
    for (const alarm of inOrder(due)) {
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
      const key = keyOf(namespace, run);
      const ofRun = alarms.get(key) ?? new Map<number, Alarm>();
      alarms.set(key, ofRun.set(at, { namespace, run, at }));
      if (at >= earliest) return;
      earliest = at;
      set();
    },
    ringDue,
    get waiting() {
      let count = 0;
      for (const ofRun of alarms.values()) count += ofRun.size;
      return count;
    },
    forget: (namespace, run) => void alarms.delete(keyOf(namespace, run)),
    close: () => {
      closed = true;
      alarms.clear();
      set();
    },
  };
}

const keyOf = (namespace: Namespace, run: RunId): string => `${namespace}/${run}`;

// Never longer than a nap: the clock of the machine may be set meanwhile, and timers end at 2^31 ms.
function waitFor(at: number, now: number): number {
  return Math.min(Math.max(0, at - now), limits.alarmNap);
}

function inOrder(alarms: Iterable<Alarm>): readonly Alarm[] {
  return [...alarms].sort((a, b) => a.at - b.at);
}
