// What a job may say over HTTPS, and what comes of it: by the service, on embedded ports.
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AttemptBody, AttemptVerb } from '#schemas/attempts.ts';
import type { Address } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { AttemptReport, Range } from '#schemas/run.ts';
import type { Json, Outputs } from '#schemas/values.ts';
import { answerAttempt } from '#service/attempt-calls.ts';
import { cancelRun } from '#service/command-run.ts';
import { attemptKey, INBOX, outcomeKey, type RunRef, runKey } from '#service/keys.ts';
import { RunningService } from '#support/running-service.ts';

const STEP = 'steps: [{ command: "true" }]';
const TWO = `id: p
nodes:
  - { id: first, ${STEP} }
  - { id: second, needs: [first], inputs: { n: "{{ first.n }}" }, ${STEP} }`;

let here: RunningService;
let run: RunRef;
beforeEach(() => {
  // As on AWS: what an attempt may do stands beside its offer.
  here = new RunningService({ bounds: { transactItems: limits.transactItems } });
});
afterEach(() => here.close());

type Said<V extends AttemptVerb> = Omit<AttemptBody<V>, 'v' | 'job'> & { job?: string };

/** Says it as the job of that attempt; `about` is what its token says. */
function say<V extends AttemptVerb>(
  verb: V,
  said: Said<V>,
  about: { address?: Address; attempt?: number; instances?: Range } = {},
) {
  const token = { ...run, address: 'first', attempt: 1, ...about };
  const body = { v: 1, job: 'job-1', ...said } as unknown as AttemptBody<V>;
  return answerAttempt(here.service, verb, { token, body });
}

const completed = (outputs: Outputs = {}): AttemptReport => ({
  result: { result: 'completed', outputs },
  endedAt: here.ports.clock.now(),
});
const refused = (code: string) => ({ family: 'rejected', code });
const itemOf = (address = 'first') => here.ports.table.get(attemptKey(run, address, 1));
const line = (n: number, text = `line ${n}`) =>
  `${JSON.stringify({ at: here.ports.clock.now(), n, step: 's', stream: 'stdout', text })}\n`;
const put = async (key: string, text: string) => {
  const { size, sha256 } = await here.ports.objects.put(key, Buffer.from(text));
  return { key, size, sha256 };
};
const reportOf = async () => (await here.report(run)).nodes;

