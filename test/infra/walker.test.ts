import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { walkerDefinition } from '#infra/constructs/walker.ts';
import { limits } from '#schemas/limits.ts';
import { type TickDecision, type TickOrder, tickOrder, walkerInput } from '#schemas/walker.ts';
import { execute, type Perform, TaskError } from './machine.ts';

const TICK = 'arn:aws:lambda:us-east-1:000000000000:function:millrace-dev-tick';
const START = 'arn:aws:states:::states:startExecution';

const started = {
  namespace: 'default',
  run: '01JD0000000000000000000000',
  name: 'r01JD0000000000000000000000',
  walk: 3,
  tick: 0,
  retry: 0,
};
const wrapped = z.object({ FunctionName: z.literal(TICK), Payload: tickOrder });
const handedOver = z.object({
  StateMachineArn: z.string(),
  Name: z.string().max(80),
  Input: walkerInput,
});

/** Runs the machine; `decide` plays the tick, `begin` the start of another execution. */
async function walk(
  decide: (order: TickOrder, count: number) => TickDecision | { next: string },
  options: { input?: object; limit?: number; begin?: () => object } = {},
) {
  const orders: TickOrder[] = [];
  const starts: z.infer<typeof handedOver>[] = [];
  const perform: Perform = (resource, given) => {
    if (resource === START) {
      starts.push(handedOver.parse(given));
      return options.begin?.() ?? {};
    }
    const order = wrapped.parse(given).Payload;
    orders.push(order);
    return decide(order, orders.length);
  };
  const definition = walkerDefinition(TICK, options.limit ?? limits.ticksPerExecution);
  const ending = await execute(definition, { ...started, ...options.input }, perform);
  return { ...ending, orders, starts };
}

const generation = ({ walk, tick, retry }: TickOrder): number =>
  (walk * (limits.ticks + 1) + tick) * (limits.tickRetries + 1) + retry;

function expectRising(orders: readonly TickOrder[]): void {
  const numbers = orders.map(generation);
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
}

const timeout = (): never => {
  throw new TaskError('States.Timeout');
};

test('the definition is valid, and every name in it leads somewhere', () => {
  const validate: unknown = createRequire(import.meta.url)('asl-validator');
  const check = z.function({ input: [z.unknown()], output: z.unknown() }).parse(validate);
  const said = check(JSON.parse(walkerDefinition(TICK, 2_000)));
  expect(said).toMatchObject({ isValid: true, errors: [] });
});

test('a walk ticks until its run is done', async () => {
  const walked = await walk((_, count) => ({ next: count < 3 ? 'tick' : 'done' }));
  expect(walked.status).toBe('SUCCEEDED');
  expect(walked.orders.map(({ walk, tick, retry }) => [walk, tick, retry])).toEqual([
    [3, 0, 0],
    [3, 1, 0],
    [3, 2, 0],
  ]);
  expect(walked.entered).toEqual([
    'Begin',
    ...['Tick', 'Decide', 'Tick', 'Decide', 'Tick', 'Decide'],
    'Succeeded',
  ]);
});

test('a tick costs two transitions, and an hour of waiting one', async () => {
  const busy = await walk((_, count) => ({ next: count < 1_000 ? 'tick' : 'done' }));
  expect(busy.transitions).toBe(2_000 + 3);
  // A month of waiting, at $0.025 for a thousand of them.
  const idle = await walk((_, count) => (count <= 720 ? timeout() : { next: 'done' }));
  expect(idle.transitions * 0.025e-3).toBeLessThan(0.025);
});

test('a halted run fails its walk, with the reason', async () => {
  const walked = await walk(() => ({ next: 'fail', because: 'poison in the inbox' }));
  expect(walked).toMatchObject({ status: 'FAILED', error: 'Millrace.WalkFailed' });
  expect(walked.cause).toBe(`${started.run}: poison in the inbox`);
});

test.each([{ next: 'later' }, {}, { next: 7 }])(
  'an unknown decision %j fails the walk',
  async (decision) => {
    const walked = await walk(() => z.any().parse(decision));
    expect(walked).toMatchObject({ status: 'FAILED', cause: expect.stringContaining('unknown') });
  },
);

test('after its ticks an execution hands over to the next one, which goes on counting', async () => {
  const walked = await walk(() => ({ next: 'tick' }), { limit: 5, input: { tick: 40 } });
  expect(walked.status).toBe('SUCCEEDED');
  expect(walked.orders).toHaveLength(5);
  expect(walked.starts).toHaveLength(1);
  expect(walked.starts[0]).toMatchObject({
    Name: `${started.name}-3-45-0`,
    Input: { ...started, tick: 45 },
  });
});

test('a run that ends at the limit hands over nothing', async () => {
  const walked = await walk((_, count) => ({ next: count < 5 ? 'tick' : 'done' }), { limit: 5 });
  expect(walked).toMatchObject({ status: 'SUCCEEDED', starts: [] });
});

