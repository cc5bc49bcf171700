// People who decide approvals in the simulated worlds: each decision may be made as soon as its approval has started, by one person or by
// two at once, and what is stored of it agrees with how the node ended.
import { Defect, Rejected } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import { attemptOf } from '#service/bulk.ts';
import type { Verdict } from '#service/decide-approval.ts';
import { ATTEMPT, addressOf, type RunRef, runKey, splitAddress } from '#service/keys.ts';
import type { Sketch } from '#support/sketch.ts';
import { keyOf, type Ledger } from './walk-ledger.ts';
import type { WorldPorts } from './world-ports.ts';

export interface Decidable {
  readonly address: string;
  readonly verdict: Verdict;
}

export class Decisions {
  readonly #sketch: Sketch;
  readonly #ledger: Ledger;
  readonly #made = new Set<string>();

  constructor(sketch: Sketch, ledger: Ledger) {
    this.#sketch = sketch;
    this.#ledger = ledger;
  }

  /** Approvals that wait and that somebody will decide; each is answered until it was decided once. */
  get open(): readonly Decidable[] {
    return [...this.#ledger.live.values()].flatMap((live): Decidable[] => {
      const node = this.#sketch.nodes[live.node];
      const ending = node?.endings[live.instance ?? 0]?.[0];
      if (node?.kind !== 'approval' || this.#made.has(keyOf(live))) return [];
      if (ending === undefined || ending.result === 'timed_out') return [];
      const address = addressOf(node.id, live.instance);
      return [{ address, verdict: { approve: ending.result === 'completed', by: 'ana' } }];
    });
  }

  made({ address }: Decidable): void {
    const { node, instance } = splitAddress(address);
    const index = this.#sketch.nodes.findIndex((each) => each.id === node);
    this.#made.add(keyOf(instance === undefined ? { node: index } : { node: index, instance }));
  }
}

/** Whoever comes second is refused; so is one who asks again because nobody answered the first time. */
export async function unlessDecided(asked: Promise<void>): Promise<void> {
  await asked.catch((error: unknown) => {
    if (!(error instanceof Rejected) || error.code !== 'wrong_state') throw error;
  });
}

/** A decision and a deadline never both stand: every approval that ended has one item, and it says what the node came to. */
export async function checkDecisions(
  sketch: Sketch,
  { ledger, ports, ref }: { ledger: Ledger; ports: WorldPorts; ref: RunRef },
): Promise<void> {
  for (const [index, node] of sketch.nodes.entries()) {
    if (node.kind !== 'approval') continue;
    const prefix = `${ATTEMPT}${node.id}`;
    const page = await ports.table.query({ pk: runKey(ref), prefix, limit: limits.page });
    for (const item of page.items) {
      const { address, report } = attemptOf(item);
      const { node: id, instance } = splitAddress(address);
      if (id !== node.id) continue;
      const place = instance === undefined ? { node: index } : { node: index, instance };
      const ended = ledger.ended.get(keyOf(place));
      if (report?.result.result !== ended?.status)
        throw new Defect(
          `${address} ended ${ended?.status}, yet what is kept of it is ${report?.result.result}`,
        );
    }
  }
}
