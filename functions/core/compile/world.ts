// What the checks between nodes look things up in.
import { glob } from '#core/walk/glob.ts';
import type { Draft, Reading } from './draft.ts';
import type { Findings } from './findings.ts';
import { member } from './tree.ts';

/** Events every node may raise, in the order of its life. */
export const NODE_EVENTS = [
  'started',
  'retrying',
  'completed',
  'failed',
  'timed_out',
  'cancelled',
  'skipped',
  'ended',
] as const;

/** Events that only an approval raises besides, each with the end that it comes with. */
export const DECISIONS: Readonly<Record<string, string>> = {
  approved: 'completed',
  rejected: 'failed',
};

/** The end that an event tells of, where a decision is told: `completed` for `approved`. */
export function endOf(event: string): string {
  return Object.hasOwn(DECISIONS, event) ? (DECISIONS[event] ?? event) : event;
}

/** Exactly one of these ends a node. */
export const END_EVENTS: ReadonlySet<string> = new Set([
  'completed',
  'failed',
  'timed_out',
  'cancelled',
  'skipped',
]);

/** `extract.completed` in its two parts, cut at the last dot. */
export function splitEvent(pattern: string): { source: string; event: string } {
  const dot = pattern.lastIndexOf('.');
  return { source: pattern.slice(0, dot), event: pattern.slice(dot + 1) };
}

export class World {
  readonly findings: Findings;
  readonly reading: Reading;
  readonly drafts: readonly Draft[];
  readonly #index = new Map<string, number>();
  readonly #matches = new Map<string, readonly number[]>();

  constructor(findings: Findings, reading: Reading) {
    this.findings = findings;
    this.reading = reading;
    this.drafts = reading.drafts;
    for (const [index, draft] of reading.drafts.entries()) this.#index.set(draft.node.id, index);
  }

  indexOf(id: string): number | undefined {
    return this.#index.get(id);
  }

  /** Names to suggest: none once nobody would hear of them, or a large pipeline full of mistakes would take minutes. */
  ids(): Iterable<string> {
    return this.findings.overflows ? [] : this.#index.keys();
  }

  /**
   * Whether what a node waits for was not understood, which has its problem already: nothing can be said then of what it
   * may count on.
   */
  isUnclear(draft: Draft): boolean {
    const start = draft.conditions.find((condition) => condition.use === 'startWhen');
    if (start === undefined && member(draft.place, 'startWhen') !== undefined) return true;
    return draft.needs.some(({ name }) => !this.#index.has(name));
  }

  /** Nodes that the node part of a pattern matches, in plan order. */
  matching(pattern: string): readonly number[] {
    const known = this.#matches.get(pattern);
    if (known !== undefined) return known;
    const found = pattern.includes('*')
      ? this.drafts.flatMap((draft, index) => (glob(pattern, draft.node.id) ? [index] : []))
      : [this.#index.get(pattern) ?? []].flat();
    this.#matches.set(pattern, found);
    return found;
  }
}