test('a tick may ask for a new execution by itself', async () => {
  const walked = await walk(() => ({ next: 'continue' }));
  expect(walked.starts.map(({ Input }) => Input.tick)).toEqual([1]);
});

test('a time-out is another try of the same tick', async () => {
  const walked = await walk((_, count) => (count < 3 ? timeout() : { next: 'done' }));
  expect(walked.status).toBe('SUCCEEDED');
  expect(walked.orders.map(({ tick, retry }) => [tick, retry])).toEqual([
    [0, 0],
    [0, 1],
    [0, 2],
  ]);
});

test('numbers rise through time-outs, looks at the limit, and hand-overs', async () => {
  const all: TickOrder[] = [];
  let input: object = started;
  for (let execution = 0; execution < 4; execution++) {
    const walked = await walk((_, count) => (count % 50 === 0 ? { next: 'tick' } : timeout()), {
      input,
      limit: 120,
    });
    expect(walked.status).toBe('SUCCEEDED');
    all.push(...walked.orders);
    input = walked.starts[0]?.Input ?? {};
  }
  expect(all.length).toBeGreaterThan(4 * 120);
  expectRising(all);
});

test('time-outs count towards the hand-over: a run that only waits has no endless history', async () => {
  const walked = await walk(() => timeout(), { limit: 100 });
  expect(walked.starts).toHaveLength(1);
  expect(walked.orders.length).toBeLessThan(100 + limits.tickTimeouts + 1);
  // The names of two hand-overs without a tick between them differ, too.
  expect(walked.starts[0]?.Name).toBe(`${started.name}-3-0-${walked.orders.length}`);
});

test('a tick whose function fails is tried again; then the walk is over, for the sweep to begin anew', async () => {
  const fail = () => {
    throw new TaskError('Lambda.Unknown', 'out of memory');
  };
  const walked = await walk(fail);
  expect(walked.orders).toHaveLength(1 + limits.tickFailures);
  expectRising(walked.orders);
  expect(walked).toMatchObject({
    status: 'FAILED',
    cause: expect.stringContaining('out of memory'),
  });

  const recovered = await walk((_, count) => (count < 4 ? fail() : { next: 'done' }));
  expect(recovered.status).toBe('SUCCEEDED');
});

test('a tick that Lambda has no room for waits for it, and does not use up what failures it may have', async () => {
  const refuse = (): never => {
    throw new TaskError('Lambda.TooManyRequestsException', 'too many at once');
  };
  const waited = await walk((_, count) => (count < 20 ? refuse() : { next: 'done' }));
  expect(waited.status).toBe('SUCCEEDED');
  expectRising(waited.orders);
  expect((await walk(refuse)).status).toBe('FAILED');
});

test.each(['StepFunctions.ExecutionAlreadyExistsException', 'ExecutionAlreadyExists'])(
  'a hand-over that was made already (%s) is made',
  async (error) => {
    const begin = () => {
      throw new TaskError(error);
    };
    const walked = await walk(() => ({ next: 'continue' }), { begin });
    expect(walked).toMatchObject({ status: 'SUCCEEDED' });
    expect(walked.starts).toHaveLength(1);
  },
);

test('a hand-over that cannot be made fails the walk after some tries', async () => {
  const begin = () => {
    throw new TaskError('StepFunctions.ThrottlingException', 'slow down');
  };
  const walked = await walk(() => ({ next: 'continue' }), { begin });
  expect(walked).toMatchObject({ status: 'FAILED', cause: expect.stringContaining('slow down') });
  expect(walked.starts).toHaveLength(9);
});

test('what the machine tells a tick stays under the limit, with the longest names', async () => {
  const longest = {
    namespace: 'n'.repeat(63),
    walk: limits.walks,
    tick: limits.ticks,
    retry: limits.tickRetries,
  };
  const { orders } = await walk(() => ({ next: 'done' }), { input: longest });
  // A token of AWS has up to a thousand characters and more.
  const bytes = JSON.stringify({ ...orders[0], token: 't'.repeat(1_500) }).length;
  expect(bytes).toBeLessThanOrEqual(limits.tickBytes);
});

test('the numbers in the definition are those of the limits', () => {
  const definition = z
    .object({
      States: z.object({
        Tick: z.object({
          TimeoutSeconds: z.number(),
          Retry: z.array(z.object({ MaxAttempts: z.number() })),
        }),
      }),
    })
    .parse(JSON.parse(walkerDefinition(TICK, 2_000)));
  const { TimeoutSeconds, Retry } = definition.States.Tick;
  expect(TimeoutSeconds * 1_000).toBe(limits.tickTimeout);
  expect(Retry.map(({ MaxAttempts }) => MaxAttempts)).toEqual([
    limits.tickTimeouts,
    limits.tickRefusals,
    limits.tickFailures,
  ]);
});

test('all numbers of a run together are one that a table can compare', () => {
  const highest = { walk: limits.walks, tick: limits.ticks, retry: limits.tickRetries };
  const last = generation({ ...started, ...highest, token: 't' });
  expect(Number.isSafeInteger(last)).toBe(true);
});
