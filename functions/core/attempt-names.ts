// What an attempt's files and objects are called: one text for one address, wherever it is made.
import type { AttemptName } from '#schemas/work-order.ts';
import { digester } from './digest.ts';

const LONGEST_NAME = 120;
const HASH = 24;

/** An address as the name of one file: `per_region[3]` is `per_region.3`; other signs are escaped, long ones shortened with a hash. */
export function safeName(address: string): string {
  const plain = address
    .replace(/\[(\d+)\]$/u, '.$1')
    .replace(/[^\p{L}\p{N}_.@-]/gu, (sign) => `%${sign.codePointAt(0)?.toString(16)}`)
    .replace(/^\.+/u, (dots) => '%2e'.repeat(dots.length));
  if (bytesOf(plain) <= LONGEST_NAME) return plain;
  const hash = digester();
  hash.add(address);
  return `${Array.from(plain).slice(0, 20).join('')}-${hash.hex().slice(0, HASH)}`;
}

/** What begins the keys of an attempt's own objects: readable, and each attempt has its own. */
export function keptKeys(name: AttemptName): { artifacts: string; values: string } {
  // No address has a tilde: it is escaped.
  const again = name.attempt === 1 ? '' : `~${name.attempt}`;
  const own = `${name.run}/${safeName(name.address)}${again}`;
  return {
    artifacts: `NS/${name.namespace}/artifacts/${own}`,
    values: `NS/${name.namespace}/values/${own}`,
  };
}

/** As UTF-8. */
function bytesOf(text: string): number {
  let bytes = 0;
  for (const letter of text) {
    const code = letter.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
