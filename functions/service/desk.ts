// The desk that runners talk to, for an engine in the same process: claims, reports, notices, secrets, and what is left when a runner is lost.
import { Rejected } from '#errors/families.ts';
import type { AttemptDesk } from '#ports/jobs.ts';
import type { AttemptItem, AttemptReport } from '#schemas/run.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { claimAttempt } from './keep-report.ts';
import { attemptKey, type RunRef } from './keys.ts';
import { getAll } from './outputs.ts';
import type { Service } from './service.ts';

type Notice = Parameters<AttemptDesk['notice']>[0];

export const refOf = (name: AttemptName): RunRef => ({ namespace: name.namespace, run: name.run });
export const attemptId = (name: AttemptName): string =>
  `${name.namespace}/${name.run}/${name.address}/${name.attempt}`;

/** What was last said about attempts that live; in memory, because it never decides anything. */
export type Notices = Map<string, NonNullable<AttemptItem['notice']>>;

export interface DeskOptions {
  /** Takes a report in: resolves when it is durable. */
  readonly submit: (job: string, name: AttemptName, report: AttemptReport) => Promise<void>;
  readonly notices: Notices;
  /** Told of each notice, for those who watch. */
  readonly noticed: (notice: Notice) => void;
  readonly lost: (job: string) => Promise<void>;
  readonly allowedSecrets: (name: AttemptName) => Promise<ReadonlySet<string>>;
}

/** The desk of an embedded engine. */
export function createDesk(service: Service, options: DeskOptions): AttemptDesk {
  return {
    async claim(job, names) {
      // Asked for together, so that the table can make them durable together.
      const answers = await Promise.all(names.map((name) => claimAttempt(service, job, name)));
      return names.filter((_, index) => answers[index]);
    },
    async report(job, reports) {
      const items = await getAll(
        service.table,

        reports.map(({ name }) => attemptKey(refOf(name), name.address, name.attempt)),
      );
      await Promise.all(
        reports.map(async ({ name, report }, index) => {
          options.notices.delete(attemptId(name));
          const item = items[index];
          // What is not claimed by this job, or was told before, counts for nothing.
          if (item?.['status'] !== 'claimed' || item['job'] !== job) return;
          await options.submit(job, name, report);
        }),
      );
    },
    notice(notice) {
      const { name, ...said } = notice;
      options.notices.set(attemptId(name), said as NonNullable<AttemptItem['notice']>);
      options.noticed(notice);
    },
    lost: options.lost,
    async secrets(name, names) {
      const allowed = await options.allowedSecrets(name);
      const values: Record<string, string> = {};
      const missing: string[] = [];
      for (const secret of names) {
        if (!allowed.has(secret))
          throw new Rejected('not_permitted', `${name.address} does not name the secret ${secret}`);
        const value = await service.secrets.get(name.namespace, secret);
        if (value === undefined) missing.push(secret);
        else values[secret] = value;
      }
      return { values, missing };
    },
  };
}
