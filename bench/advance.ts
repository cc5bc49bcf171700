// One advance (load, walk, durable save, perform), warm, in a small and in a large plan. Only the programs are left out.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '#embedded/clock.ts';
import { createObjects } from '#embedded/objects.ts';
import { openTable } from '#embedded/table.ts';
import type { Jobs } from '#ports/jobs.ts';
import { FORMAT, LANGUAGE } from '#schemas/ids.ts';
import type { Plan } from '#schemas/plan.ts';
import type { Json } from '#schemas/values.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { advanceRun } from '#service/advance-run.ts';
import { memoryBells } from '#service/bell.ts';
import { claimAttempt } from '#service/keep-report.ts';
import { createService } from '#service/service.ts';
import { startRun } from '#service/start-run.ts';
import type { FreshReport } from '#service/take-events.ts';
import { createIds } from '#shared/ids.ts';
import { type BenchRow, median, row } from './row.ts';

const ADVANCES = 60;
const LIVE = 20;

function wide(size: number): Plan {
  const inner: Plan = {
    v: FORMAT,
    language: LANGUAGE,
    dialect: 'nodes',
    id: 'inner',
    inputs: {},
    groups: [{ id: 'inner', kind: 'pipeline', parent: -1, failFast: true }],
    nodes: [
      {
        id: 'step_1',
        group: 0,
        executor: { kind: 'command', command: 'true', environment: { kind: 'host' } },
      },
    ],
  };
  return {
    ...inner,
    id: 'wide',
    groups: [{ id: 'wide', kind: 'pipeline', parent: -1, failFast: false, maxParallel: LIVE }],
    nodes: Array.from({ length: size }, (_, index) => ({
      id: `n${index}`,
      group: 0,
      executor: { kind: 'steps', plan: inner },
    })),
  };
}

/** Milliseconds of an advance that takes in one report and starts one node. */
async function advances(size: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
  const table = openTable(join(folder, 'millrace.db'));
  const started: AttemptName[] = [];
  const jobs: Jobs = {
    direct: new Set(),
    start: async (orders) => {
      for (const order of orders) started.push(order.name);
    },
    stop: async () => {},
    adopt: async () => [],
  };
  const service = createService({
    table,
    objects: createObjects(join(folder, 'objects')),
    jobs,
    alarms: { wake: async () => {} },
    secrets: {
      get: async () => undefined,
      put: async () => {},
      remove: async () => false,
      names: async () => [],
    },
    clock: systemClock,
    ids: createIds({ clock: systemClock }),
    bells: memoryBells(table, () => {}),
  });
  try {
    const ref = await startRun(service, 'default', {
      plan: wide(size) as Json,
      inputs: {},
      sources: {},
    });
    let gen = 0;
    let fresh: FreshReport[] = [];
    const advance = (): Promise<unknown> =>
      advanceRun(service, ref, { gen: ++gen, token: 'bench', take: () => fresh.splice(0, 1) });
    await advance();
    const times: number[] = [];
    for (let index = 0; index < ADVANCES; index += 1) {
      const name = started[index];
      if (name === undefined) throw new TypeError(`only ${started.length} nodes were started`);
      await claimAttempt(service, 'bench', name);
      fresh = [
        {
          job: 'bench',
          name,
          report: { result: { result: 'completed', outputs: { x: index } }, endedAt: Date.now() },
        },
      ];
      const start = performance.now();
      await advance();
      times.push(performance.now() - start);
    }
    return median(times);
  } finally {
    table.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function rows(): Promise<readonly BenchRow[]> {
  const ratios: number[] = [];
  let small = 0;
  let large = 0;
  for (let round = 0; round < 5; round += 1) {
    small = await advances(100);
    large = await advances(100_000);
    ratios.push(large / small);
  }
  return [
    row('advance in a plan of 100,000 nodes against one of 100', ratios, {
      atMost: 2,
      unit: '×',
      note: `${small.toFixed(2)} and ${large.toFixed(2)} ms`,
    }),
  ];
}