describe('a job', () => {
  beforeEach(async () => {
    run = await here.start(TWO);
  });

  test('claims, beats, reports, and the run goes on', async () => {
    expect((await reportOf())['first']).toMatchObject({
      ...{ status: 'queued', waitsFor: 'waits for a machine' },
    });
    expect(await say('claim', {})).toMatchObject({
      granted: true,
      name: { run: run.run, address: 'first', attempt: 1 },
      heartbeat: limits.jobHeartbeat,
      lease: limits.jobLease,
    });
    const at = here.ports.clock.now();
    const said = { at, message: 'half of it', progress: 0.5 };
    expect(await say('beat', { counter: 1, said })).toEqual({ gone: false });
    expect((await reportOf())['first']).toMatchObject({
      ...{ status: 'running', progress: 0.5, progressText: 'half of it' },
    });
    expect(await say('report', { report: completed({ n: 3 }) })).toEqual({ taken: true });
    await here.settle();
    expect((await reportOf())['first']).toMatchObject({ status: 'completed', outputs: { n: 3 } });
    expect(here.ports.jobs.orders.at(-1)).toMatchObject({
      ...{ node: 'second', work: { scope: { nodes: { first: { n: 3 } } } } },
    });
  });

  test('claims once: the same job may ask again, another one is refused', async () => {
    await say('claim', {});
    expect(await say('claim', {})).toMatchObject({ granted: true });
    expect(await say('claim', { job: 'job-2' })).toEqual({
      ...{ granted: false, because: 'another job does it' },
    });
    await say('report', { report: completed() });
    expect(await say('claim', {})).toEqual({ granted: false, because: 'it has ended' });
    expect(await say('claim', {}, { attempt: 2 })).toEqual({
      ...{ granted: false, because: 'nothing is known of such an attempt' },
    });
  });

  test('that is heard again when the run is over leaves nothing in its inbox', async () => {
    for (const address of ['first', 'second']) {
      await say('claim', {}, { address });
      await say('report', { report: completed({ n: 3 }) }, { address });
      await here.settle();
    }
    expect((await here.report(run)).status).toBe('completed');

    expect(await say('report', { report: completed({ n: 3 }) }, { address: 'second' })).toEqual({
      taken: true,
    });

    const inbox = await here.ports.table.query({ pk: runKey(run), prefix: INBOX });
    expect(inbox.items).toEqual([]);
  });

  test('that comes after its run was cancelled gets nothing to do', async () => {
    await cancelRun(here.service, run);
    await here.settle();
    expect(await say('claim', {})).toEqual({
      ...{ granted: false, because: 'it was told to stop before it began' },
    });
  });

  test('hears with its next heartbeat that it shall stop', async () => {
    await say('claim', {});
    await cancelRun(here.service, run);
    await here.settle();
    expect(await say('beat', { counter: 1 })).toEqual({
      ...{ gone: false, stop: 'someone cancelled the run' },
    });
  });

  test('that lost its claim, or never had it, is told so calmly, and may do nothing else', async () => {
    const other = { job: 'job-2' };
    await say('claim', {});
    expect(await say('beat', { ...other, counter: 1 })).toEqual({ gone: true });
    const log = { first: 1, text: line(1) };
    expect(await say('beat', { ...other, counter: 1, log })).toEqual({ gone: true });
    expect(await say('report', { ...other, log, report: completed() })).toEqual({ taken: false });
    for (const call of [
      () => say('log', { ...other, log }),
      () => say('read', { ...other, keys: [] }),
      () => say('write', { ...other, objects: [] }),
      () => say('secrets', { ...other, names: [] }),
      () => say('lease', { ...other, name: 'x', hold: true }),
    ])
      await expect(call()).rejects.toMatchObject(refused('not_permitted'));
    expect((await here.ports.objects.list(`NS/default/logs/${run.run}/`)).objects).toEqual([]);
    expect(await itemOf()).toMatchObject({ status: 'claimed', job: 'job-1', beat: 0 });
  });

  test('may report twice: the same is taken both times, another one is not', async () => {
    await say('claim', {});
    const report = completed({ n: 1 });
    expect(await say('report', { report })).toEqual({ taken: true });
    expect(await say('report', { report })).toEqual({ taken: true });
    expect(await say('report', { report: completed({ n: 2 }) })).toEqual({ taken: false });
    await here.settle();
    expect((await reportOf())['first']?.outputs).toEqual({ n: 1 });
  });

  test('cannot decide an approval or take a result over', async () => {
    await say('claim', {});
    const decision = { decision: 'approved', by: 'me', at: 0 } as const;
    const reused = { run: run.run, address: 'first', attempt: 1 };
    for (const more of [{ decision }, { reused }])
      await expect(say('report', { report: { ...completed(), ...more } })).rejects.toMatchObject(
        refused('invalid'),
      );
  });

  test('has no say in what time it is', async () => {
    await say('claim', {});
    const later = 8_640_000_000_000_001;
    await say('report', { report: { ...completed(), startedAt: later, endedAt: later } });
    const { attempt } = { ...(await itemOf()) };
    const now = here.ports.clock.now();
    expect(attempt).toMatchObject({ report: { startedAt: now, endedAt: now } });
  });
});

