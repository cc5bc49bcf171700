// What a simulated run has shown so far, kept from its facts and commands alone. Complains as soon as they contradict an invariant of
// functions/core/DESIGN.md; knows nothing of the walker's state.
import { Defect } from '#errors/families.ts';
import type { Reason } from '#schemas/reasons.ts';
import type { Command, EndStatus, Fact, RunEnd } from '#schemas/run.ts';
import type { Sketch } from '#support/sketch.ts';

/** A node, or one instance of it. */
export interface Place {
  readonly node: number;
  readonly instance?: number;
}

export interface LiveAttempt extends Place {
  readonly attempt: number;
  /** Told to stop. */
  stopped: boolean;
}

export interface Ended {
  readonly status: EndStatus;
  readonly attempt: number;
  readonly reason?: Reason;
}

export const keyOf = (place: Place): string =>
  place.instance === undefined ? `${place.node}` : `${place.node}[${place.instance}]`;

export class Ledger {
  readonly #sketch: Sketch;
  readonly #index: ReadonlyMap<string, number>;
  /** Started and not ended, by place. */
  readonly live = new Map<string, LiveAttempt>();
  readonly ended = new Map<string, Ended>();
  /** The highest attempt that was started, by place. */
  readonly attempts = new Map<string, number>();
  /** Nodes of which an attempt ended and another followed. */
  readonly retried = new Set<number>();
  readonly failedGroups = new Map<number, number>();
  end: { readonly status: RunEnd; readonly reason?: Reason } | undefined;
  wakeAt: number | undefined;
  #at = 0;
  #paused = false;
  #stopping = false;
  #started = new Set<string>();

  constructor(sketch: Sketch) {
    this.#sketch = sketch;
    this.#index = new Map(sketch.nodes.map((node, index) => [node.id, index]));
  }

  /** Of one walk. `starts` is the bound it was given. */
  take(facts: readonly Fact[], commands: readonly Command[], starts: number): void {
    this.#started = new Set();
    for (const fact of facts) {
      this.#insist(fact.at >= this.#at, 'W1: time ran backwards', fact);
      this.#insist(this.end === undefined, 'a fact after the end of the run', fact);
      this.#at = fact.at;
      this.#fact(fact);
    }
    this.#insist(this.#started.size <= starts, 'W8: more starts than the bound allows', facts);
    for (const command of commands) this.#command(command);
    for (const place of this.#started) {
      // Whatever was started and still runs has been commanded.
      this.#insist(!this.live.has(place), 'W3: started without a command', place);
    }
    this.#limits();
  }

