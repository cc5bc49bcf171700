// Answers what one runner says over one connection: claims and reports go to the desk in batches, both at once, so that the
// table can make them durable together.
import type { AttemptDesk } from '#ports/jobs.ts';
import type { RunnerFrame } from '#schemas/runner-protocol.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import type { AttemptBook } from './attempt-book.ts';
import { keyOf } from './attempt-book.ts';
import type { Feeder } from './feeder.ts';
import { createPump } from './pump.ts';
import type { RunnerLink } from './runner-link.ts';

type Report = Extract<RunnerFrame, { frame: 'report' }>;
type Ask = Extract<RunnerFrame, { frame: 'secrets' }>;

export interface RunnerOffice {
  /** Resolves when what has come so far is answered. */
  idle(): Promise<void>;
  /** The connection is gone: what waits is dropped (the spool has it); resolves when no claim is under way any more. */
  stop(): Promise<void>;
}

export interface OfficeOptions {
  readonly desk: AttemptDesk;
  readonly book: AttemptBook;
  readonly feeder: Feeder;
  readonly problem: (error: unknown) => void;
}

/** Begins to answer on this connection. */
export function openOffice(link: RunnerLink, options: OfficeOptions): RunnerOffice {
  const { problem } = options;
  const claims = createPump<readonly AttemptName[]>({
    handle: (batch) => answerClaims(link, options, batch.flat()),
    problem,
  });
  const reports = createPump<Report>({
    handle: (batch) => takeReports(link, options, batch),
    problem,
  });
  link.listen((frame) => {
    switch (frame.frame) {
      case 'claim':
        claims.push(frame.names);
        break;
      case 'report':
        reports.push(frame);
        break;
      case 'notice':
        takeNotice(options, frame);
        break;
      case 'secrets':
        answerSecrets(link, options, frame).catch(problem);
        break;
      case 'heartbeat':
      case 'hello':
        // A heartbeat has done its work by being heard; a second greeting changes nothing.
        break;
    }
  });
  const idle = async (): Promise<void> => {
    await Promise.all([claims.idle(), reports.idle()]);
  };
  return {
    idle,
    stop: async () => {
      claims.stop();
      reports.stop();
      // Not for the reports: one is durable only when its run is advanced, and that may wait for another runner, which waits for this.
      await claims.idle();
    },
  };
}

async function answerClaims(
  link: RunnerLink,
  options: OfficeOptions,
  names: readonly AttemptName[],
): Promise<void> {
  const granted = await options.desk.claim(link.hello.job, names);
  options.feeder.taken(link, names);
  const keys = new Set(granted.map(keyOf));
  const refused = names.filter((name) => !keys.has(keyOf(name)));
  for (const name of refused) options.book.remove(name);
  await sent(link.send({ frame: 'claimed', granted: [...granted], refused }));
}

async function takeReports(
  link: RunnerLink,
  options: OfficeOptions,
  reports: readonly Report[],
): Promise<void> {
  await options.desk.report(link.hello.job, reports);
  for (const { name } of reports) options.book.remove(name);
  options.feeder.taken(
    link,
    reports.map(({ name }) => name),
  );
  const upTo = Math.max(...reports.map(({ number }) => number));
  await sent(link.send({ frame: 'ack', upTo }));
}

function takeNotice(
  options: OfficeOptions,
  notice: Extract<RunnerFrame, { frame: 'notice' }>,
): void {
  const { name, at, state, reason, lacks, message, progress } = notice;
  try {
    options.desk.notice({
      name,
      at,
      state,
      ...(reason === undefined ? {} : { reason }),
      ...(lacks === undefined ? {} : { lacks }),
      ...(message === undefined ? {} : { message }),
      ...(progress === undefined ? {} : { progress }),
    });
  } catch (error) {
    options.problem(error);
  }
}

/** A secret that may not be given is one that is missing; why is told to this side only. */
async function answerSecrets(link: RunnerLink, options: OfficeOptions, ask: Ask): Promise<void> {
  const { request, name, names } = ask;
  const answer = await options.desk.secrets(name, names).catch((error: unknown) => {
    options.problem(error);
    return { values: {}, missing: names };
  });
  const { values, missing } = answer;
  await sent(link.send({ frame: 'secrets', request, values, missing: [...missing] }));
}

/** When the connection has gone, whoever clears up after the runner knows what to do; there is nothing to repeat here. */
async function sent(sending: Promise<void>): Promise<void> {
  await sending.catch(() => {});
}
