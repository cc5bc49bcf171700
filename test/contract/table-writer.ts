// A process of its own that writes to a table, for tests that kill it or take its room away.
import { openTable, type SqliteTable } from '#embedded/table.ts';
import { MillraceError } from '#errors/families.ts';

const [job = '', file = '', argument = ''] = process.argv.slice(2);
const pk = 'NS#default';

/** Writes two items and a counter in each transaction until it is killed; prints a line for each that was answered. */
async function writePairs(table: SqliteTable): Promise<never> {
  await table.putIfAbsent({ pk, sk: `${argument}count`, v: 1, n: 0 });
  for (let n = 0; ; n += 1) {
    await Promise.all([0, 1, 2].map((part) => pair(table, `${n}-${part}`)));
  }
}

async function pair(table: SqliteTable, name: string): Promise<void> {
  const text = 'x'.repeat(2_000);
  await table.transact([
    { write: 'put', item: { pk, sk: `${argument}left#${name}`, v: 1, text } },
    { write: 'update', key: { pk, sk: `${argument}count` }, changes: { add: { n: 1 } } },
    { write: 'put', item: { pk, sk: `${argument}right#${name}`, v: 1, text } },
  ]);
  process.stdout.write(`${name}\n`);
}

async function add(table: SqliteTable): Promise<void> {
  await table.putIfAbsent({ pk, sk: 'sum', v: 1 });
  for (let n = 0; n < Number(argument); n += 1) {
    await table.update({ pk, sk: 'sum' }, { add: { n: 1 } });
  }
}

/** Writes until there is no room left, and says what that was called. */
async function fill(table: SqliteTable): Promise<void> {
  await table.putIfAbsent({ pk, sk: 'count', v: 1, n: 0 });
  for (let answered = 0; ; answered += 1) {
    try {
      await table.transact([
        { write: 'put', item: { pk, sk: `big#${answered}`, v: 1, text: 'x'.repeat(50_000) } },
        { write: 'update', key: { pk, sk: 'count' }, changes: { add: { n: 1 } } },
      ]);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      const counted = await table.get({ pk, sk: 'count' });
      const last = await table.get({ pk, sk: `big#${answered - 1}` });
      const refused = await table.get({ pk, sk: `big#${answered}` });
      const after = counted === undefined ? 'lost' : 'readable';
      const whole = counted?.['n'] === answered && last !== undefined && refused === undefined;
      const { family, code } = error;
      process.stdout.write(JSON.stringify({ family, code, after, whole }));
      return;
    }
  }
}

async function readOnly(): Promise<void> {
  const codeOf = (open: () => unknown): string => {
    try {
      open();
      return 'opened';
    } catch (error) {
      return error instanceof MillraceError ? error.code : String(error);
    }
  };
  const write = codeOf(() => openTable(file));
  const create = codeOf(() => openTable(`${file}.new`));
  const reader = openTable(file, { readOnly: true });
  const { items } = await reader.query({ pk });
  process.stdout.write(JSON.stringify({ write, create, read: items.length }));
}

if (job === 'readonly') await readOnly();
else {
  const table = openTable(file);
  if (job === 'pairs') await writePairs(table);
  else if (job === 'add') await add(table);
  else await fill(table);
  table.close();
}
