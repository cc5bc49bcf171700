// What secrets are called, and what they may be, wherever they are kept.
import * as z from 'zod';
import { limits } from './limits.ts';

/** They become variables of programs. */
export const secretName = z
  .string()
  .refine(
    (name) =>
      /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) &&
      name !== '__proto__' &&
      name.length <= limits.idLength,
    `a name has letters, digits and "_", no digit first, at most ${limits.idLength}`,
  );

/** How many bytes it may have is judged by `limits.secretBytes`. */
export const secretText = z
  .string()
  .refine(
    (value) => !value.includes('\0') && value.isWellFormed(),
    'it is no text that a program could be given',
  );
