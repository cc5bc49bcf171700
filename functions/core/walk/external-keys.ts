// Idempotency keys of external events, as a state remembers them: all of a run's must fit into its head, which each advance writes.
import { digester } from '#core/digest.ts';

/** Characters up to which a key is remembered as it is. */
const SHORT = 16;

/** The key, or what stands for a longer one. */
export function keptKey(key: string): string {
  if (key.length <= SHORT) return key;
  const hash = digester();
  hash.add(key);
  // Longer than any key that is kept as it is.
  return `#${hash.hex().slice(0, SHORT)}`;
}

/** Whether an event with this key was taken in before; earlier versions remembered all keys as they are. */
export const isKnown = (keys: readonly string[], key: string): boolean =>
  keys.includes(keptKey(key)) || keys.includes(key);
