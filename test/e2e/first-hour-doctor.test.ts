// `millrace doctor`, as a whole process, on machines that a test makes up by PATH and folders.
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { DUCKDB } from '#local/missing-packages.ts';
import { Place } from '#support/millrace.ts';

const places: Place[] = [];
const place = (...given: ConstructorParameters<typeof Place>): Place => {
  const made = new Place(...given);
  places.push(made);
  return made;
};
afterEach(() => {
  for (const made of places.splice(0)) made.remove();
});

interface Told {
  readonly ok: boolean;
  readonly findings: readonly { readonly name: string; readonly status: string }[];
}

async function askDoctor(here: Place, ...args: readonly string[]) {
  const ended = await here.run('doctor', '--json', ...args);
  const told: Told = JSON.parse(ended.stdout);
  return {
    code: ended.code,
    ok: told.ok,
    of: (name: string) => told.findings.find((one) => one.name === name),
  };
}

/** A program that prints this and exits so. */
function aTool(here: Place, name: string, [text, code]: readonly [string, number]): void {
  mkdirSync(join(here.folder, 'bin'), { recursive: true });
  writeFileSync(join(here.folder, 'bin', name), `#!/bin/sh\necho '${text}'\nexit ${code}\n`, {
    mode: 0o755,
  });
}

test('on a machine that has what is needed doctor exits 0 and says versions and paths', async () => {
  const here = place();
  const told = await askDoctor(here);
  expect(told).toMatchObject({ code: 0, ok: true });
  expect(told.of('node')).toMatchObject({ status: 'there', version: process.versions.node });
  expect(told.of('git')).toMatchObject({
    status: 'there',
    version: expect.stringMatching(/^\d+\./),
    path: expect.stringMatching(/\/git$/),
  });
  expect(told.of('duckdb')).toMatchObject({ status: 'there', version: DUCKDB.version });
  expect(told.of('sqlite')).toMatchObject({
    message: expect.stringMatching(/commit takes \d+\.\d\d ms/),
  });
  expect(told.of('data directory')).toMatchObject({
    status: 'there',
    path: join(here.folder, '.millrace'),
  });
});

test('a look leaves nothing behind: no data directory, no trial, no control group', async () => {
  const here = place();
  await here.run('doctor');
  expect(readdirSync(here.folder)).toEqual([]);
  for (const controller of ['memory', 'pids', 'unified', '.'])
    expect(groupsIn(join('/sys/fs/cgroup', controller))).toEqual([]);
});

function groupsIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => name.startsWith('millrace-doctor-'));
  } catch {
    return [];
  }
}

test('tools are asked, not believed: what answers is there, what fails or is absent is missing with what it costs', async () => {
  const here = place();
  aTool(here, 'micromamba', ['2.1.0', 0]);
  aTool(here, 'pixi', ['no', 3]);
  aTool(here, 'nvidia-smi', ['NVIDIA A10G, 23028 MiB, 535.1', 0]);
  here.env['PATH'] = join(here.folder, 'bin');
  const told = await askDoctor(here);
  expect(told).toMatchObject({ code: 0, ok: true });
  expect(told.of('conda')).toMatchObject({
    status: 'there',
    version: '2.1.0',
    message: 'micromamba',
  });
  expect(told.of('gpu')).toMatchObject({
    status: 'there',
    message: '1: NVIDIA A10G, 23028 MiB, 535.1',
  });
  expect(told.of('pixi')).toMatchObject({
    status: 'missing',
    message: expect.stringContaining('does not answer'),
  });
  expect(told.of('git')).toMatchObject({
    status: 'missing',
    lacks: 'operators from git repositories',
    get: expect.stringContaining('apt-get install git'),
  });
  const people = await here.run('doctor');
  expect(people.stdout).toMatch(
    /– git .*\n {4}without it: operators from git repositories\n {4}to get it: {2}apt-get/,
  );
});

test('without a place for runs nothing works: doctor says so and exits 2', async () => {
  const here = place({ occupied: 'a file' });
  const told = await askDoctor(here, '--data-dir', join('occupied', 'data'));
  expect(told).toMatchObject({ code: 2, ok: false });
  expect(told.of('data directory')).toMatchObject({
    status: 'missing',
    get: expect.stringContaining('--data-dir'),
  });
  const people = await here.run('doctor', '--data-dir', join('occupied', 'data'));
  expect(people.stdout).toContain('nothing runs here without: data directory, sqlite');
});