describe('what a job hands over', () => {
  beforeEach(async () => {
    run = await here.start(TWO);
    await say('claim', {});
  });
  const own = () => `NS/default/artifacts/${run.run}/first`;
  const ended = async () => {
    await here.settle();
    const { status, reason, message } = (await reportOf())['first'] ?? {};
    return { status, reason, message };
  };
  const file = (kept: { key: string; size: number; sha256: string }): Json => ({
    $file: { ...kept, name: 'a.txt' },
  });

  test('may be files of its own that are there', async () => {
    const kept = await put(`${own()}/a.txt`, 'hello');
    await say('report', { report: completed({ n: [file(kept)] }) });
    expect(await ended()).toMatchObject({ status: 'completed' });
  });

  test.each([
    ['a file of another attempt', 'artifacts/RUN/second/a.txt', '$file'],
    ['a file of a later attempt', 'artifacts/RUN/first~2/a.txt', '$file'],
    ['a file whose folder begins alike', 'artifacts/RUN/firstborn/a.txt', '$file'],
    ['a plan', 'plans/x.json', '$file'],
    ['a value of another attempt', 'values/RUN/second/a.json', '$ref'],
    ['a file as a value', 'artifacts/RUN/first/a.json', '$ref'],
  ])('may not be %s', async (_, place, kind) => {
    const kept = await put(`NS/default/${place.replace('RUN', run.run)}`, 'hello');
    const forged =
      kind === '$file' ? file(kept) : { $ref: { ...kept, mediaType: 'application/json' } };
    expect(await say('report', { report: completed({ n: { deep: [forged] } }) })).toEqual({
      taken: true,
    });
    expect(await ended()).toMatchObject({
      ...{ status: 'failed', reason: 'malformed_outputs' },
      message: expect.stringContaining('which is not of this attempt'),
    });
  });

  test.each([
    [
      'another namespace',
      () => file({ key: 'NS/other/artifacts/x', size: 1, sha256: 'a'.repeat(64) }),
    ],
    ['the way out', () => file({ key: `${own()}/../../x`, size: 1, sha256: 'a'.repeat(64) })],
    [
      'a path of a machine',
      () => ({
        $file: { path: '/etc/passwd', name: 'x', size: 1, sha256: 'a'.repeat(64) },
      }),
    ],
    ['what only looks like one', () => ({ $file: 'a.txt' })],
  ])('is judged when it names %s', async (_, made) => {
    await say('report', { report: completed({ n: made() }) });
    expect(await ended()).toMatchObject({ status: 'failed', reason: 'malformed_outputs' });
  });

  test('must be there, and as it was said to be', async () => {
    const { key, size } = await put(`${own()}/a.txt`, 'hello');
    const sha256 = createHash('sha256').update('other').digest('hex');
    await say('report', { report: completed({ n: file({ key, size, sha256 }) }) });
    expect(await ended()).toMatchObject({
      ...{ status: 'failed', reason: 'malformed_outputs' },
      message: 'output "n" names a file or value that was not handed over',
    });
  });

  test.each([
    ['one value', () => ({ n: 'x'.repeat(limits.inlineValueBytes) })],
    [
      'all together',
      () => Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`n${n}`, 'x'.repeat(30_000)])),
    ],
    [
      'their number',
      () =>
        Object.fromEntries(Array.from({ length: limits.outputsCount + 1 }, (_, n) => [`n${n}`, n])),
    ],
  ])('is bounded: %s', async (_, outputs) => {
    await say('report', { report: completed(outputs()) });
    expect(await ended()).toMatchObject({ status: 'failed', reason: 'outputs_too_large' });
  });

  test('lies in an object where it is much, and nobody notices', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 7 }, (_, n) => [`n${n}`, `${n}`.repeat(30_000)]),
    );
    const outputs = { n: 'x'.repeat(30_000), ...many };
    const steps = [{ id: 's', status: 'completed' as const, message: 'm'.repeat(100_000) }];
    expect(await say('report', { report: { ...completed(outputs), steps } })).toEqual({
      taken: true,
    });
    const told = await here.ports.table.get(outcomeKey(run, 'first', 1));
    for (const item of [await itemOf(), told])
      expect(JSON.stringify(item).length).toBeLessThan(1_000);
    expect(await say('report', { report: { ...completed(outputs), steps } })).toEqual({
      taken: true,
    });
    await here.settle();
    expect((await reportOf())['first']).toMatchObject({ status: 'completed', outputs, steps });
    expect(here.ports.jobs.orders.at(-1)).toMatchObject({
      work: { scope: { nodes: { first: { n: outputs.n } } } },
    });
  });
});

