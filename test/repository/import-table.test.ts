import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { homeOfLibrary, importTable } from './import-table.ts';
import { type Import, importsOf, readJson, root, type Source, sourcesOf } from './sources.ts';

const rows = Object.entries(importTable);
const names = rows.map(([, row]) => row.name);
// Line N imports from the N-th folder of the table.
const fixture = names
  .map((name) => `import type { x as ${name} } from '#${name}/x.ts';\n`)
  .join('');
const tsconfig = z.object({ references: z.array(z.object({ path: z.string() })) });

function folderOf(name: string): string {
  const found = rows.find(([, row]) => row.name === name);
  expect(found, `a folder named #${name}`).toBeDefined();
  return found?.[0] ?? '';
}

/** What is wrong with one import of a file, or undefined. */
function objection(folder: string, file: string, what: Import): string | undefined {
  const row = importTable[folder];
  const { specifier, typeOnly } = what;
  if (row === undefined) return 'is in no row of the table';
  if (specifier.startsWith('.')) {
    const target = path.posix.join(path.posix.dirname(file), specifier);
    return target.startsWith(`${folder}/`) ? undefined : 'leaves the folder by a relative path';
  }
  if (specifier.startsWith('#')) {
    const name = specifier.slice(1).split('/')[0] ?? '';
    if (row.not?.some((prefix) => specifier.startsWith(prefix))) return 'is not for this folder';
    if (row.typesOnly && name !== row.name && !typeOnly) return 'must be a type import';
    return row.folders.includes(name) || name === row.name ? undefined : 'is no allowed folder';
  }
  const library = row.libraries.find((it) =>
    it === 'node:' ? specifier.startsWith(it) : specifier === it || specifier.startsWith(`${it}/`),
  );
  if (library === undefined) return 'is no allowed library';
  const home = homeOfLibrary[library];
  const here = home?.startsWith(`${folder}/`) === true;
  return !here || file.startsWith(home) ? undefined : `belongs to ${home}`;
}

function objections(folder: string, source: Source): readonly string[] {
  return importsOf(source).flatMap((what) => {
    const text = objection(folder, source.file, what);
    return text === undefined ? [] : [`${source.file}: ${what.specifier} ${text}`];
  });
}

/** For every folder the `#names` that biome refuses there, from one run over a scratch copy of the tree. */
function lintRefusals(): ReadonlyMap<string, string[]> {
  const place = mkdtempSync(path.join(tmpdir(), 'millrace-lint-'));
  try {
    copyFileSync(path.join(root, 'biome.json'), path.join(place, 'biome.json'));
    for (const [folder] of rows) {
      mkdirSync(path.join(place, folder), { recursive: true });
      writeFileSync(path.join(place, folder, 'fixture.ts'), fixture);
    }
    const biome = path.join(root, 'node_modules/@biomejs/biome/bin/biome');
    const flags = ['--vcs-enabled=false', '--max-diagnostics=none', '--reporter=github'];
    const args = [biome, 'lint', ...flags, '--only=style/noRestrictedImports'];
    const answer = spawnSync(process.execPath, args, { cwd: place, encoding: 'utf8' });
    const found = answer.stdout.matchAll(/noRestrictedImports,file=(.+?)\/fixture\.ts,line=(\d+)/g);
    const refusals = new Map<string, string[]>(rows.map(([folder]) => [folder, []]));
    for (const [, file = '', line] of found) {
      refusals.get(path.relative(place, file))?.push(names[Number(line) - 1] ?? '');
    }
    return refusals;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

const refusals = lintRefusals();

describe.each(rows)('%s', (folder, row) => {
  test('imports only what the table allows', () => {
    expect(sourcesOf(folder).flatMap((source) => objections(folder, source))).toEqual([]);
  });

  test('has the references of the table, so that the compiler refuses what is out of reach', () => {
    const { references } = tsconfig.parse(readJson(`${folder}/tsconfig.json`));
    const referenced = references.map((to) => path.posix.join(folder, to.path));
    expect(referenced.sort()).toEqual(row.folders.map(folderOf).sort());
  });

  test('is linted for every folder out of its reach, and for no other', () => {
    const reach = [...row.folders, row.name];
    const outside = names.filter((name) => !reach.includes(name));
    expect(refusals.get(folder)?.sort()).toEqual(outside.sort());
  });
});

test('the program for queries is a program of its own: of the runner nothing but types reaches into it', () => {
  const reaching = sourcesOf('functions/runner')
    .filter(({ file }) => !file.startsWith('functions/runner/sql/'))
    .flatMap((source) => importsOf(source).map((what) => ({ file: source.file, ...what })))
    .filter(({ specifier, typeOnly }) => /^(\.|#runner)\/sql\//.test(specifier) && !typeOnly);
  expect(reaching).toEqual([]);
});

test('a relative path, a foreign library and a value where a type is due are each refused', () => {
  const text =
    "import { a } from '../errors/a.ts';\nimport b from 'hono';\nimport { c } from '#schemas/c';";
  expect(objections('functions/ports', { file: 'functions/ports/fixture.ts', text })).toEqual([
    'functions/ports/fixture.ts: ../errors/a.ts leaves the folder by a relative path',
    'functions/ports/fixture.ts: hono is no allowed library',
    'functions/ports/fixture.ts: #schemas/c must be a type import',
  ]);
});
