// Control in memory: one run whose events, report and logs a test writes itself.
import { NotFound, Rejected } from '#errors/families.ts';
import type { EventLine, NodeExplanation, NodeReport, RunReport } from '#schemas/report.ts';
import type { RunStatus } from '#schemas/run.ts';
import type { Control, LogEntry } from '#service/control.ts';

export const RUN = '01JD3Z6Q0000000000000000AB';
const DIGEST = 'a'.repeat(64);
const STORED = { id: 'flights', version: 1, digest: DIGEST, at: 0 };

export const BEGAN = Date.UTC(2026, 0, 2, 3, 4, 5);

export interface FakeControl extends Control {
  /** What was asked, in order: `cancel {"force":true}`. */
  readonly asked: string[];
  /** Tells an event of the run now. */
  tell(event: string, more?: Partial<EventLine>): void;
  /** The run ends: its last event is told. */
  end(status: RunStatus): void;
  /** Makes the next question fail. */
  failNext(error: Error): void;
  shown: RunReport;
  lines: LogEntry[];
}

export function aReport(
  nodes: Readonly<Record<string, Partial<NodeReport>>>,
  more: Partial<RunReport> = {},
): RunReport {
  return {
    at: iso(0),
    run: RUN,
    event: 'run.report',
    status: 'running',
    pipeline: 'flights',
    startedAt: iso(0),
    inputs: {},
    nodes: Object.fromEntries(
      Object.entries(nodes).map(([id, node]) => [
        id,
        { status: 'pending', attempts: 0, outputs: {}, ...node } satisfies NodeReport,
      ]),
    ),
    environments: {},
    sources: {},
    ...more,
  };
}

/** So many milliseconds after the run began. */
export function iso(after: number): string {
  return new Date(BEGAN + after).toISOString();
}

export function fakeControl(report: RunReport = aReport({ a: {}, b: {} })): FakeControl {
  const events: EventLine[] = [];
  const waiting: (() => void)[] = [];
  let ended = false;
  let failure: Error | undefined;
  const asked: string[] = [];
  const ask = (what: string, detail?: unknown): void => {
    asked.push(detail === undefined ? what : `${what} ${JSON.stringify(detail)}`);
    const thrown = failure;
    failure = undefined;
    if (thrown !== undefined) throw thrown;
  };
  const named = (run: string): string => {
    if (run === 'latest' || (run.length >= 4 && RUN.startsWith(run))) return RUN;
    throw new NotFound(`run "${run}" is not here`, { run });
  };
  const wake = (): void => {
    for (const listener of waiting.splice(0)) listener();
  };
  const fake: FakeControl = {
    asked,
    shown: report,
    lines: [],
    tell: (event, more = {}) => {
      events.push({ at: iso(events.length * 1000), run: RUN, event, ...more });
      wake();
    },
    end: (status) => {
      fake.shown = { ...fake.shown, status, endedAt: iso(10_000) };
      ended = true;
      fake.tell(`pipeline.${status}`);
    },
    failNext: (error) => {
      failure = error;
    },
    start: async (request) => {
      ask('start', request);
      return { run: RUN };
    },
    runs: async (query) => {
      ask('runs', query);
      const { status, pipeline } = fake.shown;
      return [{ run: RUN, pipeline, status, startedAt: BEGAN }];
    },
    find: async (run) => {
      ask('find', run);
      return named(run);
    },
    decide: async (run, node, decision) => {
      ask('decide', { node, ...decision });
      named(run);
      return { by: decision.by ?? 'somebody' };
    },
    report: async (run) => {
      ask('report', run);
      named(run);
      return fake.shown;
    },
    events: async (run, { signal: _, ...options } = {}) => {
      ask('events', options);
      named(run);
      const after = Number(options.after === undefined || options.after === '' ? 0 : options.after);
      if (events.length <= after && !ended && (options.wait ?? 0) > 0)
        await new Promise<void>((resolve) => waiting.push(resolve));
      const page = events.slice(after, after + (options.limit ?? 1000));
      const read = after + page.length;
      return { events: page, cursor: String(read), last: ended && read === events.length };
    },
    logs: async (run, { signal: _, ...options } = {}) => {
      ask('logs', options);
      named(run);
      const own = fake.lines.filter(
        ({ node }) => options.node === undefined || node === options.node,
      );
      const after = Number(options.after === undefined || options.after === '' ? 0 : options.after);
      return { lines: own.slice(after), cursor: String(own.length), last: true };
    },
    adopt: async (run) => {
      ask('adopt', run);
      named(run);
    },
    variables: async (run) => {
      named(run);
      return { 'pipeline.input': { year: 2013 }, system: { run_id: RUN }, nodes: { a: { n: 1 } } };
    },
    explain: async (run, node): Promise<NodeExplanation> => {
      named(run);
      ask('explain', node);
      return {
        run: RUN,
        node,
        status: 'pending',
        answer: 'it waits for event:a.completed',
        attempts: [],
      };
    },
    pause: async (run) => ask('pause', named(run)),
    resume: async (run) => {
      ask('resume', named(run));
      if (ended) throw new Rejected('wrong_state', `run ${RUN} has ended`);
    },
    cancel: async (run, options) => {
      named(run);
      ask('cancel', options);
    },
    retry: async (run, options) => {
      named(run);
      ask('retry', options);
      return { run: RUN };
    },
    emit: async (run, event, options) => {
      named(run);
      ask('emit', { event, ...options });
    },
    evaluate: async (run, expression) => {
      named(run);
      ask('evaluate', expression);
      return { is: 'value', value: expression };
    },
    validate: async (source) => {
      ask('validate', source);
      return { problems: [], pipeline: 'flights', plan: DIGEST };
    },
    store: async (source) => {
      ask('store', source);
      return STORED;
    },
    pipelines: async (query) => {
      ask('pipelines', query);
      return [STORED];
    },
    pipeline: async (id, version) => {
      ask('pipeline', { id, version });
      return { ...STORED, plan: { id } };
    },
    file: async (file) => {
      ask('file', file);
      const { name, size, sha256 } = file;
      return { file: { $file: { key: `NS/default/files/${sha256}/${name}`, name, size, sha256 } } };
    },
  };
  return fake;
}
