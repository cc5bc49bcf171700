// Jobs that run nothing: a test sees what was submitted and says how it went, in the order it likes.
import { Defect, type Transient } from '#errors/families.ts';
import type { AttemptDesk, Jobs, StopOrder } from '#ports/jobs.ts';
import type { Clock } from '#ports/small.ts';
import type { AttemptReport, AttemptResult } from '#schemas/run.ts';
import type { Outputs } from '#schemas/values.ts';
import type { AttemptName, WorkOrder } from '#schemas/work-order.ts';

export interface RecordingJobs extends Jobs {
  /** Whom to tell; set it before anything is completed. */
  connect(desk: AttemptDesk): void;
  /** The id under which attempts are claimed; another one after `lose`. */
  readonly job: string;
  /** All orders ever submitted, in order, repetitions included. */
  readonly orders: readonly WorkOrder[];
  readonly stops: readonly StopOrder[];
  /** Addresses that are held and not reported yet, in the order they came. */
  readonly held: readonly string[];
  /** Rejects the next call of `start`, once. */
  failNextStart(error: Transient): void;
  /** Claims; answers whether it was granted. Needed only where a test looks between claim and report. */
  claim(address: string): Promise<boolean>;
  /** Claims if that has not happened, then reports. What is not granted is dropped, as a runner does. */
  report(address: string, result: AttemptResult, more?: Partial<AttemptReport>): Promise<void>;
  complete(address: string, outputs?: Outputs): Promise<void>;
  fail(address: string, exitCode?: number): Promise<void>;
  /** The runner dies: what it held is forgotten, and the desk hears of it. */
  lose(): Promise<void>;
}

interface Held {
  readonly name: AttemptName;
  claimed: boolean;
}

export function createRecordingJobs(clock: Clock): RecordingJobs {
  const orders: WorkOrder[] = [];
  const stops: StopOrder[] = [];
  const held = new Map<string, Held>();
  let desk: AttemptDesk | undefined;
  let refusal: Transient | undefined;
  let generation = 1;
  const job = (): string => `runner-${generation}`;

  const theDesk = (): AttemptDesk => {
    if (desk === undefined) throw new Defect('connect the jobs to a desk first');
    return desk;
  };
  const latest = (address: string): [string, Held] => {
    const found = [...held].findLast(([, { name }]) => name.address === address);
    if (found === undefined) throw new Defect(`nothing is held for ${address}`, { held: list() });
    return found;
  };
  const list = (): readonly string[] => [...held.values()].map(({ name }) => name.address);

  const claim = async (address: string): Promise<boolean> => {
    const [key, attempt] = latest(address);
    if (attempt.claimed) return true;
    const granted = await theDesk().claim(job(), [attempt.name]);
    attempt.claimed = granted.length > 0;
    if (!attempt.claimed) held.delete(key);
    return attempt.claimed;
  };
  const report: RecordingJobs['report'] = async (address, result, more = {}) => {
    const [key, attempt] = latest(address);
    if (!(await claim(address))) return;
    held.delete(key);
    const full = { startedAt: clock.now(), ...more, endedAt: clock.now(), result };
    await theDesk().report(job(), [{ name: attempt.name, report: full }]);
  };

  return {
    direct: new Set(),
    connect: (given) => {
      desk = given;
    },
    get job() {
      return job();
    },
    orders,
    stops,
    get held() {
      return list();
    },
    failNextStart: (error) => {
      refusal = error;
    },
    start: async (given) => {
      if (refusal !== undefined) {
        const error = refusal;
        refusal = undefined;
        throw error;
      }
      orders.push(...given);
      for (const { name } of given) {
        if (!held.has(keyOf(name))) held.set(keyOf(name), { name, claimed: false });
      }
    },
    stop: async (given) => {
      stops.push(...given);
    },
    adopt: async (names) => names.filter((name) => held.has(keyOf(name))),
    claim,
    report,
    complete: (address, outputs = {}) => report(address, { result: 'completed', outputs }),
    fail: (address, exitCode = 1) =>
      report(address, {
        result: 'failed',
        reason: 'exit',
        message: `exit code ${exitCode}`,
        exitCode,
      }),
    lose: async () => {
      const gone = job();
      held.clear();
      generation += 1;
      await theDesk().lost(gone);
    },
  };
}

function keyOf(name: AttemptName): string {
  return JSON.stringify([name.namespace, name.run, name.address, name.attempt]);
}
