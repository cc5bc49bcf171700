// Work orders for tests.
import type { PlanNode } from '#schemas/plan.ts';
import type { Json } from '#schemas/values.ts';
import type { WorkOrder } from '#schemas/work-order.ts';

let count = 0;

const RUN = '01KAN6V0000000000000000000';

export type StepOptions = Partial<Omit<PlanNode, 'executor'>> & {
  command: string;
} & Partial<Omit<Extract<PlanNode['executor'], { kind: 'command' }>, 'kind' | 'command'>>;

export function aStep(options: StepOptions | string, index = 0): PlanNode {
  const { command, environment, operator, cwd, ...node } =
    typeof options === 'string' ? { command: options } : options;
  return {
    id: `step${index + 1}`,
    group: 0,
    ...node,
    executor: {
      kind: 'command',
      command,
      environment: environment ?? { kind: 'host' },
      ...(operator === undefined ? {} : { operator }),
      ...(cwd === undefined ? {} : { cwd }),
    },
  };
}

export interface OrderOptions extends Partial<Omit<WorkOrder, 'work' | 'name'>> {
  readonly address?: string;
  readonly attempt?: number;
  readonly inputs?: Record<string, Json>;
  readonly env?: Record<string, string>[];
  readonly secrets?: string[];
  readonly scope?: Partial<Extract<WorkOrder['work'], { kind: 'steps' }>['scope']>;
  readonly maxParallel?: number;
}

/** An order with these steps: one after another, unless they say `needs` themselves. */
export function anOrder(
  steps: readonly (StepOptions | string)[],
  options: OrderOptions = {},
): WorkOrder {
  count += 1;
  const { address, attempt, inputs, env, secrets, scope, maxParallel, ...rest } = options;
  const nodes = steps.map((step, index) => {
    const node = aStep(step, index);
    return index === 0 || node.needs !== undefined || node.start !== undefined
      ? node
      : { ...node, needs: [index - 1] };
  });
  return {
    v: 1,
    name: {
      namespace: 'default',
      run: RUN,
      address: address ?? `node${count}`,
      attempt: attempt ?? 1,
    },
    pipeline: 'test',
    node: (address ?? `node${count}`).replace(/\[\d+\]$/, ''),
    work: {
      kind: 'steps',
      plan: {
        v: 1,
        language: 1,
        dialect: 'nodes',
        id: 'inner',
        inputs: {},
        groups: [
          {
            id: 'inner',
            kind: 'pipeline',
            parent: -1,
            failFast: true,
            ...(maxParallel === undefined ? {} : { maxParallel }),
          },
        ],
        nodes,
      },
      inputs: inputs ?? {},
      env: env ?? [],
      scope: {
        input: {},
        nodes: {},
        system: {
          run_id: RUN,
          namespace: 'default',
          started_at: '2026-01-01T00:00:00.000Z',
          scheduled_for: null,
          attempt: attempt ?? 1,
        },
        ...scope,
      },
      secrets: secrets ?? [],
    },
    sources: {},
    grace: 2_000,
    offeredAt: Date.now(),
    ...rest,
  };
}
