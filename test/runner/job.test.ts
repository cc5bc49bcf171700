// A job as a whole process, with those it works for played: what it claims, does, says and leaves behind.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { jobVariables } from '#schemas/attempts.ts';
import { AttemptsServer, TOKEN } from '#support/attempts-server.ts';
import { bundleJob, type JobOptions, JobProcess, removeBundle } from './job-process.ts';
import { anOrder } from './orders.ts';

let server: AttemptsServer;
const jobs: JobProcess[] = [];

beforeAll(bundleJob);
afterAll(removeBundle);

beforeEach(async () => {
  server = await new AttemptsServer().listen();
});

afterEach(async () => {
  await Promise.all(jobs.splice(0).map((job) => job.remove()));
  await server.close();
});

function begin(options: JobOptions): JobProcess {
  const job = new JobProcess(server, options);
  jobs.push(job);
  return job;
}

async function done(options: JobOptions): Promise<JobProcess> {
  const job = begin(options);
  expect(await job.ended(), job.stderr).toBe(0);
  return job;
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await sleep(20);
}

const texts = () => server.log().map(({ text }) => text);
const outputs = () => {
  const result = server.report()?.result;
  return result?.result === 'completed' ? result.outputs : result;
};

/** A program that says where it lives, so that a test can see whether it still does. */
const LINGERS = 'echo $$ > "$TMPDIR/pid"; echo begun; sleep 600 & wait';
const pidFile = (job: JobProcess) => path.join(job.folder, 'pid');

const lives = (job: JobProcess) =>
  existsSync(`/proc/${readFileSync(pidFile(job), 'utf8').trim()}/stat`);

function lingering(order = anOrder([LINGERS]), env: Record<string, string> = {}): JobProcess {
  const folder = JobProcess.folder();
  return begin({ order, folder, env: { TMPDIR: folder, ...env } });
}

test('an order is claimed, done and reported, with its log; nothing of the work is left', async () => {
  const job = await done({ order: anOrder(['echo hello; echo n=42 >> "$MILLRACE_OUTPUTS"']) });
  expect(outputs()).toEqual({ n: 42 });
  expect(texts()).toEqual(['hello']);
  expect(server.heard.map(({ verb }) => verb)).toEqual(['claim', 'report']);
  expect(readdirSync(path.join(job.folder, 'data'))).toEqual([]);
});

test('a failure is reported with its code and last line, and the job itself has done its part', async () => {
  await done({ order: anOrder(['echo oh no >&2; exit 3']) });
  expect(server.report()?.result).toMatchObject({ result: 'failed', reason: 'exit', exitCode: 3 });
  expect(JSON.stringify(server.report())).toContain('oh no');
});

test('what is no text comes as what can be read of it', async () => {
  await done({ order: anOrder([String.raw`printf 'a\377b\n'`]) });
  expect(texts()).toEqual(['a\uFFFDb']);
});

test('bound files and values are fetched first; files and large values that come of it are put, in place or inside a list', async () => {
  const inner = server.keep('NS/default/artifacts/r/n/inner.txt', 'deep');
  const file = { $file: { ...inner, name: 'inner.txt' } };
  const list = server.keep('NS/default/values/r/n/list.json', JSON.stringify([1, file]));
  const given = server.keep('NS/default/files/given.txt', 'given');
  const input = {
    orders: { $file: { ...given, name: 'given.txt' } },
    list: { $ref: { ...list, mediaType: 'application/json', count: 2 } },
  };
  const command = [
    'cat "$GIVEN" > "$MILLRACE_ARTIFACTS/out.txt"',
    'python3 -c \'import json,os;print(open(json.load(open(os.environ["MILLRACE_INPUTS"]))["list"][1]).read())\'',
    'echo out=@out.txt >> "$MILLRACE_OUTPUTS"',
    `python3 -c 'import json; print("large=" + json.dumps(["x" * 40000]))' >> "$MILLRACE_OUTPUTS"`,
  ].join('\n');
  await done({
    order: anOrder([command], {
      scope: { input },
      inputs: { list: '{{ pipeline.input.list }}' },
      env: [{ GIVEN: '{{ pipeline.input.orders }}' }],
    }),
  });
  expect(texts()).toEqual(['deep']);
  const made = outputs() as { out: typeof file; large: { $ref: { key: string; count: number } } };
  expect(server.objects.get(made.out.$file.key)?.toString()).toBe('given');
  expect(made.large.$ref.count).toBe(1);
  expect(server.objects.get(made.large.$ref.key)?.length).toBeGreaterThan(40_000);
});

