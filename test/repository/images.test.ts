// The Dockerfiles: no engine builds them here, so they are read, by their linter and for what they must agree with.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { imageVariables } from '#schemas/job.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HADOLINT = path.join(ROOT, '.tools/hadolint/venv/bin/hadolint');
const NAMES = ['cpu', 'gpu'] as const;

const textOf = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');
const dockerfile = (name: string): string => `batch-images/${name}.Dockerfile`;

interface Instruction {
  readonly word: string;
  readonly rest: string;
}

/** Comments gone, lines that go on joined, arguments filled in. */
function instructionsOf(name: string): readonly Instruction[] {
  const lines = textOf(dockerfile(name))
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n/g, ' ')
    .split('\n');
  const found = lines.flatMap((line): Instruction[] => {
    const [, word, rest] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    return word === undefined || rest === undefined ? [] : [{ word, rest: rest.trim() }];
  });
  const given = new Map(
    found
      .filter(({ word }) => word === 'ARG')
      .map(({ rest }) => rest.split('=') as [string, string]),
  );
  const fill = (text: string) => text.replace(/\$\{(\w+)\}/g, (_, arg) => given.get(arg) ?? '');
  return found.map(({ word, rest }) => ({ word, rest: fill(rest) }));
}

const all = (name: string, wanted: string): readonly string[] =>
  instructionsOf(name)
    .filter(({ word }) => word === wanted)
    .map(({ rest }) => rest);

/** The stages: from which image, and as what. */
const stagesOf = (name: string) =>
  all(name, 'FROM').map((rest) => {
    const [image = '', , as = ''] = rest.split(' ');
    return { image, as };
  });

const tagOf = (name: string, as: string): string =>
  stagesOf(name)
    .find((stage) => stage.as === as)
    ?.image.split(':')[1] ?? '';

describe.each(NAMES)('the image %s', (name) => {
  // It is made by: node tools/emulators.mjs
  test.skipIf(!existsSync(HADOLINT))('gives its linter nothing to say', () => {
    const { stdout, status } = spawnSync(HADOLINT, ['--no-color', dockerfile(name)], {
      cwd: ROOT,
      encoding: 'utf8',
    });
    expect([stdout, status]).toEqual(['', 0]);
  });

  test('runs as a user that is not root, by number', () => {
    expect(all(name, 'USER').at(-1)).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  });

  test('begins with the entry, by the program that may not be read', () => {
    expect(all(name, 'ENTRYPOINT')).toEqual([
      '["/opt/millrace/bin/node", "/opt/millrace/dist/job.mjs"]',
    ]);
  });

  test('takes nothing from the project but what is named to docker as well', () => {
    const own = all(name, 'COPY').filter((rest) => !rest.includes('--from='));
    const sources = own.flatMap((rest) => rest.split(/\s+/).slice(0, -1));
    const ignored = textOf(`${dockerfile(name)}.dockerignore`)
      .split('\n')
      .filter(Boolean);
    expect(ignored).toContain('*');
    expect(ignored.flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []))).toEqual(
      sources,
    );
  });
});

test('every base has a version, and every stage that something is copied from is there', () => {
  const stages = stagesOf('cpu');
  const names = stages.map(({ as }) => as);
  for (const { image, as } of stages) {
    expect(as).not.toBe('');
    expect(image, as).toMatch(/:\S*\d+\.\d+\.\d+|:\S*-\d{8}\b/);
  }
  for (const rest of all('cpu', 'COPY'))
    for (const [, from] of rest.matchAll(/--from=(\S+)/g)) expect(names).toContain(from);
});

test('node, uv and the database are those the project is tested with', () => {
  const { devDependencies } = JSON.parse(textOf('package.json'));
  const node = Object.values(JSON.parse(textOf('tools/node/package.json')).optionalDependencies);
  expect(tagOf('cpu', 'node').split('-')[0]).toBe(String(node[0]));
  expect(/UV_VERSION = '(.*)'/.exec(textOf('tools/setup.mjs'))?.[1]).toBe(tagOf('cpu', 'uv'));
  const database = `@duckdb/node-api@${devDependencies['@duckdb/node-api']}`;
  expect(all('cpu', 'RUN').join('\n')).toContain(database);
});

test('the entry’s program may be run and not read, and nothing runs before the image’s own init', () => {
  const copied = all('cpu', 'COPY').find((rest) => rest.endsWith('/opt/millrace/bin/node'));
  expect(copied).toContain('--chmod=0711');
  expect(all('cpu', 'RUN').at(-1)).toContain('test ! -r /opt/millrace/bin/node');
  for (const file of ['infra/constructs/job-kinds.ts', 'infra/compute-stack.ts'])
    expect(textOf(file)).not.toMatch(/initProcessEnabled/);
});

test('the image sets what the entry takes from it, and no other variable of ours', () => {
  const set = all('cpu', 'ENV').flatMap((rest) => rest.match(/\bMILLRACE_\w+(?==)/g) ?? []);
  const { handover: _, ...wanted } = imageVariables;
  expect(set.sort()).toEqual(Object.values(wanted).sort());
});
