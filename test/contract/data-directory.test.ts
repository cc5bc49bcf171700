// The data directory and its lock.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDataDirectory, readDataDirectory, socketPath } from '#embedded/data-directory.ts';
import { readLock, takeLock } from '#embedded/lock.ts';
import { openTable } from '#embedded/table.ts';
import type { LockHolder } from '#schemas/data-directory.ts';

const HOLDER = fileURLToPath(new URL('lock-holder.ts', import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-data-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('a data directory', () => {
  test('is made for its owner only and ignores itself in git', () => {
    const directory = openDataDirectory(join(folder, 'a/.millrace'));
    expect(statSync(directory.path).mode & 0o777).toBe(0o700);
    expect(readFileSync(join(directory.path, '.gitignore'), 'utf8')).toBe('*\n');
    for (const each of [
      directory.objects,
      directory.logs,
      directory.runner,
      directory.workspaces,
    ]) {
      expect(statSync(each).isDirectory()).toBe(true);
    }
    expect(openDataDirectory(directory.path)).toEqual(directory);
    expect(readDataDirectory(directory.path)).toEqual(directory);
  });

  test('whose path is too long for what lies in it, or that cannot be made, is refused with the reason', () => {
    const deep = (length: number): string => {
      const missing = length - folder.length - 2;
      const half = Math.floor(missing / 2);
      return join(folder, 'x'.repeat(half), 'y'.repeat(missing - half));
    };
    openTable(openDataDirectory(deep(480)).database).close();
    expect(() => openDataDirectory(deep(481))).toThrow(/a path of 481 bytes; .* may have 480/);
    expect(() => openDataDirectory('/proc/none/at/all')).toThrow(
      /\/proc\/none: no folder can be made/,
    );
  });

  test('that is not there is not made by a reader', () => {
    expect(() => readDataDirectory(join(folder, 'none'))).toThrowError(
      expect.objectContaining({ code: 'not_found' }),
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  test('of a newer format is refused by both numbers, untouched', () => {
    writeFileSync(join(folder, 'format'), '2\n');
    for (const open of [openDataDirectory, readDataDirectory]) {
      expect(() => open(folder)).toThrowError(
        expect.objectContaining({
          code: 'newer_format',
          message: expect.stringMatching(/format 2.*up to 1/),
        }),
      );
    }
    expect(readdirSync(folder)).toEqual(['format']);
  });

  test('cannot be where a file is', () => {
    writeFileSync(join(folder, 'file'), '');
    expect(() => openDataDirectory(join(folder, 'file'))).toThrowError(
      expect.objectContaining({ family: expect.stringMatching(/rejected|defect/) }),
    );
  });

  test('with a long path has its sockets elsewhere, where only its owner can reach them', async () => {
    const long = openDataDirectory(join(folder, 'x'.repeat(60), 'y'.repeat(60)));
    const path = long.engineSocket;
    expect(path.startsWith(long.path)).toBe(false);
    expect(Buffer.byteLength(path)).toBeLessThan(104);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    expect(socketPath(long.path, 'engine.sock')).toBe(path);
    const other = openDataDirectory(join(folder, 'x'.repeat(60), 'z'.repeat(60)));
    expect(other.engineSocket).not.toBe(path);
    const server = createServer().listen(path);
    await once(server, 'listening');
    server.close();
    for (const each of [path, other.engineSocket]) rmSync(dirname(each), { recursive: true });
  });

  test('a folder for sockets that somebody else prepared is refused', () => {
    const long = openDataDirectory(join(folder, 'x'.repeat(60), 'y'.repeat(60)));
    const place = dirname(long.engineSocket);
    rmSync(place, { recursive: true });
    mkdirSync(join(folder, 'trap'));
    symlinkSync(join(folder, 'trap'), place);
    expect(() => socketPath(long.path, 'engine.sock')).toThrowError(
      expect.objectContaining({ code: 'not_permitted' }),
    );
    rmSync(place);
  });
});

describe('the lock of a data directory', () => {
  const path = () => join(folder, 'lock');
  const me: LockHolder = { pid: process.pid, host: 'here', version: '1.2.3', since: 5 };

  test('is free, then held, then free again', () => {
    expect(readLock(path())).toEqual({ held: false });
    const lock = takeLock(path(), me);
    expect(readLock(path())).toEqual({ held: true, holder: me });
    lock.describe({ ...me, socket: '/run/x.sock' });
    expect(readLock(path())).toMatchObject({ holder: { socket: '/run/x.sock' } });
    lock.release();
    expect(readLock(path())).toEqual({ held: false });
    takeLock(path(), me).release();
  });

  test('is refused to a second one, which hears who holds it', () => {
    const lock = takeLock(path(), me);
    expect(() => takeLock(path(), { ...me, pid: 1 })).toThrowError(
      expect.objectContaining({ family: 'transient', code: 'busy', details: { holder: me } }),
    );
    expect(readLock(path())).toEqual({ held: true, holder: me });
    lock.release();
  });

  test('is given back by a SIGKILL, and only one of several takes it then', async () => {
    const child = fork(HOLDER, [path()], { stdio: 'inherit' });
    expect((await once(child, 'message'))[0]).toBe('taken');
    expect(readLock(path())).toMatchObject({ held: true, holder: { pid: child.pid } });
    expect(() => takeLock(path(), me)).toThrowError(expect.objectContaining({ code: 'busy' }));
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(readLock(path())).toEqual({ held: false });
    const others = Array.from({ length: 4 }, () => fork(HOLDER, [path()], { stdio: 'inherit' }));
    const said = await Promise.all(others.map((each) => once(each, 'message')));
    expect(said.map(([text]) => text).sort()).toEqual(['busy', 'busy', 'busy', 'taken']);
    await Promise.all(
      others.map(async (each) => {
        each.kill('SIGKILL');
        if (each.exitCode === null && each.signalCode === null) await once(each, 'exit');
      }),
    );
    expect(existsSync(path())).toBe(true);
  });
});
