// What comes from elsewhere: exact versions, no host names, licences that go with ours.

import { expect, test } from 'vitest';
import * as z from 'zod';
import { readJson } from './sources.ts';

const versions = z.record(z.string(), z.string());
const manifest = z.object({
  dependencies: versions,
  devDependencies: versions,
  optionalDependencies: versions,
});
const lock = z.object({
  packages: z.record(
    z.string(),
    z.object({
      license: z.string().optional(),
      dev: z.boolean().optional(),
      devOptional: z.boolean().optional(),
      resolved: z.string().optional(),
      integrity: z.string().optional(),
    }),
  ),
});

const allowedLicences = ['MIT', 'Apache-2.0', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD'];

const { packages } = lock.parse(readJson('package-lock.json'));
const installed = Object.entries(packages).filter(([place]) => place !== '');

test('every dependency is pinned to one version', () => {
  const { dependencies, devDependencies, optionalDependencies } = manifest.parse(
    readJson('package.json'),
  );
  const all = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });
  expect(all.filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([]);
});

test('the lock names no registry, and every package has its digest', () => {
  expect(installed.filter(([, entry]) => entry.resolved !== undefined)).toEqual([]);
  expect(installed.filter(([, entry]) => entry.integrity === undefined)).toEqual([]);
});

test('every production dependency has a licence on the list', () => {
  const production = installed.filter(([, entry]) => !entry.dev && !entry.devOptional);
  expect(production.length).toBeGreaterThan(10);
  const others = production.filter(([, { license }]) => !allowedLicences.includes(license ?? ''));
  expect(others.map(([place, { license }]) => `${place}: ${license}`)).toEqual([]);
});
