// Objects as files: the contract, then what only files can meet.
import { execFile, spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createObjects } from '#embedded/objects.ts';
import { objectsContract } from './objects-contract.ts';

const run = promisify(execFile);
const WRITER = fileURLToPath(new URL('objects-writer.ts', import.meta.url));

let folder: string;
let root: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-objects-'));
  root = join(folder, 'objects');
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

objectsContract('files', () => ({
  objects: createObjects(root),
  putsByAddress: false,
  close: () => {},
}));

describe('objects as files', () => {
  test('lie where pathOf says, for programs of this machine', async () => {
    const objects = createObjects(root);
    await objects.put('NS/a/x', Buffer.from('here'));
    expect(readFileSync(objects.pathOf('NS/a/x'), 'utf8')).toBe('here');
  });

  test('a file that a program left below the root is an object, with its digest', async () => {
    const objects = createObjects(root);
    const path = objects.pathOf('NS/a/artifacts/chart.png');
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'png');
    expect(await objects.info('NS/a/artifacts/chart.png')).toMatchObject({
      size: 3,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test('what is known beside the content may be lost or spoilt without harm', async () => {
    const objects = createObjects(root);
    const { sha256 } = await objects.put('NS/a/x', Buffer.from('text'), { mediaType: 'text/x' });
    const about = join(root, '.about', 'NS/a/x.json');
    truncateSync(about, 3);
    expect(await objects.info('NS/a/x')).toEqual({ key: 'NS/a/x', size: 4, sha256 });
    rmSync(about);
    expect(await objects.info('NS/a/x')).toEqual({ key: 'NS/a/x', size: 4, sha256 });
  });

  test('a link that leads out of the root is no object', async () => {
    const objects = createObjects(root);
    writeFileSync(join(folder, 'outside'), 'secret');
    await objects.put('NS/a/x', Buffer.from('inside'));
    symlinkSync(join(folder, 'outside'), join(root, 'NS/a/leak'));
    symlinkSync(folder, join(root, 'NS/a/out'));
    symlinkSync(join(root, 'NS/a/loop'), join(root, 'NS/a/loop'));
    for (const key of ['NS/a/leak', 'NS/a/out/outside', 'NS/a/loop']) {
      expect(await objects.get(key)).toBeUndefined();
      expect(await objects.info(key)).toBeUndefined();
    }
    expect((await objects.list('NS/a/')).objects).toEqual([{ key: 'NS/a/x', size: 6 }]);
  });

  test('an object is not also a folder of others, which is said', async () => {
    const objects = createObjects(root);
    await objects.put('NS/a/x', Buffer.from('file'));
    await expect(objects.put('NS/a/x/y', Buffer.from(''))).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('an object is there'),
    });
    await objects.put('NS/a/f/y', Buffer.from(''));
    await expect(objects.put('NS/a/f', Buffer.from(''))).rejects.toMatchObject({
      family: 'rejected',
    });
    expect(readdirSync(join(root, '.coming'))).toEqual([]);
  });

  test.skipIf(spawnSync('unshare', ['-m', 'true']).status !== 0)(
    'a full disk is Transient no_space and leaves nothing half written',
    async () => {
      const script = 'mount -t tmpfs -o size=256k tmpfs "$MOUNT" && exec "$0" "$@"';
      const { stdout } = await run(
        'unshare',
        ['-m', 'sh', '-c', script, process.execPath, WRITER, join(folder, 'full')],
        { env: { ...process.env, MOUNT: folder } },
      );
      expect(JSON.parse(stdout)).toEqual({
        family: 'transient',
        code: 'no_space',
        objects: 1,
        coming: [],
      });
    },
  );
});