test('an object that is not there fails the node by its name', async () => {
  const sha256 = createHash('sha256').digest('hex');
  const gone = { $file: { key: 'NS/default/files/gone', name: 'gone', size: 0, sha256 } };
  await done({ order: anOrder(['true'], { scope: { input: { gone } } }) });
  expect(server.report()?.result).toMatchObject({
    result: 'failed',
    message: expect.stringContaining('NS/default/files/gone is not there'),
  });
});

test('an object that came broken or not at all is fetched again', async () => {
  const given = server.keep('NS/default/files/given.txt', 'given');
  const wrong = server.keep('NS/default/files/wrong.txt', 'other');
  let tries = 0;
  server.instead = (verb) => {
    if (verb !== 'object GET') return undefined;
    tries += 1;
    if (tries === 1) return 503;
    if (tries === 2)
      server.objects.set(given.key, server.objects.get(wrong.key) ?? Buffer.from(''));
    if (tries === 3) server.keep(given.key, 'given');
    return undefined;
  };
  const input = { given: { $file: { ...given, name: 'given.txt' } } };
  await done({ order: anOrder(['true'], { scope: { input } }) });
  expect([tries, server.report()?.result.result]).toEqual([3, 'completed']);
});

test('an order is the line of an object: line 0 of a single job, its own of an array', async () => {
  const orders = ['a', 'b', 'c'].map((name) => anOrder([`echo ${name}`], { address: name }));
  const key = 'NS/default/orders/run/wave.jsonl';
  server.keep(key, orders.map((order) => JSON.stringify(order)).join('\n'));
  const [first, , third] = orders;
  if (first === undefined || third === undefined) throw new Error('there are three');
  server.attempts.set('single', first.name);
  server.attempts.set('array:2/2', third.name);
  await done({ job: 'single', env: { [jobVariables.orders]: key } });
  await done({
    job: 'array:2',
    env: { [jobVariables.orders]: key, [jobVariables.index]: '2' },
  });
  expect(texts()).toEqual(['a', 'c']);
  expect(server.said('report').map(({ index }) => index)).toEqual([undefined, 2]);
});

test('an order that is another one than what was claimed is not done', async () => {
  const job = begin({ order: anOrder(['echo must not run']) });
  server.attempts.set(job.job, anOrder([]).name);
  expect(await job.ended()).toBe(0);
  expect(server.report()?.result).toMatchObject({ result: 'failed' });
  expect(texts()).toEqual([]);
});

test('secrets are asked for by name and masked in the log, and a missing one fails the node', async () => {
  server.secrets['API_KEY'] = 'hunter2-hunter2';
  const env = [{ KEY: '{{ secret.API_KEY }}' }];
  await done({ order: anOrder(['echo "it is $KEY"'], { secrets: ['API_KEY'], env }) });
  expect(texts().join()).not.toContain('hunter2');
  await done({ order: anOrder(['true'], { secrets: ['OTHER'] }) });
  expect(server.report()?.result).toMatchObject({ reason: 'secret_missing' });
});

test('no program finds the token, or where the role of the container is to be had: in no variable, not in the environment of the entry, in no file', async () => {
  const folder = JobProcess.folder();
  const command = [
    'cat /proc/$PPID/environ /proc/$$/environ | tr "\\0" "\\n" > all.txt; env >> all.txt; grep -c ^PATH= all.txt',
    `grep -c -e "$WANTED" -e MILLRACE_ATTEMPT_TOKEN -e AWS_CONTAINER all.txt; grep -r -l "$WANTED" ${folder}`,
  ].join('\n');
  // Spelled apart, or the program would find its own question.
  const half = Math.floor(TOKEN.length / 2);
  const wanted = `[${TOKEN[0]}]${TOKEN.slice(1, half)}${TOKEN.slice(half)}`;
  await done({
    order: anOrder([{ command, env: { WANTED: wanted } }], { allowEnv: ['*'] }),
    folder,
    env: { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: '/v2/credentials/x' },
  });
  // Its own environment and that of the entry were read, and hold nothing.
  expect(texts()).toEqual(['3', '0']);
});

test('what is not granted is not done, without noise', async () => {
  const job = begin({ job: 'unknown' });
  expect(await job.ended()).toBe(0);
  expect(job.stderr.trim().split('\n')).toEqual(['millrace: nothing to do: nobody offers it']);
  expect(server.heard.map(({ verb }) => verb)).toEqual(['claim']);
});

