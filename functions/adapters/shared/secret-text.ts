// What may be kept as a secret, and under which name.
import { Rejected } from '#errors/families.ts';
import { namespace as namespaceSchema } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { secretName, secretText } from '#schemas/secrets.ts';

/** Refuses what is no namespace. */
export function refuseNamespace(namespace: string): void {
  if (namespaceSchema.safeParse(namespace).success) return;
  throw new Rejected('invalid', `${JSON.stringify(namespace)} is no namespace`);
}

/** Refuses what no secret may be called. */
export function refuseName(namespace: string, name: string): void {
  refuseNamespace(namespace);
  refuseUnlike(secretName, name, `secret ${JSON.stringify(name.slice(0, 200))}`);
}

/** Refuses what no secret may hold. */
export function refuseValue(name: string, value: string): void {
  const bytes = Buffer.byteLength(value);
  if (bytes > limits.secretBytes)
    throw new Rejected(
      'too_large',
      `secret ${name}: ${bytes} bytes, at most ${limits.secretBytes}`,
    );
  refuseUnlike(secretText, value, `secret ${name}`);
}

function refuseUnlike(
  schema: typeof secretName | typeof secretText,
  text: string,
  subject: string,
): void {
  const judged = schema.safeParse(text);
  if (judged.success) return;
  const why = judged.error.issues.map(({ message }) => message).join(', ');
  throw new Rejected('invalid', `${subject}: ${why}`);
}