  #insist(holds: boolean, claim: string, subject: unknown): void {
    if (!holds) throw new Defect(`${claim}: ${JSON.stringify(subject)}`);
  }

  #nodeOf(id: string): number {
    const index = this.#index.get(id);
    if (index === undefined) throw new Defect(`no such node: ${id}`);
    return index;
  }

  #places(fact: {
    readonly node: string;
    readonly instances?: readonly [number, number] | undefined;
  }): Place[] {
    const node = this.#nodeOf(fact.node);
    if (fact.instances === undefined) return [{ node }];
    const [first, last] = fact.instances;
    return Array.from({ length: last - first + 1 }, (_, at) => ({ node, instance: first + at }));
  }

  #fact(fact: Fact): void {
    switch (fact.fact) {
      case 'started':
        for (const place of this.#places(fact)) this.#start(place, fact.attempt, fact);
        return;
      case 'retrying': {
        const node = this.#nodeOf(fact.node);
        const place = fact.instance === undefined ? { node } : { node, instance: fact.instance };
        this.#insist(
          this.live.get(keyOf(place))?.attempt === fact.attempt,
          'W3: an attempt that was not live is retried',
          fact,
        );
        this.live.delete(keyOf(place));
        this.retried.add(node);
        return;
      }
      case 'stopping':
        for (const place of this.#places(fact)) {
          if (this.#isParent(place)) continue;
          this.#insist(this.live.has(keyOf(place)), 'what is not live is stopped', fact);
          this.#insist(!this.isApproval(place.node), 'an approval is told to stop', fact);
        }
        return;
      case 'ended':
        for (const place of this.#places(fact)) this.#ends(place, fact);
        return;
      case 'group.failed':
        this.#insist(this.#sketch.groups[fact.group]?.failFast === true, 'not fail-fast', fact);
        this.#insist(!this.failedGroups.has(fact.group), 'a group failed twice', fact);
        this.failedGroups.set(fact.group, this.#nodeOf(fact.because));
        return;
      case 'run.paused':
      case 'run.resumed':
        this.#insist(
          this.#paused === (fact.fact === 'run.resumed'),
          'paused or resumed twice',
          fact,
        );
        this.#paused = fact.fact === 'run.paused';
        return;
      case 'run.stopping':
        this.#insist(!this.#stopping, 'the run is stopped twice', fact);
        this.#stopping = true;
        return;
      case 'run.ended':
        this.end = { status: fact.status, ...(fact.reason && { reason: fact.reason }) };
        return;
      default:
        return;
    }
  }

  /** A forEach node itself runs nothing. */
  #isParent(place: Place): boolean {
    return place.instance === undefined && this.#sketch.nodes[place.node]?.forEach !== undefined;
  }

  #start(place: Place, attempt: number, fact: Fact): void {
    const key = keyOf(place);
    this.#insist(!this.ended.has(key), 'W4: a finished node is started', fact);
    this.#insist(!this.#paused && !this.#stopping, 'started while paused or stopping', fact);
    if (this.#isParent(place)) return;
    this.#insist(!this.live.has(key), 'W2: a second live attempt', fact);
    this.#insist(attempt === (this.attempts.get(key) ?? 0) + 1, 'an attempt was left out', fact);
    this.attempts.set(key, attempt);
    this.live.set(key, { ...place, attempt, stopped: false });
    const { kind } = this.#sketch.nodes[place.node] ?? {};
    // A join has done its work already, and an approval waits for a person: nobody is told of either.
    if (kind !== 'join' && kind !== 'approval') this.#started.add(key);
  }

  #ends(place: Place, fact: Extract<Fact, { fact: 'ended' }>): void {
    const key = keyOf(place);
    this.#insist(!this.ended.has(key), 'W4: a node ends twice', fact);
    if (this.#isParent(place)) {
      const open = [...this.live.values()].filter(
        (each) => each.node === place.node && each.instance !== undefined,
      );
      this.#insist(open.length === 0, 'a forEach node ends before its instances', fact);
    }
    this.live.delete(key);
    this.ended.set(key, {
      status: fact.status,
      attempt: fact.attempt,
      ...(fact.reason && { reason: fact.reason }),
    });
  }

  #command(command: Command): void {
    if (command.command === 'wake-at') this.wakeAt = command.at;
    if (command.command === 'finish-run') {
      this.#insist(
        this.end?.status === command.status,
        'finished otherwise than it ended',
        command,
      );
    }
    if (command.command !== 'start-node' && command.command !== 'stop-node') return;
    for (const place of this.#places(command)) {
      const key = keyOf(place);
      if (command.command === 'start-node') {
        this.#insist(this.#started.delete(key), 'W3: a command without a start', command);
        this.#insist(this.attempts.get(key) === command.attempt, 'another attempt', command);
        continue;
      }
      const live = this.live.get(key);
      this.#insist(live?.attempt === command.attempt, 'stops what is not live', command);
      if (live !== undefined) live.stopped = true;
    }
  }

  /** Places in groups and in a forEach node. */
  #limits(): void {
    const running = [...this.live.values()].filter(
      (each) => this.#sketch.nodes[each.node]?.kind === 'steps' || this.isApproval(each.node),
    );
    for (const [index, group] of this.#sketch.groups.entries()) {
      if (group.maxParallel === undefined) continue;
      const inside = running.filter((each) => this.isInside(each.node, index));
      this.#insist(inside.length <= group.maxParallel, 'more than the group allows', inside);
    }
    for (const [index, node] of this.#sketch.nodes.entries()) {
      if (node.maxParallel === undefined) continue;
      const own = running.filter((each) => each.node === index);
      this.#insist(own.length <= node.maxParallel, 'more instances than maxParallel', own);
    }
  }

  isApproval(node: number): boolean {
    return this.#sketch.nodes[node]?.kind === 'approval';
  }

  isInside(node: number, group: number): boolean {
    let at = this.#sketch.nodes[node]?.group ?? -1;
    while (at !== -1 && at !== group) at = this.#sketch.groups[at]?.parent ?? -1;
    return at === group;
  }
}
