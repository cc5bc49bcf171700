// SHA-256 without the host: the core has neither node:crypto nor Web Crypto.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

/** Takes a text piece by piece; `hex` ends it. */
export interface Digester {
  add(piece: string): void;
  /** Lower-case hexadecimal. */
  hex(): string;
}

/** SHA-256 of the UTF-8 of all pieces together. */
export function digester(): Digester {
  const hash = sha256.create();
  return {
    add: (piece) => {
      hash.update(utf8ToBytes(piece));
    },
    hex: () => bytesToHex(hash.digest()),
  };
}