describe('objects', () => {
  beforeEach(async () => {
    run = await here.start(TWO);
    await say('claim', {});
  });

  test('that the namespace shares can be read, those that are not there are left out', async () => {
    const key = 'NS/default/files/orders.csv';
    await put(key, 'a,b');
    const orders = `NS/default/orders/${run.run}/x.jsonl`;
    await put(orders, '{}');
    const { objects } = await say('read', { keys: [key, orders, 'NS/default/values/none'] });
    expect(objects.map((each) => [each.key, each.size, each.from.method])).toEqual([
      [key, 3, 'GET'],
      [orders, 2, 'GET'],
    ]);
  });

  test.each([
    'NS/default/plans/x.json',
    'NS/default/logs/RUN/first/1/0000000001.jsonl',
    'NS/default/reports/RUN/x.json',
    'NS/default/orders/01JAHBCDEFGHJKMNPQRSTVWXYZ/x.jsonl',
    'NS/default/orders/RUN',
    'NS/default/orders/RUN/../01JAHBCDEFGHJKMNPQRSTVWXYZ/x.jsonl',
    'NS/default/files/../plans/x.json',
    'NS/other/files/x',
    'drops/default/x',
    'files/x',
    '.about/NS/default/files/x.json',
  ])('%s cannot be read', async (key) => {
    await expect(say('read', { keys: [key.replace('RUN', run.run)] })).rejects.toMatchObject(
      refused('not_permitted'),
    );
  });

  const wanted = (key: string, size = 1) => ({
    objects: [{ key: key.replace('RUN', run.run), size, sha256: 'a'.repeat(64) }],
  });

  test.each([
    'NS/default/artifacts/RUN/second/x',
    'NS/default/artifacts/RUN/first~2/x',
    'NS/default/artifacts/RUN/first',
    'NS/default/artifacts/RUN/first/../second/x',
    'NS/default/artifacts/RUN/first/',
    'NS/default/values/RUN/@outputs/x.json',
    'NS/default/files/x',
    'NS/default/plans/x.json',
    'NS/default/environments/x.tar.zst',
    'NS/default/trees/x.tar.zst',
    'NS/other/artifacts/RUN/first/x',
  ])('%s cannot be written', async (key) => {
    await expect(say('write', wanted(key))).rejects.toMatchObject(refused('not_permitted'));
  });

  test('that are too large cannot be written', async () => {
    const [artifact, value] = ['artifacts', 'values'].map(
      (part) => `NS/default/${part}/RUN/first/x`,
    );
    for (const body of [
      wanted(artifact ?? '', limits.objectPutBytes + 1),
      wanted(value ?? '', limits.outputsFileBytes + 1),
    ])
      await expect(say('write', body)).rejects.toMatchObject(refused('too_large'));
  });

  test('that are there need not be written; another content is refused', async () => {
    const kept = await put(`NS/default/artifacts/${run.run}/first/x`, 'hello');
    expect(await say('write', { objects: [kept] })).toEqual({ objects: [{ key: kept.key }] });
    await expect(say('write', wanted(kept.key))).rejects.toMatchObject(refused('wrong_state'));
  });
});

test('secrets are told to those alone whose node names them', async () => {
  run = await here.start(`id: p
nodes:
  - { id: first, env: { A: "{{ secret.ONE }}", B: "{{ secret.TWO }}" }, ${STEP} }
  - { id: second, env: { A: "{{ secret.THREE }}" }, ${STEP} }`);
  await here.ports.secrets.put('default', 'ONE', 'first one');
  await here.ports.secrets.put('default', 'THREE', 'third one');
  await say('claim', {});
  expect(await say('secrets', { names: ['ONE', 'TWO'] })).toEqual({
    ...{ values: { ONE: 'first one' }, missing: ['TWO'] },
  });
  for (const name of ['THREE', 'toString', ''])
    await expect(say('secrets', { names: ['ONE', name] })).rejects.toMatchObject(
      refused('not_permitted'),
    );
});

