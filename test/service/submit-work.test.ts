// What the submitter does with a message, with machines and functions that only remember.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NotFound, Rejected, Transient } from '#errors/families.ts';
import type { JobOrder } from '#ports/machines.ts';
import type { FunctionCall } from '#schemas/function-call.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { type FunctionRecord, outcomeEvent } from '#schemas/outcome-event.ts';
import { type Submission, submission } from '#schemas/submission.ts';
import type { Json } from '#schemas/values.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { answerAttempt } from '#service/attempt-calls.ts';
import type { Attempt } from '#service/attempt-token.ts';
import { endCall } from '#service/call-function.ts';
import { cancelRun } from '#service/command-run.ts';
import { claimAttempt } from '#service/keep-report.ts';
import { attemptKey, type RunRef } from '#service/keys.ts';
import { type Submitter, submitWork } from '#service/submit-work.ts';
import { RunningService } from '#support/running-service.ts';

let here: RunningService;
let run: RunRef;
let submitted: JobOrder[];
let known: boolean;
let calls: { name: string; call: FunctionCall }[];
let refusal: Error | undefined;
let submitter: Submitter;
beforeEach(() => {
  here = new RunningService();
  submitted = [];
  calls = [];
  known = false;
  refusal = undefined;
  const refuse = (): void => {
    if (refusal !== undefined) throw refusal;
  };
  submitter = {
    service: here.service,
    machines: {
      submit: async (order) => {
        refuse();
        submitted.push(order);
        return `job-${submitted.length}`;
      },
      knows: async () => known,
    },
    functions: {
      call: async (name, call) => {
        refuse();
        calls.push({ name, call });
      },
    },
    tokens: { issue: async (of, until) => JSON.stringify({ of, until }) },
    attemptsUrl: 'https://there/attempts',
  };
});
afterEach(() => here.close());

const STEP = 'steps: [{ command: "true" }]';
const ONE = `id: p
nodes:
  - { id: first, ${STEP} }`;
const EACH = `id: p
nodes:
  - { id: each, forEach: [0, 1, 2], ${STEP} }`;

/** The message that a tick puts into the queue for these orders. */
function messageOf(orders: readonly WorkOrder[]): Submission {
  const [order] = orders;
  if (order === undefined) expect.fail('nothing was started');
  const isArray = orders.length > 1;
  return submission.parse({
    ...{
      v: FORMAT,
      ...run,
      pipeline: order.pipeline,
      node: order.node,
      attempt: order.name.attempt,
    },
    address: isArray ? order.node : order.name.address,
    ...(isArray ? { instances: [0, orders.length - 1] } : {}),
    kind: order.work.kind,
    ...(order.work.kind === 'function' ? { function: order.work.name } : {}),
    orders: { order },
  });
}
const submit = (delivery: { id?: string; again?: boolean } = {}) =>
  submitWork(submitter, messageOf(here.ports.jobs.orders), {
    ...{ id: 'message-1', again: false, ...delivery },
  });
const itemOf = (address = 'first') => here.ports.table.get(attemptKey(run, address, 1));
const nodeOf = async (id = 'first') => {
  await here.settle();
  return (await here.report(run)).nodes[id];
};

