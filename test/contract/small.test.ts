// The small ports on one machine: the contracts, then what only files and timers can meet.
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createAlarms } from '#embedded/alarms.ts';
import { createSettableClock, systemClock } from '#embedded/clock.ts';
import { createSecrets } from '#embedded/secrets.ts';
import { namespace, type RunId, runId } from '#schemas/ids.ts';
import { createIds } from '#shared/ids.ts';
import { alarmsContract, idsContract, secretsContract } from './small-contracts.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-small-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const files = () => ({ file: join(folder, 'secrets.json'), keyFile: join(folder, 'secrets.key') });
const one = namespace.parse('one');
const two = namespace.parse('two');

secretsContract('an encrypted file', () => ({
  secrets: createSecrets(files()),
  close: () => {},
}));

describe('secrets in a file', () => {
  test('lie there sealed, for their owner only', async () => {
    await createSecrets(files()).put(one, 'TOKEN', 'open sesame');
    const text = readFileSync(files().file, 'utf8');
    expect(text).toContain('TOKEN');
    expect(text).not.toContain('sesame');
    expect(text).not.toContain(Buffer.from('open sesame').toString('base64'));
    expect(statSync(files().file).mode & 0o777).toBe(0o600);
    expect(statSync(files().keyFile).mode & 0o777).toBe(0o600);
  });

  test('can be read by the next process, and by one beside', async () => {
    const first = createSecrets(files());
    const second = createSecrets(files());
    await Promise.all([first.put(one, 'A', '1'), second.put(one, 'B', '2')]);
    expect(await first.get(one, 'B')).toBe('2');
    expect(await second.names(one)).toEqual(['A', 'B']);
  });

  test('a wrong key opens nothing and seals nothing, and is named', async () => {
    const secrets = createSecrets(files());
    await secrets.put(one, 'A', '1');
    const other = { file: join(folder, 'other.json'), keyFile: join(folder, 'other.key') };
    await createSecrets(other).put(one, 'A', '1');
    const mixed = createSecrets({ file: files().file, keyFile: other.keyFile });
    const refused = { code: 'not_permitted', message: expect.stringContaining('other.key') };
    await expect(mixed.get(one, 'A')).rejects.toMatchObject(refused);
    await expect(mixed.put(one, 'B', '2')).rejects.toMatchObject(refused);
    expect(await mixed.names(one)).toEqual(['A']);
    expect(await secrets.get(one, 'A')).toBe('1');
  });

  test('an absent key is said and none is made in its place', async () => {
    const secrets = createSecrets(files());
    await secrets.put(one, 'A', '1');
    rmSync(files().keyFile);
    const refused = { code: 'not_permitted', message: expect.stringContaining('not there') };
    await expect(secrets.get(one, 'A')).rejects.toMatchObject(refused);
    await expect(secrets.put(one, 'B', '1')).rejects.toMatchObject(refused);
    await expect(secrets.put(two, 'B', '1')).rejects.toMatchObject(refused);
  });

  test('a key that others may read is refused with the cure', async () => {
    const secrets = createSecrets(files());
    await secrets.put(one, 'A', '1');
    chmodSync(files().keyFile, 0o644);
    await expect(secrets.get(one, 'A')).rejects.toMatchObject({
      code: 'not_permitted',
      message: expect.stringContaining('chmod 600'),
    });
  });

  test('a value moved to another name or namespace does not open there', async () => {
    const secrets = createSecrets(files());
    await secrets.put(one, 'A', '1');
    const text = readFileSync(files().file, 'utf8');
    writeFileSync(files().file, text.replace('"A"', '"B"'));
    await expect(secrets.get(one, 'B')).rejects.toMatchObject({ code: 'not_permitted' });
    writeFileSync(files().file, text.replace('"one"', '"two"'));
    await expect(secrets.get(two, 'A')).rejects.toMatchObject({ code: 'not_permitted' });
  });

  test('a spoilt file and one of a newer format are said', async () => {
    const secrets = createSecrets(files());
    await secrets.put(one, 'A', '1');
    writeFileSync(files().file, '{"v":1');
    await expect(secrets.names(one)).rejects.toMatchObject({ code: 'invalid' });
    writeFileSync(files().file, '{"v":9}');
    await expect(secrets.names(one)).rejects.toMatchObject({ code: 'newer_format' });
    await expect(secrets.put(one, 'A', '1')).rejects.toMatchObject({ code: 'newer_format' });
  });
});

alarmsContract('a clock that is set', () => {
  const rung: RunId[] = [];
  const clock = createSettableClock(1_000_000, () => alarms.ringDue());
  const alarms = createAlarms({ clock, ring: (_, run) => rung.push(run), timer: false });
  return {
    ...{ alarms, clock, rung },
    reach: async (at) => clock.set(Math.max(at, clock.now() + 1)),
    close: alarms.close,
  };
});

alarmsContract('timers', () => {
  const rung: RunId[] = [];
  const clock = systemClock;
  const alarms = createAlarms({ clock, ring: (_, run) => rung.push(run) });
  return {
    ...{ alarms, clock, rung },
    // Time itself is what is waited for here.
    reach: async (at) => {
      while (clock.now() < at + 10) await pause(at + 12 - clock.now());
    },
    close: alarms.close,
  };
});

describe('timers', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });
  const run = runId.parse('00000000000000000000000001');

  test('a time beyond the longest timer rings when it has come, not at once', async () => {
    const ring = vi.fn();
    const alarms = createAlarms({ clock: systemClock, ring });
    const month = 30 * 86_400_000;
    await alarms.wake(one, run, Date.now() + month);
    await vi.advanceTimersByTimeAsync(month - 1_000);
    expect(ring).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(ring).toHaveBeenCalledOnce();
    expect(alarms.waiting).toBe(0);
  });

  test('a clock of the machine that jumps ahead is noticed within a minute', async () => {
    const ring = vi.fn();
    const alarms = createAlarms({ clock: systemClock, ring });
    await alarms.wake(one, run, Date.now() + 86_400_000);
    vi.setSystemTime(Date.now() + 86_400_000);
    await vi.advanceTimersByTimeAsync(61_000);
    expect(ring).toHaveBeenCalledOnce();
    alarms.close();
  });

  test('of a run that is over are kept no longer, those of others are', async () => {
    const clock = createSettableClock(1_000, () => alarms.ringDue());
    const rung: RunId[] = [];
    const alarms = createAlarms({ clock, ring: (_, which) => rung.push(which), timer: false });
    const other = run.replace(/.$/, (last) => (last === '1' ? '2' : '1'));
    for (const at of [2_000, 3_000]) await alarms.wake(one, run, at);
    await alarms.wake(one, other, 3_000);
    alarms.forget(one, run);

    expect(alarms.waiting).toBe(1);
    clock.set(4_000);
    expect(rung).toEqual([other]);
  });

  test('after closing nothing rings', async () => {
    const ring = vi.fn();
    const alarms = createAlarms({ clock: systemClock, ring });
    await alarms.wake(one, run, Date.now() + 10);
    alarms.close();
    await alarms.wake(one, run, Date.now() + 10);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(ring).not.toHaveBeenCalled();
  });
});

const idsWith = (chance?: (bytes: number) => Uint8Array) => () => {
  const clock = createSettableClock();
  const ids = createIds({ clock, ...(chance === undefined ? {} : { chance }) });
  return { ids, setClock: clock.set };
};
idsContract('by chance', idsWith());
idsContract(
  'in a row',
  idsWith((bytes) => new Uint8Array(bytes)),
);
idsContract(
  'with the greatest chance',
  idsWith((bytes) => new Uint8Array(bytes).fill(255)),
);