test('who is busy or breaks off is asked again, and not before the time that was named', async () => {
  const asked: number[] = [];
  server.instead = (verb) => {
    if (verb !== 'claim' && verb !== 'report') return undefined;
    asked.push(Date.now());
    return ([503, 'cut', 429, undefined, 'cut'] as const)[asked.length - 1];
  };
  await done({ order: anOrder(['true']) });
  expect(server.report()?.result.result).toBe('completed');
  expect((asked[3] ?? 0) - (asked[2] ?? 0)).toBeGreaterThanOrEqual(1000);
});

test('a log that nobody takes does not keep the report back', async () => {
  const long = 'python3 -c "print((chr(120) * 1000 + chr(10)) * 2500)"';
  server.instead = (verb) => (verb === 'log' ? 400 : undefined);
  const job = await done({ order: anOrder([long]) });
  expect(server.report()?.result.result).toBe('completed');
  expect(job.stderr).toContain('the end of the log was not sent');
});

test('a job that is refused says why, and fails', async () => {
  server.instead = () => 403;
  const job = begin({ order: anOrder(['true']) });
  expect(await job.ended()).toBe(75);
  expect(job.stderr).toContain('told to answer 403');
});

test('settings that cannot be read are named', async () => {
  const job = begin({ order: anOrder(['true']), env: { [jobVariables.url]: 'nowhere' } });
  expect(await job.ended()).toBe(70);
  expect(job.stderr).toContain('"url"');
});

test('it beats while it works, and says how far it is', async () => {
  const command =
    'echo "0.5 half way" >> "$MILLRACE_PROGRESS"; echo begun; while [ ! -e "$TMPDIR/go" ]; do sleep 0.05; done';
  const job = lingering(anOrder([command]));
  await until(() => server.said('beat').some(({ said }) => said !== undefined));
  writeFileSync(path.join(job.folder, 'go'), '');
  expect(await job.ended()).toBe(0);
  const beats = server.said('beat');
  expect(beats.map(({ counter }) => counter)).toEqual(beats.map((_, index) => index + 1));
  const said = beats.flatMap((beat) => beat.said ?? []);
  expect(said).toMatchObject([{ progress: 0.5, message: 'half way' }]);
});

test('told to stop by a beat it ends its programs and reports that it was cancelled, with what was said', async () => {
  const job = lingering();
  await until(() => existsSync(pidFile(job)));
  server.instead = (verb) =>
    verb === 'beat' ? { gone: false, stop: 'somebody cancelled' } : undefined;
  expect(await job.ended()).toBe(0);
  expect(server.report()?.result).toEqual({ result: 'cancelled', message: 'somebody cancelled' });
  expect(texts()).toContain('begun');
});

test('an attempt that is not its own any more is left at once, without a report', async () => {
  const job = lingering();
  await until(() => existsSync(pidFile(job)));
  server.instead = (verb) => (verb === 'beat' ? { gone: true } : undefined);
  expect(await job.ended()).toBe(0);
  expect(lives(job)).toBe(false);
  expect(server.said('report')).toEqual([]);
});

test('when nobody answers for as long as its lease, it ends its programs and itself, and reports nothing', async () => {
  server.lease = 2_000;
  const job = lingering();
  await until(() => existsSync(pidFile(job)) && server.said('beat').length > 0);
  server.instead = (verb) => (verb === 'beat' ? 'cut' : undefined);
  const last = server.said('beat').length;
  expect(await job.ended()).toBe(75);
  expect(lives(job)).toBe(false);
  expect(server.said('beat')).toHaveLength(last);
  expect(server.said('report')).toEqual([]);
  expect(job.stderr).toContain('nobody answered');
});

test('TERM of the machine gives programs their grace and reports an interruption; what completes is completed', async () => {
  const job = lingering();
  await until(() => existsSync(pidFile(job)));
  job.child.kill('SIGTERM');
  expect(await job.ended()).toBe(0);
  expect(server.report()?.result).toMatchObject({ result: 'interrupted' });
});

test('TERM after somebody stopped the attempt is that stop', async () => {
  server.heartbeat = 60_000;
  server.lease = 180_000;
  const job = lingering(
    anOrder(['trap "sleep 1; exit 1" TERM; touch "$TMPDIR/pid"; sleep 600 & wait']),
  );
  await until(() => existsSync(pidFile(job)));
  server.instead = (verb) => (verb === 'beat' ? { gone: false, stop: 'fenced' } : undefined);
  job.child.kill('SIGTERM');
  expect(await job.ended()).toBe(0);
  expect(server.report()?.result).toEqual({ result: 'cancelled', message: 'fenced' });
});

test('the timeout of a node is counted here', async () => {
  await done({ order: anOrder(['sleep 600'], { timeout: 300, grace: 100 }) });
  expect(server.report()?.result).toMatchObject({ result: 'timed_out' });
});
