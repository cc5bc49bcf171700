// Members that only the engine writes into values: whoever gives a value from outside may not name an object of the store in it.
import type { Json } from '#schemas/values.ts';

/** Whether a value holds a value by reference, at any depth. */
export function holdsReference(value: Json): boolean {
  const left: Json[] = [value];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (next === null || typeof next !== 'object') continue;
    if (Object.hasOwn(next, '$ref')) return true;
    // Not spread into one call: a list may have more members than a call has places.
    for (const member of Object.values(next)) left.push(member);
  }
  return false;
}
