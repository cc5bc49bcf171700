// What every table must do, whatever it stands on.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Item, Query, Table } from '#ports/table.ts';

export interface OpenedTable {
  readonly table: Table;
  close(): Promise<void> | void;
}

const pk = 'NS#default#RUN#1';
const item = (sk: string, attributes: Record<string, unknown> = {}): Item => ({
  ...attributes,
  pk,
  sk,
  v: 1,
});

/** Judges a table; `open` answers a fresh, empty one. */
export function tableContract(name: string, open: () => Promise<OpenedTable> | OpenedTable): void {
  describe(`table: ${name}`, () => {
    let opened: OpenedTable;
    let table: Table;
    beforeEach(async () => {
      opened = await open();
      table = opened.table;
    });
    afterEach(async () => {
      await opened.close();
    });
    const put = (...items: readonly Item[]) =>
      table.transact(items.map((each) => ({ write: 'put', item: each })));
    const keysOf = async (query: Omit<Query, 'pk'>) =>
      (await table.query({ pk, ...query })).items.map(({ sk }) => sk);

    describe('single items', () => {
      test('what was put is read as it was, and what was not is undefined', async () => {
        const full = item('a', {
          text: 'ä 😀 \u0000',
          number: -1.5,
          yes: true,
          nothing: null,
          list: [1, ['x']],
          nested: { deep: { er: [] } },
        });
        expect(await table.putIfAbsent(full)).toEqual({ created: true });
        expect(await table.get({ pk, sk: 'a' })).toEqual(full);
        expect(await table.get({ pk, sk: 'b' })).toBeUndefined();
        expect(await table.get({ pk: `${pk}0`, sk: 'a' })).toBeUndefined();
      });

      test('creating twice answers the winner', async () => {
        await table.putIfAbsent(item('a', { by: 'first' }));
        expect(await table.putIfAbsent(item('a', { by: 'second' }))).toEqual({
          created: false,
          existing: item('a', { by: 'first' }),
        });
      });

      test('many are read in the order of their keys, with undefined where none is', async () => {
        await put(item('a'), item('c'));
        const keys = ['c', 'b', 'a', 'c'].map((sk) => ({ pk, sk }));
        const found = await table.getMany(keys);
        expect(found.map((each) => each?.sk)).toEqual(['c', undefined, 'a', 'c']);
      });

      test('a big item comes back whole', async () => {
        const big = item('big', { text: 'ü'.repeat(150_000) });
        await put(big);
        expect(await table.get(big)).toEqual(big);
      });
    });

    describe('update', () => {
      test('changes only what is named and answers the item afterwards', async () => {
        await put(item('a', { kept: 1, gone: 2, count: 3 }));
        const after = await table.update(
          { pk, sk: 'a' },
          { set: { fresh: [1] }, add: { count: 2, born: 1 }, remove: ['gone', 'never'] },
        );
        expect(after).toEqual(item('a', { kept: 1, count: 5, born: 1, fresh: [1] }));
        expect(await table.get({ pk, sk: 'a' })).toEqual(after);
      });

      test('of an absent item is refused, so that a late writer raises nothing from the dead', async () => {
        await expect(table.update({ pk, sk: 'a' }, { set: { x: 1 } })).rejects.toMatchObject({
          family: 'conflict',
          code: 'condition_failed',
        });
        expect(await table.get({ pk, sk: 'a' })).toBeUndefined();
      });

      test.each([
        ['equals holds', { equals: { n: 5, s: 'x', b: true } }, true],
        ['equals of another value', { equals: { n: 6 } }, false],
        ['equals of another kind', { equals: { n: '5' } }, false],
        ['equals of an absent attribute', { equals: { z: 1 } }, false],
        ['at most, equal', { atMost: { n: 5 } }, true],
        ['at most, greater', { atMost: { n: 4 } }, false],
        ['at most of an absent attribute, which counts as 0', { atMost: { z: 0 } }, true],
        ['at most of an absent attribute below 0', { atMost: { z: -1 } }, false],
        ['lacks an absent attribute', { lacks: ['z'] }, true],
        ['lacks a present attribute', { lacks: ['z', 'n'] }, false],
        ['exists', { exists: true }, true],
        ['must not exist', { exists: false }, false],
        ['all parts, one wrong', { equals: { n: 5 }, lacks: ['n'] }, false],
      ])('condition: %s', async (_, condition, holds) => {
        await put(item('a', { n: 5, s: 'x', b: true }));
        const done = table.update({ pk, sk: 'a' }, { set: { changed: true } }, condition);
        if (holds) await done;
        else await expect(done).rejects.toMatchObject({ code: 'condition_failed' });
        expect((await table.get({ pk, sk: 'a' }))?.['changed']).toBe(holds ? true : undefined);
      });

      test('of fifty writers with one condition, exactly one wins', async () => {
        await put(item('a', { token: 'free' }));
        const tries = await Promise.allSettled(
          Array.from({ length: 50 }, (_, mine) =>
            table.update({ pk, sk: 'a' }, { set: { token: mine } }, { equals: { token: 'free' } }),
          ),
        );
        const won = tries.flatMap((each, mine) => (each.status === 'fulfilled' ? [mine] : []));
        expect(won).toHaveLength(1);
        expect((await table.get({ pk, sk: 'a' }))?.['token']).toBe(won[0]);
      });

      test('of fifty creators, exactly one creates and the others see it', async () => {
        const answers = await Promise.all(
          Array.from({ length: 50 }, (_, by) => table.putIfAbsent(item('a', { by }))),
        );
        const created = answers.flatMap((answer, by) => (answer.created ? [by] : []));
        expect(created).toHaveLength(1);
        for (const answer of answers) {
          if (!answer.created) expect(answer.existing['by']).toBe(created[0]);
        }
      });

      test('adding at once loses no addition', async () => {
        await put(item('a'));
        await Promise.all(
          Array.from({ length: 100 }, () => table.update({ pk, sk: 'a' }, { add: { rings: 1 } })),
        );
        expect((await table.get({ pk, sk: 'a' }))?.['rings']).toBe(100);
      });
    });

    describe('transact', () => {
      test('performs puts, updates, deletes and checks together', async () => {
        await put(item('changed', { n: 1 }), item('gone'), item('checked', { n: 7 }));
        await table.transact([
          { write: 'put', item: item('made'), if: { exists: false } },
          { write: 'update', key: { pk, sk: 'changed' }, changes: { add: { n: 1 } } },
          { write: 'delete', key: { pk, sk: 'gone' }, if: { exists: true } },
          { write: 'check', key: { pk, sk: 'checked' }, if: { equals: { n: 7 } } },
          { write: 'delete', key: { pk, sk: 'never there' } },
        ]);
        expect(await keysOf({})).toEqual(['changed', 'checked', 'made']);
        expect((await table.get({ pk, sk: 'changed' }))?.['n']).toBe(2);
      });

      test('changes nothing when one condition fails, and names the first that did', async () => {
        await put(item('a', { n: 1 }));
        const refused = table.transact([
          { write: 'put', item: item('b') },
          { write: 'update', key: { pk, sk: 'a' }, changes: { set: { n: 2 } } },
          { write: 'delete', key: { pk, sk: 'c' }, if: { exists: true } },
          { write: 'check', key: { pk, sk: 'd' }, if: { exists: true } },
        ]);
        await expect(refused).rejects.toMatchObject({
          family: 'conflict',
          code: 'condition_failed',
          details: { index: 2 },
        });
        expect(await table.query({ pk })).toEqual({ items: [item('a', { n: 1 })] });
      });

      test('two that overlap are one after the other, never mixed', async () => {
        const pair = (by: string) =>
          table.transact(
            ['a', 'b'].map((sk) => ({
              write: 'put',
              item: item(sk, { by }),
              if: { exists: false },
            })),
          );
        const tries = await Promise.allSettled(['x', 'y', 'z'].map(pair));
        expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        const { items } = await table.query({ pk });
        expect(new Set(items.map((each) => each['by'])).size).toBe(1);
      });

      test('a refused one takes no other with it that came at the same time', async () => {
        const [good, bad, alsoGood] = await Promise.allSettled([
          table.transact([{ write: 'put', item: item('good') }]),
          table.transact([
            { write: 'put', item: item('bad') },
            { write: 'check', key: { pk, sk: 'none' }, if: { exists: true } },
          ]),
          table.putIfAbsent(item('also good')),
        ]);
        expect([good.status, bad.status, alsoGood.status]).toEqual([
          'fulfilled',
          'rejected',
          'fulfilled',
        ]);
        expect(await keysOf({})).toEqual(['also good', 'good']);
      });

      test('naming one item twice is refused', async () => {
        const twice = table.transact([
          { write: 'put', item: item('a') },
          { write: 'delete', key: { pk, sk: 'a' } },
        ]);
        await expect(twice).rejects.toMatchObject({ family: 'defect' });
      });

      test('takes as many writes as its bounds say', async () => {
        const many = Array.from({ length: table.bounds.transactItems }, (_, n) => item(`n${n}`));
        await put(...many);
        await expect(put(...many, item('one more'))).rejects.toMatchObject({ code: 'too_large' });
      });
    });

    describe('query', () => {
      test('sorts by bytes of UTF-8 and keeps to its partition', async () => {
        // By UTF-16 units, as texts compare in JavaScript, the last two would change places.
        const sorted = ['', 'A', 'a', 'a\u0000', 'aa', 'ä', '\uffee', '😀'].slice(1);
        await put(...sorted.toReversed().map((sk) => item(sk)));
        await table.putIfAbsent({ pk: 'NS#other', sk: 'a', v: 1 });
        expect(await keysOf({})).toEqual(sorted);
        expect(await keysOf({ reverse: true })).toEqual(sorted.toReversed());
      });

      test.each([
        ['LOG#', ['LOG#1', 'LOG#2']],
        ['%', ['%', '%x']],
        ['_', ['_', '_x']],
        ['a%', ['a%b']],
        ['ab', ['ab']],
        ['\u{10ffff}', ['\u{10ffff}', '\u{10ffff}x']],
        ['none', []],
      ])('a prefix means itself: %j', async (prefix, wanted) => {
        const all = [
          'LOG#1',
          'LOG#2',
          'LOH',
          'LOG',
          '%',
          '%x',
          '_',
          '_x',
          'a%b',
          'ab',
          '\u{10ffff}',
        ];
        await put(...[...all, '\u{10ffff}x'].map((sk) => item(sk)));
        expect(await keysOf({ prefix })).toEqual(wanted);
        expect(await keysOf({ prefix, reverse: true })).toEqual(wanted.toReversed());
      });

      test('begins after a key, or before it in reverse, whether that key is there or not', async () => {
        await put(...['a1', 'a2', 'a3', 'b1'].map((sk) => item(sk)));
        expect(await keysOf({ after: 'a2' })).toEqual(['a3', 'b1']);
        expect(await keysOf({ after: 'a2', prefix: 'a' })).toEqual(['a3']);
        expect(await keysOf({ after: 'a15', prefix: 'a' })).toEqual(['a2', 'a3']);
        expect(await keysOf({ after: 'a3', reverse: true })).toEqual(['a2', 'a1']);
        expect(await keysOf({ after: 'zz', prefix: 'a', reverse: true })).toEqual([
          'a3',
          'a2',
          'a1',
        ]);
        expect(await keysOf({ after: 'b', prefix: 'a' })).toEqual([]);
      });

      test.each([false, true])(
        'pages follow one another by cursor, reverse %s',
        async (reverse) => {
          const all = Array.from({ length: 25 }, (_, n) => `k${String(n).padStart(2, '0')}`);
          await put(...all.map((sk) => item(sk)), item('other'));
          const seen: string[] = [];
          const sizes: number[] = [];
          let cursor: string | undefined;
          do {
            const page = await table.query({
              ...{ pk, prefix: 'k', limit: 10, reverse },
              ...(cursor === undefined ? {} : { cursor }),
            });
            seen.push(...page.items.map(({ sk }) => sk));
            sizes.push(page.items.length);
            cursor = page.cursor;
          } while (cursor !== undefined);
          expect(seen).toEqual(reverse ? all.toReversed() : all);
          expect(sizes).toEqual([10, 10, 5]);
        },
      );

      test('a page that is just full and the last has no cursor', async () => {
        await put(item('a'), item('b'));
        expect((await table.query({ pk, limit: 2 })).cursor).toBeUndefined();
        expect((await table.query({ pk, limit: 1 })).cursor).toBeDefined();
        expect(await table.query({ pk: 'NS#none' })).toEqual({ items: [] });
      });

      test('big items come in smaller pages, none of them lost', async () => {
        const text = 'x'.repeat(300_000);
        for (let n = 0; n < 20; n += 1) await put(item(`k${n}`, { text }));
        let count = 0;
        let cursor: string | undefined;
        do {
          const page = await table.query({ pk, ...(cursor === undefined ? {} : { cursor }) });
          count += page.items.length;
          cursor = page.cursor;
        } while (cursor !== undefined);
        expect(count).toBe(20);
      });

      test('a cursor that was never given out is refused', async () => {
        await expect(table.query({ pk, cursor: 'zzz' })).rejects.toMatchObject({ code: 'invalid' });
      });
    });

    test('an item of a newer format is neither read nor changed', async () => {
      await table.putIfAbsent({ ...item('a'), v: 2 });
      const key = { pk, sk: 'a' };
      const newer = { family: 'rejected', code: 'newer_format' };
      await expect(table.get(key)).rejects.toMatchObject(newer);
      await expect(table.query({ pk })).rejects.toMatchObject(newer);
      await expect(table.update(key, { set: { x: 1 } })).rejects.toMatchObject(newer);
      await expect(table.transact([{ write: 'delete', key }])).rejects.toMatchObject(newer);
      await expect(put(item('a'))).rejects.toMatchObject(newer);
    });
  });
}
