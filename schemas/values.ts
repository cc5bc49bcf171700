// Values: what variables hold and programs hand over.
import * as z from 'zod';
import { digest } from './ids.ts';

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** Any JSON value. Shape only; sizes are checked where a value enters. */
export const json: z.ZodType<Json> = z.lazy(() =>
  z.union([
    z.null(),
    z.boolean(),
    z.number(),
    z.string(),
    z.array(json),
    z.record(z.string(), json),
  ]),
);

/** Names an object of the store. Whoever could lead out of its folder with one would read any file of the machine. */
const objectKey = z.string().regex(/^(?!.*(?:^|\/)\.\.(?:\/|$))[^/\0]/u);

/**
 * A file kept by reference. `key` names it in the object store; `path` is set instead for a file that
 * was given on this machine and stays where it is. Exactly one of the two is there.
 */
export const fileValue = z.strictObject({
  $file: z.strictObject({
    key: objectKey.optional(),
    path: z.string().optional(),
    name: z.string(),
    size: z.int().nonnegative(),
    sha256: digest,
    mediaType: z.string().optional(),
    metadata: z.record(z.string(), json).optional(),
  }),
});
export type FileValue = z.infer<typeof fileValue>;

/** A value over `limits.inlineValueBytes`, kept in the object store. `count` is there when it is a list. */
export const refValue = z.strictObject({
  $ref: z.strictObject({
    key: objectKey,
    size: z.int().nonnegative(),
    sha256: digest,
    mediaType: z.string(),
    count: z.int().nonnegative().optional(),
  }),
});
export type RefValue = z.infer<typeof refValue>;

/** Outputs of an attempt by name. Members may be file or reference values, at any depth for files. */
export const outputs = z.record(z.string(), json);
export type Outputs = z.infer<typeof outputs>;

/** The types an input of a pipeline may have. */
export const inputType = z.enum([
  'string',
  'number',
  'boolean',
  'array',
  'object',
  'file',
  'dataset',
]);
export type InputType = z.infer<typeof inputType>;