describe('a job', () => {
  test('is submitted with a token for its attempt, good for as long as it may wait and work', async () => {
    run = await here.start(ONE);
    expect(await submit()).toBe('submitted');
    const until = here.ports.clock.now() + limits.jobQueued + limits.jobTimeout + limits.jobMargin;
    expect(submitted.map(({ token }) => JSON.parse(token))).toEqual([
      { of: { ...run, address: 'first', attempt: 1 }, until },
    ]);
    expect(await itemOf()).toMatchObject({ status: 'offered' });
  });

  test('of an array has a token that is good for all of its instances', async () => {
    run = await here.start(EACH);
    expect(await submit()).toBe('submitted');
    expect(JSON.parse(submitted[0]?.token ?? '').of).toEqual({
      ...{ ...run, address: 'each', attempt: 1, instances: [0, 2] },
    });
  });

  test('whose attempt was stopped while the message waited is not submitted', async () => {
    run = await here.start(EACH);
    await cancelRun(here.service, run);
    await here.settle();
    expect(await submit()).toBe('over');
    expect(submitted).toEqual([]);
  });

  test('of an array some of which were stopped is submitted: each that begins is told', async () => {
    run = await here.start(EACH);
    await here.ports.table.update(attemptKey(run, 'each[0]', 1), { set: { status: 'fenced' } });
    expect(await submit()).toBe('submitted');
    expect(
      await claimAttempt(here.service, 'job:0', { ...run, address: 'each[0]', attempt: 1 }),
    ).toBe(false);
  });

  test('whose message comes again is looked for first', async () => {
    run = await here.start(ONE);
    known = true;
    expect(await submit({ again: true })).toBe('known');
    known = false;
    expect(await submit({ again: true })).toBe('submitted');
    // What was claimed meanwhile needs no second one.
    await claimAttempt(here.service, 'job-1', { ...run, address: 'first', attempt: 1 });
    expect(await submit({ again: true })).toBe('over');
    expect(submitted).toHaveLength(1);
  });

  test('that is sent again by who does not know whether it was sent is looked for first', async () => {
    run = await here.start(ONE);
    const message = { ...messageOf(here.ports.jobs.orders), again: true } as const;
    known = true;
    const fresh = { id: 'message-2', again: false };
    expect(await submitWork(submitter, message, fresh)).toBe('known');
    expect(submitted).toEqual([]);
    known = false;
    expect(await submitWork(submitter, message, fresh)).toBe('submitted');
  });

  test('that no machine will take fails its node, and says why', async () => {
    run = await here.start(EACH);
    refusal = new Rejected('invalid', 'the node asks for 8 graphics processors');
    expect(await submit()).toBe('refused');
    expect(await nodeOf('each')).toMatchObject({
      ...{
        status: 'failed',
        instances: Array.from({ length: 3 }, () => ({ reason: 'start_failed' })),
      },
      message: expect.stringContaining('8 graphics processors'),
    });
    expect((await here.report(run)).status).toBe('failed');
  });

  test('that cannot be submitted now stays in the queue', async () => {
    run = await here.start(ONE);
    refusal = new Transient('busy', 'too fast');
    await expect(submit()).rejects.toBe(refusal);
    expect(await itemOf()).toMatchObject({ status: 'offered' });
  });
});

const CALL = `id: p
inputs: { n: { type: number, default: 3 } }
nodes:
  - id: first
    inputs: { twice: "{{ pipeline.input.n * 2 }}", list: [1, "{{ system.attempt }}"] }
    function: { name: score, config: { model: "m-{{ twice }}" } }
  - { id: second, needs: [first], inputs: { got: "{{ first.score }}" }, ${STEP} }`;

const GIVEN = { inputs: { n: 3 } };

/** What Lambda tells the destination of the call. */
function record(outcome: {
  payload?: Json;
  error?: boolean;
  condition?: string;
  call?: FunctionCall;
}): FunctionRecord {
  const call = outcome.call ?? calls.at(-1)?.call;
  const { error = false } = outcome;
  const parsed = outcomeEvent.parse({
    ...{ version: '1.0', timestamp: '2026-11-21T16:00:00.000Z' },
    requestContext: {
      requestId: 'e4b46cbf-b738-4880-8a18-f61cca4ee7ed',
      functionArn: 'arn:aws:lambda:us-east-1:123456789012:function:millrace-dev-node-score:$LATEST',
      condition: outcome.condition ?? (error ? 'RetriesExhausted' : 'Success'),
      approximateInvokeCount: 1,
    },
    requestPayload: call,
    ...(outcome.condition === 'EventAgeExceeded'
      ? {}
      : {
          responseContext: {
            ...{ statusCode: 200, executedVersion: '$LATEST' },
            ...(error ? { functionError: 'Unhandled' } : {}),
          },
          responsePayload: outcome.payload ?? null,
        }),
  });
  if (!('call' in parsed)) expect.fail('it is about no call');
  return parsed.call;
}
const tokens = {
  verify: async (token: string): Promise<Attempt> => JSON.parse(token).of,
};
const end = (outcome: Parameters<typeof record>[0]) =>
  endCall(here.service, tokens, record(outcome));

