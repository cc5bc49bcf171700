// Which objects of the store a value names. Pure.
import { fileValue, type Json, refValue } from '#schemas/values.ts';

export interface ObjectNamed {
  readonly key: string;
  readonly size: number;
  readonly sha256: string;
  readonly mediaType?: string;
  /** Its content is a value too, which may name further ones. */
  readonly value: boolean;
}

/** At any depth, each once. What only looks like a file or a reference is passed over. */
export function objectsNamed(value: Json): readonly ObjectNamed[] {
  const found = new Map<string, ObjectNamed>();
  const open: Json[] = [value];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next === null || typeof next !== 'object') continue;
    const object = objectOf(next);
    if (object === undefined) for (const member of Object.values(next)) open.push(member);
    else if (object !== 'elsewhere') found.set(object.key, object);
  }
  return [...found.values()];
}

function objectOf(value: Json): ObjectNamed | 'elsewhere' | undefined {
  const file = fileValue.safeParse(value);
  if (file.success) {
    const { key, size, sha256, mediaType } = file.data.$file;
    if (key === undefined) return 'elsewhere';
    return { key, size, sha256, value: false, ...(mediaType === undefined ? {} : { mediaType }) };
  }
  const reference = refValue.safeParse(value);
  if (!reference.success) return undefined;
  const { key, size, sha256, mediaType } = reference.data.$ref;
  return { key, size, sha256, mediaType, value: true };
}
