// Refuses what is no key of an object before anything is asked of the store.
import { Rejected } from '#errors/families.ts';
import { objectKey, objectPrefix } from '#schemas/object-key.ts';

/** Refuses a key that is not `NS/<namespace>/<part>/…` of plain parts. */
export const refuseKey = (key: string): void => refuse(objectKey, key);

/** Refuses what no key could begin with. The last part may be half a name. */
export const refusePrefix = (prefix: string): void => refuse(objectPrefix, prefix);

function refuse(schema: typeof objectKey, key: string): void {
  const judged = schema.safeParse(key);
  if (judged.success) return;
  const why = judged.error.issues.map(({ message }) => message).join(', ');
  throw new Rejected('invalid', `object key ${JSON.stringify(key.slice(0, 200))}: ${why}`);
}
