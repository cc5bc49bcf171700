// Somebody who decides the approvals of a round, whether an engine lives or not; sometimes two who do not agree.
import { planOf, type ReadRun, readRuns } from './crash-checks.ts';

interface Asked {
  readonly run: string;
  readonly address: string;
}

/** What the program says to one decision. */
export type Decide = (args: readonly string[]) => Promise<{ code: number | null; output: string }>;

interface Said extends Asked {
  readonly verdict: 'approve' | 'reject';
  readonly by: string;
  /** Undefined: nobody knows, the answer was lost. */
  stands: boolean | undefined;
}

const PAUSE = 120;

export class People {
  readonly #dataDir: string;
  readonly #decide: Decide;
  readonly #random: () => number;
  readonly #said: Said[] = [];
  readonly #faults: string[] = [];
  #over = false;
  #working: Promise<void> | undefined;

  constructor(dataDir: string, decide: Decide, random: () => number) {
    this.#dataDir = dataDir;
    this.#decide = decide;
    this.#random = random;
  }

  begin(): void {
    this.#working = this.#work();
  }

  /** Ends with what is wrong: of two decisions one stands, and the node ends as it says. */
  async end(): Promise<readonly string[]> {
    this.#over = true;
    await this.#working;
    const all = await readRuns(this.#dataDir);
    const addresses = new Set(this.#said.map(({ run, address }) => `${run} ${address}`));
    for (const each of addresses) {
      const said = this.#said.filter(({ run, address }) => `${run} ${address}` === each);
      const standing = said.filter(({ stands }) => stands === true);
      if (standing.length > 1) this.#faults.push(`two decisions of ${each} stand`);
      const end = endOf(all, each);
      const wanted = end === 'completed' ? 'approve' : 'reject';
      if (standing.some(({ verdict }) => verdict !== wanted))
        this.#faults.push(`${each} ended ${end}, though it was told ${standing[0]?.verdict}`);
    }
    return this.#faults;
  }

  async #work(): Promise<void> {
    while (!this.#over) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
      for (const asked of waiting(await readRuns(this.#dataDir), this.#dataDir)) {
        if (this.#over || this.#random() < 0.3) continue;
        await this.#say(asked);
      }
    }
  }

  /** What was said before and got no answer is said again. */
  async #say(asked: Asked): Promise<void> {
    const before = this.#said.filter(
      ({ run, address }) => run === asked.run && address === asked.address,
    );
    if (before.length === 0) {
      const both = this.#random() < 0.4;
      before.push({ ...asked, verdict: 'approve', by: 'ana', stands: undefined });
      if (both || this.#random() < 0.3)
        before.push({ ...asked, verdict: 'reject', by: 'bob', stands: undefined });
      if (!both) before.splice(0, before.length - 1);
      this.#said.push(...before);
    }
    await Promise.all(
      before.filter(({ stands }) => stands === undefined).map((said) => this.#tell(said)),
    );
  }

  async #tell(said: Said): Promise<void> {
    const { verdict, run, address, by } = said;
    const { code, output } = await this.#decide([verdict, run, address, '--by', by]);
    if (code === 0) said.stands = true;
    else if (/was (?:approved|rejected) before/.test(output)) said.stands = false;
    else if (!/engine|ended|waits/.test(output))
      this.#faults.push(`${verdict} of ${address}: ${output}`);
  }
}

/** Approvals that have started and not ended. */
function waiting(all: readonly ReadRun[], dataDir: string): readonly Asked[] {
  return all.flatMap(({ run, start, facts }) => {
    const nodes = planOf(dataDir, start).nodes.filter(
      ({ executor }) => executor.kind === 'approval',
    );
    return nodes.flatMap((node): Asked[] => {
      const open = new Set<string>();
      for (const fact of facts) {
        if ((fact.fact !== 'started' && fact.fact !== 'ended') || fact.node !== node.id) continue;
        if (fact.instances === undefined && node.forEach !== undefined) continue;
        const [first, last] = fact.instances ?? [-1, -1];
        for (let at = first; at <= last; at += 1) {
          const address = at < 0 ? node.id : `${node.id}[${at}]`;
          if (fact.fact === 'started') open.add(address);
          else open.delete(address);
        }
      }
      return [...open].map((address) => ({ run, address }));
    });
  });
}

function endOf(all: readonly ReadRun[], asked: string): string | undefined {
  const [id = '', address = ''] = asked.split(' ');
  const [, node, index] = /^([^[]+)(?:\[(\d+)\])?$/.exec(address) ?? [];
  for (const fact of all.find(({ run }) => run === id)?.facts ?? []) {
    if (fact.fact !== 'ended' || fact.node !== node) continue;
    if (index === undefined) return fact.status;
    if (fact.instances === undefined) continue;
    const [first, last] = fact.instances;
    if (first <= Number(index) && Number(index) <= last) return fact.status;
  }
  return undefined;
}
