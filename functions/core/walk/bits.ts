// A persistent set of small whole numbers. Copies share what did not change; looking for the next member skips empty
// pages. Used for the ready queue: members are ranks (nodes ordered by group), so that a full group is passed over
// without a look at its members.

const WORDS = 64;
const PAGE = WORDS * 32;

interface Page {
  /** Who may write to this page in place. */
  readonly owner: object;
  readonly words: Int32Array;
  count: number;
}

export interface Bits {
  readonly pages: readonly (Page | undefined)[];
}

export const NO_BITS: Bits = { pages: [] };

/** A set that is being changed; `finish` gives the persistent one and ends the right to write. */
export class BitsDraft {
  readonly #owner = {};
  readonly #pages: (Page | undefined)[];

  constructor(bits: Bits) {
    this.#pages = bits.pages.slice();
  }

  has(member: number): boolean {
    const page = this.#pages[Math.floor(member / PAGE)];
    return page !== undefined && ((page.words[wordOf(member)] ?? 0) & bitOf(member)) !== 0;
  }

  set(member: number, present: boolean): void {
    if (this.has(member) === present) return;
    const page = this.#owned(Math.floor(member / PAGE));
    const word = wordOf(member);
    page.words[word] = (page.words[word] ?? 0) ^ bitOf(member);
    page.count += present ? 1 : -1;
  }

  /** The first member that is at least `from`, or -1. */
  next(from: number): number {
    return nextMember(this.#pages, from);
  }

  finish(): Bits {
    return { pages: this.#pages };
  }

  #owned(index: number): Page {
    const page = this.#pages[index];
    if (page?.owner === this.#owner) return page;
    const copy = {
      owner: this.#owner,
      words: page ? page.words.slice() : new Int32Array(WORDS),
      count: page?.count ?? 0,
    };
    while (this.#pages.length < index) this.#pages.push(undefined);
    this.#pages[index] = copy;
    return copy;
  }
}

function wordOf(member: number): number {
  return (member >> 5) & (WORDS - 1);
}

function bitOf(member: number): number {
  return 1 << (member & 31);
}

function nextMember(pages: readonly (Page | undefined)[], from: number): number {
  for (let index = Math.floor(from / PAGE); index < pages.length; index++) {
    const page = pages[index];
    if (!page || page.count === 0) continue;
    const base = index * PAGE;
    const first = Math.max(0, from - base);
    for (let word = first >> 5; word < WORDS; word++) {
      let bits = page.words[word] ?? 0;
      if (word === first >> 5) bits &= -1 << (first & 31);
      if (bits !== 0) return base + word * 32 + lowest(bits);
    }
  }
  return -1;
}

/** The number of the lowest bit that is set; 32 when none is. */
export function lowest(bits: number): number {
  return bits === 0 ? 32 : 31 - Math.clz32(bits & -bits);
}
