// How a secret is written: Secrets Manager takes no empty text.

/** Stands for the empty text. No secret may hold it. */
const EMPTY = '\0';

/** The text to be kept. */
export const written = (value: string): string => (value === '' ? EMPTY : value);

export const read = (kept: string): string => (kept === EMPTY ? '' : kept);
