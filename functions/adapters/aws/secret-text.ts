// What may be kept as a secret, and how it is written: Secrets Manager takes no empty text.
import { Rejected } from '#errors/families.ts';
import { namespace as namespaceSchema } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { secretName, secretText } from '#schemas/secrets.ts';

/** Stands for the empty text. No secret may hold it. */
const EMPTY = '\0';

export function refuseName(namespace: string, name: string): void {
  refuseNamespace(namespace);
  const judged = secretName.safeParse(name);
  if (judged.success) return;
  const why = judged.error.issues.map(({ message }) => message).join(', ');
  throw new Rejected('invalid', `secret ${JSON.stringify(name.slice(0, 200))}: ${why}`);
}

export function refuseNamespace(namespace: string): void {
  if (namespaceSchema.safeParse(namespace).success) return;
  throw new Rejected('invalid', `${JSON.stringify(namespace)} is no namespace`);
}

/** The text to be kept. */
export function written(name: string, value: string): string {
  const bytes = Buffer.byteLength(value);
  if (bytes > limits.secretBytes) {
    throw new Rejected(
      'too_large',
      `secret ${name}: ${bytes} bytes, at most ${limits.secretBytes}`,
    );
  }
  const judged = secretText.safeParse(value);
  if (!judged.success) {
    const why = judged.error.issues.map(({ message }) => message).join(', ');
    throw new Rejected('invalid', `secret ${name}: ${why}`);
  }
  return value === '' ? EMPTY : value;
}

export const read = (kept: string): string => (kept === EMPTY ? '' : kept);
