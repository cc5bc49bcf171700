// What comes from elsewhere: exact versions, no host names, licences that go with ours.

import { expect, test } from 'vitest';
import * as z from 'zod';
import { importsOf, readJson, sourcesOf } from './sources.ts';

const versions = z.record(z.string(), z.string());
const manifest = z.object({
  dependencies: versions.default({}),
  devDependencies: versions.default({}),
  optionalDependencies: versions.default({}),
});
const lock = z.object({
  packages: z.record(
    z.string(),
    z.object({
      license: z.string().optional(),
      resolved: z.string().optional(),
      integrity: z.string().optional(),
      link: z.boolean().optional(),
      inBundle: z.boolean().optional(),
      dependencies: versions.optional(),
    }),
  ),
});

const allowedLicences = [
  ...['MIT', 'Apache-2.0', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD'],
  // As permissive as MIT, in plainer words; approved by the Open Source Initiative.
  'BlueOak-1.0.0',
];

const { packages } = lock.parse(readJson('package-lock.json'));
/** What comes from a registry: all but the checkout's own packages. */
const installed = Object.entries(packages).filter(
  ([place, { link }]) => place.startsWith('node_modules/') && link !== true,
);

test('every dependency is pinned to one version', () => {
  const pinned = ['package.json', 'tools/node/package.json'].flatMap((file) => {
    const { dependencies, devDependencies, optionalDependencies } = manifest.parse(readJson(file));
    return Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });
  });
  expect(pinned.length).toBeGreaterThan(20);
  expect(pinned.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
});

test('whoever installs the package gets nothing else along with it', () => {
  const { dependencies, optionalDependencies } = manifest.parse(readJson('package.json'));
  expect({ ...dependencies, ...optionalDependencies }).toEqual({});
});

test('the lock names no registry, and every package has its digest', () => {
  expect(installed.filter(([, entry]) => entry.resolved !== undefined)).toEqual([]);
  // What a package carries inside itself comes under that package's digest.
  const fetched = installed.filter(([, { inBundle }]) => inBundle !== true);
  expect(fetched.filter(([, entry]) => entry.integrity === undefined)).toEqual([]);
});

test('everything that the bundle may hold has a licence on the list', () => {
  const bundled = withDependencies(packagesNamedIn(['functions', 'schemas']));
  expect(bundled.size).toBeGreaterThan(8);
  const others = [...bundled].filter(
    (name) => !allowedLicences.includes(packages[`node_modules/${name}`]?.license ?? ''),
  );
  expect(others).toEqual([]);
});

/** Packages that the sources import. */
function packagesNamedIn(folders: readonly string[]): readonly string[] {
  const named = folders.flatMap(sourcesOf).flatMap(importsOf);
  const names = named.map(({ specifier }) => /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? '');
  return [...new Set(names)].filter((name) => `node_modules/${name}` in packages);
}

function withDependencies(names: readonly string[]): ReadonlySet<string> {
  const all = new Set(names);
  // What is added while it is walked is walked too.
  for (const name of all)
    for (const below of Object.keys(packages[`node_modules/${name}`]?.dependencies ?? {}))
      all.add(below);
  return all;
}
