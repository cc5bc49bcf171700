// A desk that remembers in memory what runners say, with the rules of claims and reports and nothing behind it.
import type { AttemptDesk } from '#ports/jobs.ts';
import type { AttemptReport } from '#schemas/run.ts';
import type { AttemptName, WorkOrder } from '#schemas/work-order.ts';

type Notice = Parameters<AttemptDesk['notice']>[0];

export interface DeskAttempt {
  status: 'offered' | 'claimed' | 'fenced' | 'reported';
  job?: string;
  report?: AttemptReport;
}

export interface MemoryDesk extends AttemptDesk {
  /** Offers the attempts of these orders, as the service does before it submits them. Answers the orders. */
  offer(...orders: readonly WorkOrder[]): readonly WorkOrder[];
  fence(name: AttemptName): void;
  attempt(name: AttemptName): DeskAttempt | undefined;
  readonly notices: readonly Notice[];
  /** Jobs that were told to be lost. */
  readonly lostJobs: readonly string[];
  /** Calls of claim and report so far. */
  readonly calls: { readonly claim: number; readonly report: number };
  readonly secretValues: Map<string, string>;
  /** The next calls of `report` reject with these, one each. */
  readonly reportErrors: Error[];
  /** Resolves as soon as this holds; looked at whenever the desk hears something. */
  until(holds: () => boolean): Promise<void>;
  reported(...orders: readonly WorkOrder[]): Promise<readonly AttemptReport[]>;
}

export function createMemoryDesk(): MemoryDesk {
  const attempts = new Map<string, DeskAttempt>();
  const notices: Notice[] = [];
  const lostJobs: string[] = [];
  const calls = { claim: 0, report: 0 };
  const secretValues = new Map<string, string>();
  const reportErrors: Error[] = [];
  const watchers = new Set<() => void>();
  const heard = (): void => {
    for (const look of watchers) look();
  };
  const until = (holds: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!holds()) return;
        watchers.delete(look);
        resolve();
      };
      watchers.add(look);
      look();
    });
  return {
    offer: (...orders) => {
      for (const { name } of orders) {
        if (!attempts.has(keyOf(name))) attempts.set(keyOf(name), { status: 'offered' });
      }
      return orders;
    },
    fence: (name) => {
      attempts.set(keyOf(name), { status: 'fenced' });
    },
    attempt: (name) => attempts.get(keyOf(name)),
    notices,
    lostJobs,
    calls,
    secretValues,
    reportErrors,
    until,
    reported: async (...orders) => {
      const found = () => orders.map(({ name }) => attempts.get(keyOf(name))?.report);
      await until(() => found().every((report) => report !== undefined));
      return found().filter((report) => report !== undefined);
    },
    claim: async (job, names) => {
      calls.claim += 1;
      const granted = names.filter((name) => {
        const attempt = attempts.get(keyOf(name));
        if (attempt?.status === 'claimed') return attempt.job === job;
        if (attempt?.status !== 'offered') return false;
        attempts.set(keyOf(name), { status: 'claimed', job });
        return true;
      });
      heard();
      return granted;
    },
    report: async (job, reports) => {
      calls.report += 1;
      const error = reportErrors.shift();
      if (error !== undefined) throw error;
      for (const { name, report } of reports) {
        const attempt = attempts.get(keyOf(name));
        if (attempt?.status !== 'claimed' || attempt.job !== job) continue;
        attempts.set(keyOf(name), { status: 'reported', job, report });
      }
      heard();
    },
    notice: (notice) => {
      notices.push(notice);
      heard();
    },
    lost: async (job) => {
      lostJobs.push(job);
      heard();
    },
    secrets: async (_, names) => ({
      values: Object.fromEntries(
        names.flatMap((name) => {
          const value = secretValues.get(name);
          return value === undefined ? [] : [[name, value]];
        }),
      ),
      missing: names.filter((name) => !secretValues.has(name)),
    }),
  };
}

function keyOf(name: AttemptName): string {
  return JSON.stringify([name.namespace, name.run, name.address, name.attempt]);
}
