// How long it takes from the request of an approval to the start of the next node: a run in a process of its own, its engine's client here.
// Beside it the whole process of `millrace approve`, which a person waits for.
import path from 'node:path';
import { createClient } from '#local/client.ts';
import { jsonLines, Place } from '../test/support/millrace.ts';
import { type BenchRow, median, row } from './row.ts';

const ROUNDS = 9;
const PIPELINE = `
id: gated
nodes:
  - id: review
    approval: true
  - id: publish
    startWhen: event:review.approved
    steps: [{ command: "true" }]
`;

interface Measured {
  /** Milliseconds to the start of the next node. */
  readonly started: number;
  /** Milliseconds until who approved had the answer. */
  readonly answered: number;
}

export async function rows(): Promise<readonly BenchRow[]> {
  const place = new Place({ 'pipeline.yaml': PIPELINE });
  try {
    const requests: Measured[] = [];
    const processes: Measured[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      requests.push(await measure(place, (run) => request(place, run)));
      processes.push(await measure(place, (run) => command(place, run)));
    }
    const whole = median(processes.map(({ answered }) => answered)).toFixed(0);
    const toStart = median(processes.map(({ started }) => started)).toFixed(0);
    return [
      row(
        'approve: from the request to the next node’s start',
        requests.map(({ started }) => started),
        {
          unit: 'ms',
          atMost: 50,
          note: `the process of \`millrace approve\` takes ${whole} ms, the next node starts ${toStart} ms after its start`,
        },
      ),
    ];
  } finally {
    place.remove();
  }
}

async function measure(place: Place, approve: (run: string) => Promise<void>): Promise<Measured> {
  const running = place.start('run', '--json');
  const line = await running.line((each) => each.includes('"review.queued"'));
  const { run } = JSON.parse(line) as { run: string };
  const sent = Date.now();
  await approve(run);
  const answered = Date.now() - sent;
  const { report } = jsonLines((await running.ended).stdout);
  return { started: Date.parse(report.nodes['publish']?.startedAt ?? '') - sent, answered };
}

async function request(place: Place, run: string): Promise<void> {
  const socketPath = path.join(place.folder, '.millrace', 'engine.sock');
  await createClient({ socketPath }).decide(run, 'review', { approve: true, by: 'bench' });
}

async function command(place: Place, run: string): Promise<void> {
  const { code, stderr } = await place.run('approve', run, 'review');
  if (code !== 0) throw new TypeError(stderr);
}