describe('a function', () => {
  test('is called with what its node binds, and claims its attempt for as long as it may take', async () => {
    run = await here.start(CALL, GIVEN);
    expect(await submit()).toBe('called');
    expect(calls).toEqual([
      {
        name: 'score',
        call: {
          ...{ v: 1, ...run, node: 'first', address: 'first', attempt: 1 },
          ...{ input: { twice: 6, list: [1, 1] }, config: { model: 'm-6' } },
          idempotencyKey: `${run.run}/first/1`,
          runner: {
            ...{ url: 'https://there/attempts', job: 'lambda:message-1' },
            token: expect.stringContaining('"address":"first"'),
          },
        },
      },
    ]);
    expect(submitted).toEqual([]);
    const beatAt = here.ports.clock.now() + limits.functionTime + limits.functionMargin;
    expect(await itemOf()).toMatchObject({ status: 'claimed', job: 'lambda:message-1', beatAt });
  });

  test('returns the outputs of its node', async () => {
    run = await here.start(CALL, GIVEN);
    await submit();
    expect(await end({ payload: { score: 0.5, words: ['a'] } })).toBe('told');
    expect(await nodeOf()).toMatchObject({
      ...{ status: 'completed', outputs: { score: 0.5, words: ['a'] } },
    });
    expect(here.ports.jobs.orders.at(-1)).toMatchObject({ node: 'second' });
  });

  test('that returns a large value has it kept as an object', async () => {
    run = await here.start(CALL, GIVEN);
    await submit();
    const list = Array.from({ length: 5_000 }, (_, n) => `value ${n}`);
    await end({ payload: { score: 1, list } });
    const { outputs } = (await nodeOf()) ?? {};
    const ref = (outputs?.['list'] as { $ref?: { key: string; count: number } } | undefined)?.$ref;
    expect(ref).toMatchObject({ count: 5_000 });
    const kept = await here.ports.objects.get(ref?.key ?? '');
    expect(JSON.parse(Buffer.from(kept ?? []).toString())).toEqual(list);
  });

  test.each([
    ['a text', 'malformed_outputs', 'wanted an object of named outputs'],
    [
      { x: { $ref: { key: 'NS/other/values/x' } } },
      'malformed_outputs',
      'only the engine may write',
    ],
    [{ ['y'.repeat(200)]: 1 }, 'malformed_outputs', '1 to 128 characters'],
  ])('that returns what are no outputs fails its node (%#)', async (payload, reason, message) => {
    run = await here.start(CALL, GIVEN);
    await submit();
    await end({ payload });
    expect(await nodeOf()).toMatchObject({
      ...{ status: 'failed', reason, message: expect.stringContaining(message) },
    });
  });

  test('that throws fails its node with what it threw', async () => {
    run = await here.start(CALL, GIVEN);
    await submit();
    const payload = { errorType: 'Error', errorMessage: 'no such model', trace: ['at x'] };
    await end({ error: true, payload });
    expect(await nodeOf()).toMatchObject({
      ...{ status: 'failed', reason: 'function_failed', message: 'no such model' },
    });
  });

  test('that used up its time has timed out; one that was never begun was interrupted', async () => {
    run = await here.start(CALL, GIVEN);
    await submit();
    const errorMessage = '2026-11-21T16:00:00.000Z e4b46cbf Task timed out after 3.00 seconds';
    await end({ error: true, payload: { errorType: 'Sandbox.Timedout', errorMessage } });
    expect((await nodeOf())?.status).toBe('timed_out');
    run = await here.start(CALL, GIVEN);
    await submitWork(submitter, messageOf(here.ports.jobs.orders.slice(-1)), {
      ...{ id: 'message-2', again: false },
    });
    await end({ condition: 'EventAgeExceeded' });
    await here.settle();
    expect(await here.eventNames(run)).toContain('first.retrying');
  });

  test('is heard of once, and only by the call that holds the claim', async () => {
    run = await here.start(CALL, GIVEN);
    await submit();
    const call = calls[0]?.call;
    if (call === undefined) expect.fail('it was not called');
    const other = { ...call, runner: { ...call.runner, job: 'lambda:message-2' } };
    expect(await end({ call: other, payload: { score: 9 } })).toBe('ignored');
    const runner = { ...call.runner, job: 'job-of-batch' };
    expect(await end({ call: { ...call, runner }, payload: { score: 9 } })).toBe('ignored');
    await end({ payload: { score: 1 } });
    await end({ payload: { score: 2 } });
    expect(await nodeOf()).toMatchObject({ outputs: { score: 1 } });
  });

  test('whose message is doubled is called by one of the two; one that comes again calls again', async () => {
    run = await here.start(CALL, GIVEN);
    expect(await submit()).toBe('called');
    expect(await submit({ id: 'message-2' })).toBe('over');
    expect(await submit({ again: true })).toBe('called');
    expect(calls.map(({ call }) => call.idempotencyKey)).toEqual([
      ...[`${run.run}/first/1`, `${run.run}/first/1`],
    ]);
  });

  test('that is called again has its whole time again, and what it says meanwhile does not shorten it', async () => {
    run = await here.start(CALL, GIVEN);
    await submit();
    here.ports.clock.advance(limits.functionTime);
    await submit({ again: true });
    const beatAt = here.ports.clock.now() + limits.functionTime + limits.functionMargin;
    expect(await itemOf()).toMatchObject({ beatAt });
    const token = { ...run, address: 'first', attempt: 1 };
    const body = { v: FORMAT, job: 'lambda:message-1', counter: 1 } as const;
    expect(await answerAttempt(here.service, 'beat', { token, body })).toEqual({ gone: false });
    expect(await itemOf()).toMatchObject({ beatAt, beat: 1 });
  });

  test('whose attempt was stopped is not called', async () => {
    run = await here.start(CALL, GIVEN);
    await cancelRun(here.service, run);
    await here.settle();
    expect(await submit()).toBe('over');
    expect(calls).toEqual([]);
  });

  test('that is not there fails its node', async () => {
    run = await here.start(CALL, GIVEN);
    refusal = new NotFound('function "score": there is no Lambda function');
    expect(await submit()).toBe('refused');
    expect(await nodeOf()).toMatchObject({
      ...{
        status: 'failed',
        reason: 'start_failed',
        message: expect.stringContaining('no Lambda'),
      },
    });
  });

  test('that is asked too fast is called when its message comes again', async () => {
    run = await here.start(CALL, GIVEN);
    refusal = new Transient('busy', 'too fast');
    await expect(submit()).rejects.toBe(refusal);
    refusal = undefined;
    expect(await submit({ again: true })).toBe('called');
  });

  test('gets no secrets in what it is called with', async () => {
    run = await here.start(CALL.replace('m-{{ twice }}', '{{ secret.TOKEN }}'), GIVEN);
    expect(await submit()).toBe('refused');
    expect(await nodeOf()).toMatchObject({
      ...{ status: 'failed', message: expect.stringContaining('gets its secrets by itself') },
    });
    expect(calls).toEqual([]);
  });

  test('is not called with more than the service takes', async () => {
    run = await here.start(
      CALL.replace('m-{{ twice }}', 'x'.repeat(limits.functionCallBytes)),
      GIVEN,
    );
    expect(await submit()).toBe('refused');
    expect((await nodeOf())?.message).toContain('Hand large data over as a file');
  });
});