describe('a lease', () => {
  const second = { address: 'b' };
  beforeEach(async () => {
    run = await here.start(`id: p\nnodes:\n  - { id: first, ${STEP} }\n  - { id: b, ${STEP} }`);
    await say('claim', {});
    await say('claim', { job: 'job-2' }, second);
  });
  const ask = (hold = true) => say('lease', { name: 'env-1', hold });
  const other = (hold = true) => say('lease', { name: 'env-1', hold, job: 'job-2' }, second);
  const held = { held: true, milliseconds: limits.jobLease };

  test('is held by one, who may renew it; others ask again', async () => {
    expect(await ask()).toEqual(held);
    expect(await other()).toEqual({ held: false, milliseconds: limits.leaseAgain });
    here.ports.clock.advance(limits.jobLease - 1);
    expect(await other()).toEqual({ held: false, milliseconds: 1 });
    expect(await ask()).toEqual(held);
    here.ports.clock.advance(limits.jobLease - 1);
    expect(await other()).toMatchObject({ held: false });
  });

  test('that was not renewed in time goes to who asks next', async () => {
    await ask();
    here.ports.clock.advance(limits.jobLease);
    expect(await other()).toEqual(held);
    expect(await ask()).toMatchObject({ held: false });
    // Giving back what one has lost takes it from nobody.
    await ask(false);
    expect(await ask()).toMatchObject({ held: false });
  });

  test('that was given back is free', async () => {
    await ask();
    await ask(false);
    expect(await other()).toEqual(held);
  });
});

test('what came of a cached node is kept for later runs when the walk takes it in', async () => {
  const cached = `id: p\nnodes:\n  - { id: first, cache: true, ${STEP} }`;
  run = await here.start(cached);
  await say('claim', {});
  const outputs = { n: 'x'.repeat(20_000) };
  await say('report', { report: completed(outputs) });
  await here.settle();
  const first = run.run;
  run = await here.start(cached);
  expect(await reportOf()).toMatchObject({
    first: { status: 'completed', outputs, reusedFrom: { run: first } },
  });
  // A third one does not take over from the second, which did nothing itself.
  run = await here.start(cached);
  expect(await reportOf()).toMatchObject({ first: { reusedFrom: { run: first } } });
});

describe('a job of an array', () => {
  const array = { address: 'each', instances: [2, 4] as Range };
  const job = (index: number) => ({ job: `id:${index}`, index });
  beforeEach(async () => {
    run = await here.start(`id: p\nnodes:\n  - { id: each, forEach: [a, b, c, d, e, f], ${STEP} }`);
  });

  test('works on the instance that its index says', async () => {
    expect(await say('claim', job(1), array)).toMatchObject({ name: { address: 'each[3]' } });
    expect(await say('claim', job(2), array)).toMatchObject({ name: { address: 'each[4]' } });
    // The token of all does not make one job hold what another one has claimed.
    expect(await say('beat', { ...job(1), counter: 1 }, array)).toEqual({ gone: false });
    expect(await say('beat', { job: 'id:1', index: 2, counter: 1 }, array)).toEqual({ gone: true });
  });

  test.each([[3], [1_000_000], [undefined]])('and none beyond it: %s', async (index) => {
    const said = { job: 'id:x', ...(index === undefined ? {} : { index }) };
    await expect(say('claim', said, array)).rejects.toMatchObject(refused('not_permitted'));
  });

  test('has an index; one that is alone has none', async () => {
    const alone = { address: 'each[0]' };
    await expect(say('claim', job(0), alone)).rejects.toMatchObject(refused('not_permitted'));
    expect(await say('claim', {}, alone)).toMatchObject({ granted: true });
  });
});
