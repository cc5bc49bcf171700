// A prepare order: fetches an operator and builds its environment, for all the nodes that will use it.
import type { AttemptReport } from '#schemas/run.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { StepFailure } from './failure.ts';
import type { Halter } from './halt.ts';
import type { LogWriter } from './log-writer.ts';
import type { World } from './world.ts';

export interface PrepareOrder {
  readonly order: WorkOrder;
  readonly work: Extract<WorkOrder['work'], { kind: 'prepare' }>;
  readonly log: LogWriter;
  readonly halter: Halter;
}

export async function runPrepare(
  _world: World,
  _prepare: PrepareOrder,
): Promise<Omit<AttemptReport, 'endedAt'>> {
  throw new StepFailure('environment_failed', 'not yet');
}
