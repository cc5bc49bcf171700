// What every store of secrets, every clock and source of ids, and all alarms must do.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Alarms, Clock, Ids, Secrets } from '#ports/small.ts';
import { type Namespace, namespace, type RunId, runId } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';

export interface OpenedSecrets {
  readonly secrets: Secrets;
  close(): Promise<void> | void;
}

const one = namespace.parse('one');
const two = namespace.parse('two');

/** Judges a store of secrets; `open` answers a fresh, empty one. */
export function secretsContract(
  name: string,
  open: () => Promise<OpenedSecrets> | OpenedSecrets,
): void {
  describe(`secrets: ${name}`, () => {
    let opened: OpenedSecrets;
    let secrets: Secrets;
    beforeEach(async () => {
      opened = await open();
      secrets = opened.secrets;
    });
    afterEach(async () => {
      await opened.close();
    });

    test.each(['plain', '', 'ä😀', 'two\nlines\n', 'x'.repeat(limits.secretBytes)])(
      'a value comes back as it was put',
      async (value) => {
        await secrets.put(one, 'TOKEN', value);
        expect(await secrets.get(one, 'TOKEN')).toBe(value);
      },
    );

    test('a later value takes the place of an earlier one', async () => {
      await secrets.put(one, 'TOKEN', 'old');
      await secrets.put(one, 'TOKEN', 'new');
      expect(await secrets.get(one, 'TOKEN')).toBe('new');
      expect(await secrets.names(one)).toEqual(['TOKEN']);
    });

    test('what was never put is undefined, names such as constructor included', async () => {
      for (const absent of ['TOKEN', 'constructor', 'toString']) {
        expect(await secrets.get(one, absent)).toBeUndefined();
        expect(await secrets.remove(one, absent)).toBe(false);
      }
      expect(await secrets.names(one)).toEqual([]);
    });

    test('namespaces see nothing of one another', async () => {
      await secrets.put(one, 'TOKEN', 'of one');
      await secrets.put(two, 'TOKEN', 'of two');
      await secrets.put(two, 'OTHER', 'x');
      expect(await secrets.names(one)).toEqual(['TOKEN']);
      expect(await secrets.remove(two, 'TOKEN')).toBe(true);
      expect(await secrets.get(one, 'TOKEN')).toBe('of one');
      expect(await secrets.get(two, 'TOKEN')).toBeUndefined();
    });

    test('what was removed is gone', async () => {
      await secrets.put(one, 'TOKEN', 'x');
      expect(await secrets.remove(one, 'TOKEN')).toBe(true);
      expect(await secrets.remove(one, 'TOKEN')).toBe(false);
      expect(await secrets.names(one)).toEqual([]);
      await secrets.put(one, 'TOKEN', 'again');
      expect(await secrets.get(one, 'TOKEN')).toBe('again');
    });

    test('names are sorted', async () => {
      for (const each of ['b', 'A', '_c', 'a']) await secrets.put(one, each, each);
      expect(await secrets.names(one)).toEqual(['A', '_c', 'a', 'b']);
    });

    test.each(['', '1A', 'A-B', 'A B', 'ä', '__proto__', 'A\n', 'A'.repeat(200)])(
      'a name that no secret may have is refused: %j',
      async (bad) => {
        const refused = { family: 'rejected', code: 'invalid' };
        await expect(secrets.put(one, bad, 'x')).rejects.toMatchObject(refused);
        await expect(secrets.get(one, bad)).rejects.toMatchObject(refused);
      },
    );

    test('a value over the limit is refused, without being shown', async () => {
      const value = `sesame${'ä'.repeat(limits.secretBytes / 2)}`;
      const refused = secrets.put(one, 'TOKEN', value);
      await expect(refused).rejects.toMatchObject({ code: 'too_large' });
      await expect(refused).rejects.not.toThrow(/sesame/);
      await expect(secrets.put(one, 'TOKEN', 'a\u0000b')).rejects.toMatchObject({
        code: 'invalid',
      });
    });
  });
}

export interface OpenedAlarms {
  readonly alarms: Alarms;
  readonly clock: Clock;
  /** Runs that were rung, in order. */
  readonly rung: readonly RunId[];
  /** Lets time pass until then, and what is due ring. */
  reach(at: number): Promise<void>;
  close(): Promise<void> | void;
}

/** Judges alarms; `open` answers fresh ones. A queue that counts in seconds has its time stretched so many times. */
export function alarmsContract(
  name: string,
  open: () => Promise<OpenedAlarms> | OpenedAlarms,
  stretch = 1,
): void {
  describe(`alarms: ${name}`, () => {
    let opened: OpenedAlarms;
    let start: number;
    beforeEach(async () => {
      opened = await open();
      start = opened.clock.now();
    });
    afterEach(async () => {
      await opened.close();
    });
    const run = (n: number): RunId => runId.parse(`0000000000000000000000000${n}`);
    const wake = (n: number, after: number) =>
      opened.alarms.wake(one, run(n), start + after * stretch);
    const reach = (after: number) => opened.reach(start + after * stretch);
    const space: Namespace = one;

    test('a run is rung at its time and not before', async () => {
      await wake(1, 300);
      await reach(200);
      expect(opened.rung).toEqual([]);
      await reach(300);
      expect(opened.rung).toEqual([run(1)]);
    });

    test('a time that is past rings at once', async () => {
      await opened.alarms.wake(space, run(1), 0);
      await reach(50);
      expect(opened.rung).toEqual([run(1)]);
    });

    test('an earlier time asked for later comes first; the later one is not lost', async () => {
      await wake(1, 400);
      await wake(1, 100);
      await wake(2, 200);
      await reach(250);
      expect(opened.rung).toEqual([run(1), run(2)]);
      await reach(400);
      expect(opened.rung.filter((each) => each === run(1))).toHaveLength(2);
    });

    test('asked for twice, a time rings at least once', async () => {
      await wake(1, 100);
      await wake(1, 100);
      await reach(150);
      expect(opened.rung).toContain(run(1));
    });

    test('a time years away does not ring now', async () => {
      await wake(1, 10 * 366 * 86_400_000);
      await reach(100);
      expect(opened.rung).toEqual([]);
    });
  });
}

/** Judges ids; `setClock` moves the clock they were made with. */
export function idsContract(
  name: string,
  open: () => { ids: Ids; setClock: (at: number) => void },
): void {
  describe(`ids: ${name}`, () => {
    test('are ULIDs that sort by the time they were made', () => {
      const { ids, setClock } = open();
      setClock(1_000);
      const first = ids.ulid();
      setClock(2_000);
      const second = ids.ulid();
      expect(runId.safeParse(first).success).toBe(true);
      expect([second, first].sort()).toEqual([first, second]);
    });

    test('sort in the order they were made within a millisecond, and when the clock goes back', () => {
      const { ids, setClock } = open();
      setClock(5_000);
      const made = Array.from({ length: 2_000 }, () => ids.ulid());
      setClock(1_000);
      made.push(ids.ulid(), ids.ulid());
      expect(made.toSorted()).toEqual(made);
      expect(new Set(made).size).toBe(made.length);
    });

    test('carry the time in their first ten letters', () => {
      const { ids, setClock } = open();
      setClock(1_469_918_176_385);
      // The example of the specification.
      expect(ids.ulid().slice(0, 10)).toBe('01ARYZ6S41');
    });
  });
}
