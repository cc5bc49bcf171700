// ULIDs (github.com/ulid/spec): 48 bits of time and 80 of chance, in Crockford's alphabet. Within a millisecond, and when
// the clock goes back, the last one is counted up, so that later ids of one process always sort after earlier ones.
import { randomBytes } from 'node:crypto';
import type { Clock, Ids } from '#ports/small.ts';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const CHANCE_BYTES = 10;
const CHANCE_BITS = 80n;
const LETTERS = 26;

export interface IdsOptions {
  readonly clock: Clock;
  /** Where chance comes from; tests give their own. */
  readonly chance?: (bytes: number) => Uint8Array;
}

/** Ids that sort by the time they were made. */
export function createIds(options: IdsOptions): Ids {
  const chance = options.chance ?? randomBytes;
  let last = 0n;
  return {
    ulid: () => {
      const time = BigInt(Math.max(0, Math.trunc(options.clock.now())));
      const fresh = (time << CHANCE_BITS) | numberOf(chance(CHANCE_BYTES));
      last = time > last >> CHANCE_BITS ? fresh : last + 1n;
      return lettersOf(last);
    },
  };
}

function numberOf(bytes: Uint8Array): bigint {
  // The highest bit stays clear: there is always room to count up.
  const [first = 0, ...rest] = bytes;
  return [first & 0x7f, ...rest].reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function lettersOf(value: bigint): string {
  const letters: string[] = [];
  for (let place = LETTERS - 1; place >= 0; place -= 1) {
    letters.push(ALPHABET[Number((value >> BigInt(place * 5)) & 31n)] ?? '');
  }
  return letters.join('');
}
