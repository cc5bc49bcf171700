// Leases in a cache that cannot be written: whoever chose the folder is told which one, and what to do.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withLease } from '#runner/lease.ts';
import { temporaryFolder } from './engine.ts';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const held = () => withLease({ folder, name: 'a' }, async () => 'done');

test('a cache folder that is a file is named, and the variable that chooses another', async () => {
  writeFileSync(path.join(folder, 'leases'), '');
  await expect(held()).rejects.toMatchObject({
    ...{ family: 'rejected', code: 'read_only' },
    message: expect.stringMatching(
      new RegExp(`the cache folder ${folder} cannot be written: .*set MILLRACE_CACHE_DIR`),
    ),
  });
});

test('what lies in the place of a lease is told the same way, and what the work throws stays as it is', async () => {
  mkdirSync(path.join(folder, 'leases/a.lease'), { recursive: true });
  await expect(held()).rejects.toMatchObject({ family: 'rejected' });
  const work = withLease({ folder, name: 'b' }, () => Promise.reject(new RangeError('mine')));
  await expect(work).rejects.toThrow(RangeError);
});
