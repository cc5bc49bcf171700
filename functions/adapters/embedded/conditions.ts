// Judges conditions and applies changes. Pure; the table calls it inside its transaction.
import { Defect } from '#errors/families.ts';
import type { Attributes, Changes, Condition } from '#ports/table.ts';

/** Whether all parts of the condition hold for these attributes (undefined: no such item). */
export function holds(condition: Condition, item: Attributes | undefined): boolean {
  if (condition.exists !== undefined && condition.exists !== (item !== undefined)) return false;
  return (
    Object.entries(condition.equals ?? {}).every(([name, value]) => own(item, name) === value) &&
    Object.entries(condition.atMost ?? {}).every(([name, most]) => {
      const value = own(item, name) ?? 0;
      return typeof value === 'number' && value <= most;
    }) &&
    (condition.lacks ?? []).every((name) => own(item, name) === undefined)
  );
}

/** Whether the attributes themselves must be read to judge it. */
export function looksInside(condition: Condition | undefined): boolean {
  return (
    condition?.equals !== undefined ||
    condition?.atMost !== undefined ||
    condition?.lacks !== undefined
  );
}

/** The attributes after the changes: removed, then set, then added. */
export function changed(item: Attributes, changes: Changes): Attributes {
  const gone = new Set(changes.remove ?? []);
  const kept = Object.fromEntries(Object.entries(item).filter(([name]) => !gone.has(name)));
  const set = { ...kept, ...changes.set };
  const sums = Object.entries(changes.add ?? {}).map(([name, amount]) => {
    const before = own(set, name) ?? 0;
    if (typeof before !== 'number') {
      throw new Defect(`attribute "${name}" is ${JSON.stringify(before)}, not a number to add to`);
    }
    return [name, before + amount] as const;
  });
  return { ...set, ...Object.fromEntries(sums) };
}

function own(item: Attributes | undefined, name: string): unknown {
  return item !== undefined && Object.hasOwn(item, name) ? item[name] : undefined;
}
