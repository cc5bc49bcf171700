// Types of inputs: what fits them, and what they are called.
import type { InputType, Json } from '#schemas/values.ts';

/** Whether a value is of the type of an input. Files and datasets are named by a text until they are resolved. */
export function fitsType(value: Json, type: InputType): boolean {
  if (type === 'array') return Array.isArray(value);
  if (type === 'object')
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  if (type === 'number' || type === 'boolean') return typeof value === type;
  return typeof value === 'string';
}

/** `an array`, `a number`. */
export function nameOfType(type: InputType): string {
  if (type === 'file') return 'the path of a file, a text';
  return /^[ao]/.test(type) ? `an ${type}` : `a ${type}`;
}