test('files that a function is given are addresses, and values by reference what they stand for', async () => {
  run = await here.start(`id: p
nodes:
  - { id: made, ${STEP} }
  - id: first
    needs: [made]
    inputs: { file: "{{ made.file }}", name: "{{ made.file.name }}", list: "{{ made.list }}", n: "{{ len(made.list) }}" }
    function: { name: score }`);
  const { ports } = here;
  const file = await ports.objects.put('NS/default/artifacts/x/table.csv', Buffer.from('a,b'));
  const list = await ports.objects.put('NS/default/values/x/list.json', Buffer.from('[1,2,3]'));
  const { size, sha256 } = file;
  await here.complete('made', {
    file: { $file: { key: file.key, name: 'table.csv', size, sha256 } },
    list: {
      $ref: {
        ...{ key: list.key, size: list.size, sha256: list.sha256, count: 3 },
        mediaType: 'application/json',
      },
    },
  });
  const order = ports.jobs.orders.at(-1);
  await submitWork(submitter, messageOf(order === undefined ? [] : [order]), {
    ...{ id: 'message-1', again: false },
  });
  expect(calls[0]?.call.input).toEqual({
    ...{ file: expect.stringMatching(/^file:.*table\.csv$/), name: 'table.csv' },
    ...{ list: [1, 2, 3], n: 3 },
  });
});

test.each([
  ['a file', { $file: { key: 'NS/other/files/x/x.csv', name: 'x.csv', size: 3, sha256: 'SHA' } }],
  [
    'a value',
    { $ref: { key: 'NS/other/values/x.json', size: 3, sha256: 'SHA', mediaType: 'text/plain' } },
  ],
] as const)(
  '%s of another namespace is not handed to a function, whoever named it',
  async (_, value) => {
    run = await here.start(`id: p
nodes:
  - { id: made, ${STEP} }
  - { id: first, needs: [made], inputs: { x: "{{ made.x }}" }, function: { name: score } }`);
    const foreign = Object.values(value)[0]?.key ?? '';
    await here.ports.objects.put(foreign, Buffer.from('"a"'));
    await here.complete('made', {
      x: JSON.parse(JSON.stringify(value).replace('SHA', 'a'.repeat(64))),
    });
    const order = here.ports.jobs.orders.at(-1);
    await submitWork(submitter, messageOf(order === undefined ? [] : [order]), {
      ...{ id: 'message-1', again: false },
    });
    expect(calls).toEqual([]);
    expect(await nodeOf()).toMatchObject({
      ...{ status: 'failed', reason: 'start_failed', message: expect.stringContaining(foreign) },
    });
  },
);
