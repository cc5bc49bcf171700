// A program: the command line with an engine in memory whose run goes through three nodes. For tests that watch it in a terminal.
import { setTimeout as sleep } from 'node:timers/promises';
import { processHost } from '#cli/host.ts';
import { commandLine } from '#cli/program.ts';
import type { NodeReport } from '#schemas/report.ts';
import { aReport, fakeControl } from './fake-control.ts';
import { aCommand } from './fake-host.ts';

const STEP = 300;
// Plain lines never ask for the report before the end.
const latest = Date.now() + 1_500;
const now = (): string => new Date().toISOString();

const pending = { status: 'pending', waitsFor: 'its turn' } as const;
const control = fakeControl(
  aReport({ first: pending, second: pending, third: pending }, { startedAt: now() }),
);
control.tell('pipeline.started');

function change(id: string, node: Partial<NodeReport>, event: string): void {
  const { [id]: before, ...others } = control.shown.nodes;
  if (before === undefined) return;
  control.shown = {
    ...control.shown,
    nodes: { ...control.shown.nodes, ...others, [id]: { ...before, ...node } },
  };
  control.tell(`${id}.${event}`, { node: id, attempt: 1 });
}

/** Begins when somebody looks, and leaves time to see each step. */
async function play(): Promise<void> {
  while (!control.asked.some((asked) => asked.startsWith('report'))) {
    if (Date.now() > latest) break;
    await sleep(10);
  }
  for (const id of ['first', 'second', 'third']) {
    change(
      id,
      { status: 'running', startedAt: now(), progress: 0.5, progressText: 'reading' },
      'started',
    );
    await sleep(STEP);
    change(id, { status: 'completed', endedAt: now() }, 'completed');
  }
  control.end('completed');
}

const { backend, prepares } = aCommand(control);
prepares({
  request: { plan: {}, inputs: {}, sources: {} },
  plan: { v: 1, language: 1, dialect: 'nodes', id: 'p', inputs: {}, groups: [], nodes: [] },
  warnings: [],
});
const [code] = await Promise.all([
  commandLine(process.argv.slice(2), processHost(), backend),
  play(),
]);
process.exit(code);
