// Names of jobs: the same for whoever submits one and whoever looks for it.
import { expect, test } from 'vitest';
import { jobName, nodeJobs, readJobName, runJobs, worksOn } from '#aws/batch-names.ts';
import type { Address } from '#schemas/ids.ts';
import type { Range } from '#schemas/run.ts';

const RUN = '01KAN6V0000000000000000000';
const work = (address: Address, instances?: Range, attempt = 1) => ({
  ...{ v: 1 as const, namespace: 'default', run: RUN, address, attempt },
  ...(instances === undefined ? {} : { instances }),
});
const node = (id: string, attempt = 1) =>
  nodeJobs({ namespace: 'default', run: RUN, node: id, attempt });

test('a name is one that Batch takes, whatever the node is called', () => {
  for (const address of ['extract', 'Übersicht_日本', 'x'.repeat(128), 'per_region[4999]'])
    expect(jobName(work(address))).toMatch(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/);
  expect(jobName(work('x'.repeat(128), [0, 49_999])).length).toBeLessThan(100);
});

test('jobs of one attempt of a node begin alike, others do not', () => {
  for (const name of [jobName(work('a')), jobName(work('a[3]')), jobName(work('a', [0, 9]))]) {
    expect(name.startsWith(node('a'))).toBe(true);
    expect(name.startsWith(runJobs({ namespace: 'default', run: RUN }))).toBe(true);
    expect(name.startsWith(node('b'))).toBe(false);
    expect(name.startsWith(node('a', 2))).toBe(false);
    expect(name.startsWith(runJobs({ namespace: 'other', run: RUN }))).toBe(false);
  }
});

test('an instance alone is named like an array of one', () => {
  expect(jobName(work('a[3]'))).toBe(jobName(work('a', [3, 3])));
});

test('what a name says is what it was made of', () => {
  expect(readJobName(jobName(work('a')))).toEqual({ base: node('a') });
  expect(readJobName(jobName(work('a', [10, 509])))).toEqual({
    ...{ base: node('a'), instances: [10, 509] },
  });
  expect(readJobName('what-others-submit-1-2')).toEqual({ base: 'what-others-submit-1-2' });
});

test('an address names an instance by its last brackets', () => {
  expect(worksOn({ address: 'a' })).toEqual({ node: 'a' });
  expect(worksOn({ address: 'a[12]' })).toEqual({ node: 'a', instances: [12, 12] });
  expect(worksOn({ address: 'a', instances: [0, 4] })).toEqual({ node: 'a', instances: [0, 4] });
});
