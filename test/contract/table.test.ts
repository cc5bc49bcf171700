// The table on SQLite: the contract, then what only a file can meet.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openTable } from '#embedded/table.ts';
import { tableContract } from './table-contract.ts';

const run = promisify(execFile);
const WRITER = fileURLToPath(new URL('table-writer.ts', import.meta.url));
const pk = 'NS#default';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-table-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

tableContract('memory', () => {
  const table = openTable(':memory:');
  return { table, close: () => table.close() };
});
tableContract('file', () => {
  const table = openTable(join(folder, 'millrace.db'));
  return { table, close: () => table.close() };
});

describe('a table in a file', () => {
  const file = () => join(folder, 'millrace.db');

  test('keeps what was written for the next process', async () => {
    const first = openTable(file());
    await first.putIfAbsent({ pk, sk: 'a', v: 1, n: 1 });
    first.close();
    const second = openTable(file());
    expect(await second.get({ pk, sk: 'a' })).toEqual({ pk, sk: 'a', v: 1, n: 1 });
    second.close();
  });

  test('commits once for all writes of one moment, and not for refused ones', async () => {
    const table = openTable(file());
    await Promise.all(
      Array.from({ length: 200 }, (_, n) => table.putIfAbsent({ pk, sk: `${n}`, v: 1 })),
    );
    expect(table.commits).toBe(1);
    const key = { pk, sk: '0' };
    await table.update(key, { set: { x: 1 } }, { exists: false }).catch(() => {});
    await table.transact([{ write: 'check', key, if: { exists: true } }]);
    await table.putIfAbsent({ ...key, v: 1 });
    expect(table.commits).toBe(1);
    table.close();
  });

  test('closing performs what was asked for before', async () => {
    const table = openTable(file());
    const put = table.putIfAbsent({ pk, sk: 'a', v: 1 });
    table.close();
    expect(await put).toEqual({ created: true });
    await expect(table.get({ pk, sk: 'a' })).rejects.toMatchObject({ family: 'defect' });
    await expect(table.putIfAbsent({ pk, sk: 'b', v: 1 })).rejects.toMatchObject({
      family: 'defect',
    });
  });

  test('after a SIGKILL in the middle of writing there are only whole transactions, and all that were answered', async () => {
    for (let round = 0; round < 3; round += 1) {
      const child = spawn(process.execPath, [WRITER, 'pairs', file(), `${round}`], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let printed = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        printed += text;
        if (printed.length > 200 * (round + 1)) child.kill('SIGKILL');
      });
      await once(child, 'close');
      const answered = printed.split('\n').slice(0, -1).length;
      const table = openTable(file());
      const keys = async (prefix: string) => {
        const found: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await table.query({
            pk,
            prefix,
            ...(cursor === undefined ? {} : { cursor }),
          });
          found.push(...page.items.map(({ sk }) => sk.slice(prefix.length)));
          cursor = page.cursor;
        } while (cursor !== undefined);
        return found;
      };
      const [left, right] = [await keys(`${round}left#`), await keys(`${round}right#`)];
      const counted = await table.get({ pk, sk: `${round}count` });
      expect(answered).toBeGreaterThan(10);
      expect(left).toEqual(right);
      expect(counted?.['n']).toBe(left.length);
      expect(left.length).toBeGreaterThanOrEqual(answered);
      table.close();
    }
  });

  test('two processes adding to one item lose no addition', async () => {
    openTable(file()).close();
    const add = () => run(process.execPath, [WRITER, 'add', file(), '300']);
    await Promise.all([add(), add()]);
    const table = openTable(file());
    expect((await table.get({ pk, sk: 'sum' }))?.['n']).toBe(600);
    table.close();
  });

  test('a reader sees what the writer beside it has committed, and may not write', async () => {
    const writer = openTable(file());
    await writer.putIfAbsent({ pk, sk: 'a', v: 1 });
    const reader = openTable(file(), { readOnly: true });
    expect(await reader.get({ pk, sk: 'a' })).toBeDefined();
    await writer.putIfAbsent({ pk, sk: 'b', v: 1 });
    expect((await reader.query({ pk })).items).toHaveLength(2);
    await expect(reader.putIfAbsent({ pk, sk: 'c', v: 1 })).rejects.toMatchObject({
      family: 'rejected',
      code: 'read_only',
    });
    reader.close();
    writer.close();
  });

  test('a reader where nothing is says so and creates nothing', () => {
    expect(() => openTable(file(), { readOnly: true })).toThrowError(
      expect.objectContaining({ code: 'not_found' }),
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  test('a file of a newer format is refused by both numbers, untouched', () => {
    openTable(file()).close();
    const raw = new DatabaseSync(file());
    raw.exec('pragma user_version = 7');
    raw.close();
    const before = readFileSync(file());
    for (const readOnly of [false, true]) {
      expect(() => openTable(file(), { readOnly })).toThrowError(
        expect.objectContaining({
          code: 'newer_format',
          message: expect.stringMatching(/format 7.*up to 1/),
          details: { found: 7, known: 1 },
        }),
      );
    }
    expect(readFileSync(file())).toEqual(before);
    expect(readdirSync(folder)).toEqual(['millrace.db']);
  });

  test('what is no database is a defect that names the cure', () => {
    writeFileSync(file(), 'not a database, but long enough to be taken for one'.repeat(100));
    expect(() => openTable(file())).toThrowError(
      expect.objectContaining({ family: 'defect', message: expect.stringContaining('backup') }),
    );
  });

  test('a damaged page is a defect that names the cure, when it is met', async () => {
    const table = openTable(file());
    for (let n = 0; n < 50; n += 1)
      await table.putIfAbsent({ pk, sk: `${n}`, v: 1, text: 'x'.repeat(3000) });
    table.close();
    const bytes = readFileSync(file());
    bytes.fill(0xff, 4096, bytes.length);
    writeFileSync(file(), bytes);
    const damaged = openTable(file());
    await expect(damaged.query({ pk })).rejects.toMatchObject({
      family: 'defect',
      message: expect.stringContaining('backup'),
    });
    damaged.close();
  });

  test('a folder that may not be written is rejected as that, and can be read', async () => {
    const table = openTable(file());
    await table.putIfAbsent({ pk, sk: 'a', v: 1 });
    table.close();
    chmodSync(file(), 0o444);
    chmodSync(folder, 0o555);
    try {
      const { stdout } = await withoutPrivilege([WRITER, 'readonly', file()]);
      expect(JSON.parse(stdout)).toEqual({ write: 'read_only', create: 'read_only', read: 1 });
    } finally {
      chmodSync(folder, 0o755);
    }
  });

  test.each([
    // Blocks of 512 bytes: the files of this process may not grow beyond 1 MiB.
    ['a bound on the size of files', 'ulimit -f 2048; trap "" XFSZ; exec "$0" "$@"'],
    ...(mayMount()
      ? [['a full disk', 'mount -t tmpfs -o size=1m tmpfs "$MOUNT" && exec "$0" "$@"']]
      : []),
  ])('%s is Transient no_space, loses nothing, and the table can be read', async (_, script) => {
    const unshared = script.startsWith('mount') ? ['unshare', '-m'] : [];
    const [shell = 'sh', ...before] = [...unshared, 'sh'];
    const { stdout } = await run(
      shell,
      [...before, '-c', script, process.execPath, WRITER, 'fill', file()],
      { env: { ...process.env, MOUNT: folder } },
    );
    expect(JSON.parse(stdout)).toMatchObject({
      family: 'transient',
      code: 'no_space',
      after: 'readable',
      whole: true,
    });
  });

  test('after a full disk it goes on as soon as there is room', async () => {
    const bound = 'ulimit -f 2048; trap "" XFSZ; exec "$0" "$@"';
    await run('sh', ['-c', bound, process.execPath, WRITER, 'fill', file()]);
    const table = openTable(file());
    expect(await table.putIfAbsent({ pk, sk: 'again', v: 1 })).toEqual({ created: true });
    table.close();
  });
});

/** A folder of its own for one process needs root. */
function mayMount(): boolean {
  return spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;
}

/** Root may write anywhere, so the child gives that right up. As another user it might not even be let into this checkout. */
async function withoutPrivilege(args: readonly string[]): Promise<{ stdout: string }> {
  if (userInfo().uid !== 0) return await run(process.execPath, args);
  const drop = ['--bounding-set', '-dac_override,-dac_read_search'];
  return await run('setpriv', [...drop, process.execPath, ...args]);
}
