// What jobs find in their container: environments and trees that others made, the database, a log without end, and no way to the token.
import { chmodSync, copyFileSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { imageVariables } from '#schemas/job.ts';
import { limits } from '#schemas/limits.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { AttemptsServer } from '#support/attempts-server.ts';
import { bundleJob, type JobOptions, JobProcess, removeBundle } from './job-process.ts';
import { anOrder } from './orders.ts';
import { aProject, aRepository } from './sources.ts';

let server: AttemptsServer;
const jobs: JobProcess[] = [];

beforeAll(bundleJob);
afterAll(removeBundle);

beforeEach(async () => {
  server = await new AttemptsServer().listen();
  server.heartbeat = 60_000;
  server.lease = 180_000;
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

const uv = { kind: 'uv', project: 'pyproject.toml', name: 'clean' } as const;

/** An operator whose own code goes into its environment, so that its tree's name is part of the key. */
const PROJECT = {
  ...aProject(),
  'uv.lock': `version = 1\nrevision = 3\nrequires-python = ">=3.10"\n\n[[package]]\nname = "clean"\nversion = "0.1.0"\nsource = { directory = "." }\n`,
};

interface Operator {
  readonly operator: { readonly git: string; readonly tag: string };
  readonly sources: WorkOrder['sources'];
}

function anOperator(files: Record<string, string>): Operator {
  const folder = path.join(JobProcess.folder(), 'clean');
  const commit = aRepository(folder, files);
  const operator = { git: folder, tag: 'v1.0.0' };
  return { operator, sources: { [`${folder}#v1.0.0`]: { commit } } };
}

const prepareOrder = ({ operator, sources }: Operator): WorkOrder => ({
  ...anOrder([]),
  sources,
  work: { kind: 'prepare', operator, environment: uv },
});

const stepsOrder = ({ operator, sources }: Operator): WorkOrder =>
  anOrder([{ command: 'python main.py', operator, environment: uv }], { sources });

/** A PATH on which git is of no use. */
function withoutGit(folder: string): Record<string, string> {
  const bin = path.join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(path.join(bin, 'git'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  return { PATH: `${bin}:${process.env['PATH']}` };
}

test('of two jobs that prepare the same at the same time one builds and the other restores; a job of steps restores too, and needs no git', async () => {
  const operator = anOperator(aProject());
  const [one, other] = ['one', 'other'].map((job) => begin({ job, order: prepareOrder(operator) }));
  expect([await one?.ended(), await other?.ended()], one?.stderr).toEqual([0, 0]);
  const prepared = ['one', 'other'].map((job) => server.report(job)?.prepared);
  expect(prepared.map((each) => each?.built).sort()).toEqual([false, true]);
  const [key] = new Set(prepared.map((each) => each?.environment));
  const kept = [...server.objects.keys()].sort();
  const { commit } = Object.values(operator.sources)[0] ?? {};
  expect(kept).toEqual([
    `NS/default/environments/${key}.tar.zst`,
    `NS/default/trees/${commit}.tar.zst`,
  ]);
  expect(server.leases.size).toBe(0);

  rmSync(operator.operator.git, { recursive: true });
  const folder = JobProcess.folder();
  const job = await done({
    job: 'steps',
    order: stepsOrder(operator),
    folder,
    env: withoutGit(folder),
  });
  const result = server.report('steps')?.result;
  expect(result, job.stderr + JSON.stringify(result)).toMatchObject({ result: 'completed' });
  // It runs from where it was restored to, which is another place than where it was built.
  expect(JSON.stringify(result)).toContain(path.join(folder, 'cache/environments', String(key)));
  expect(server.said('write', 'steps')).toEqual([]);
});

test('an environment that is built from the operator’s own code has the same key where only the archive of the tree is', async () => {
  const operator = anOperator({ ...PROJECT, 'src/clean/__init__.py': '' });
  await done({ job: 'prepare', order: prepareOrder(operator) });
  const first = server.report('prepare');
  if (first?.prepared?.environment === undefined) throw new Error(JSON.stringify(first));
  rmSync(operator.operator.git, { recursive: true });
  const folder = JobProcess.folder();
  await done({
    job: 'again',
    order: prepareOrder(operator),
    folder,
    env: withoutGit(folder),
  });
  expect(server.report('again')?.prepared).toMatchObject({
    environment: first.prepared.environment,
    built: false,
  });
});

test('an archive that is broken or not whole is no reason to fail: what was in it is made anew', async () => {
  const operator = anOperator(aProject());
  await done({ job: 'prepare', order: prepareOrder(operator) });
  for (const [key, content] of server.objects)
    server.objects.set(key, content.subarray(0, content.length - 20));
  const job = await done({ job: 'steps', order: stepsOrder(operator) });
  expect(server.report('steps')?.result, job.stderr).toMatchObject({ result: 'completed' });
  expect(job.stderr).toContain('could not be restored');
  expect(
    server
      .log('steps')
      .map(({ text }) => text)
      .join('\n'),
  ).toContain('building it');
});

test('who waits for another one’s build stops waiting when the node is stopped', async () => {
  server.heartbeat = 100;
  const operator = anOperator(aProject());
  let asked = false;
  server.instead = (verb) => {
    if (verb === 'lease') asked = true;
    if (verb === 'lease') return { held: false, milliseconds: 60_000 };
    return verb === 'beat' && asked ? { gone: false, stop: 'enough' } : undefined;
  };
  const job = begin({ order: prepareOrder(operator) });
  expect(await job.ended(), job.stderr).toBe(0);
  expect(server.report()?.result).toEqual({ result: 'cancelled', message: 'enough' });
});

test('a query runs in the program beside the entry, over files that were fetched', async () => {
  const given = server.keep('NS/default/files/rows.csv', 'n\n1\n2\n3\n');
  const order = anOrder(['true'], {
    scope: { input: { rows: { $file: { ...given, name: 'rows.csv' } } } },
  });
  if (order.work.kind !== 'steps') throw new Error('it is of steps');
  const [step] = order.work.plan.nodes;
  if (step === undefined) throw new Error('it has one');
  const executor = {
    kind: 'sql',
    query: "select sum(n)::int as total from read_csv('{{ pipeline.input.rows }}')",
    into: 'out.parquet',
    outputs: { total: 'select total from out' },
  } as const;
  const plan = { ...order.work.plan, nodes: [{ ...step, executor }] };
  const job = await done({ order: { ...order, work: { ...order.work, plan } } });
  const result = server.report()?.result;
  expect(result, job.stderr).toMatchObject({ result: 'completed', outputs: { total: 6 } });
  const out = [...server.objects.keys()].find((key) => key.endsWith('/out.parquet'));
  expect(
    server.objects
      .get(out ?? '')
      ?.subarray(0, 4)
      .toString(),
  ).toBe('PAR1');
});

test('of a log over its bounds the beginning and the end are sent, and what lies between is named', async () => {
  const lines = Math.ceil((limits.jobLogBytes * 1.6) / 10_000);
  const command = `python3 -c 'for i in range(1, ${lines} + 1): print(i, "x" * 9990)'`;
  const job = await done({ order: anOrder([command]) });
  const log = server.log();
  expect(server.report()?.result, job.stderr).toMatchObject({ result: 'completed' });
  expect([log[0]?.text.split(' ')[0], log.at(-1)?.text.split(' ')[0]]).toEqual(['1', `${lines}`]);
  const notes = log.filter(({ stream }) => stream === 'millrace').map(({ text }) => text);
  expect(notes.join()).toMatch(/lines \d+ to \d+ were dropped/);
  const numbers = log.map(({ n }) => n);
  expect(new Set(numbers).size).toBe(numbers.length);
  const sent = log.reduce((sum, { text }) => sum + text.length, 0);
  expect(sent).toBeLessThan(limits.jobLogBytes * 1.5);
});

/** Root plays somebody else here, who must get at the checkout. */
function isOpen(folder: string): boolean {
  const above = path.dirname(folder);
  return (statSync(folder).mode & 1) === 1 && (above === folder || isOpen(above));
}

test.skipIf(process.getuid?.() === 0 && !isOpen(process.cwd()))(
  'where the entry’s program may be run but not read, as in the images, no process of the same user sees into its memory',
  async () => {
    const folder = JobProcess.folder();
    const node = path.join(folder, 'node');
    copyFileSync(process.execPath, node);
    chmodSync(node, process.getuid?.() === 0 ? 0o711 : 0o111);
    chmodSync(folder, 0o777);
    // Root may read everything: then the job is somebody else's.
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const command = [
      'for pid in $PPID $(cat /proc/$PPID/stat | cut -d" " -f4); do',
      '  for name in environ mem maps; do head -c 1 /proc/$pid/$name >/dev/null 2>&1 && echo "read $name of $pid"; done',
      'done; echo looked',
    ].join('\n');
    const job = await done({
      order: anOrder([command]),
      folder,
      node: process.getuid?.() === 0 ? [...nobody, node] : [node],
      env: { HOME: folder, [imageVariables.dataDir]: path.join(folder, 'mine') },
    });
    expect(
      server.log().map(({ text }) => text),
      job.stderr,
    ).toEqual(['looked']);
  },
);
