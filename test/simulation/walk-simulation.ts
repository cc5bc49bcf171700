// One run of a random plan through `walk`, in an order left to chance: outcomes come in any order and in any company, twice, too late or
// for attempts that never were; the state is written down and read again; outputs are not at hand when they are wanted; the clock jumps.
import { isDeepStrictEqual } from 'node:util';
import { decode, encode, encodeChunk } from '#core/walk/codec.ts';
import { fold } from '#core/walk/fold.ts';
import { type Graph, link } from '#core/walk/graph.ts';
import { initialState, type State } from '#core/walk/state.ts';
import type { WalkContext, WalkResult } from '#core/walk/types.ts';
import { walk } from '#core/walk/walk.ts';
import { Defect } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { Plan } from '#schemas/plan.ts';
import type { AttemptResult, Fact, WalkEvent } from '#schemas/run.ts';
import type { Json, Outputs } from '#schemas/values.ts';
import { Dice } from '#support/dice.ts';
import type { Sketch } from '#support/sketch.ts';
import { toPlan } from '#support/sketch-text.ts';
import { keyOf, Ledger, type LiveAttempt, type Place } from './walk-ledger.ts';

const DAY = 24 * 60 * 60 * 1000;
const START = 1_800_000_000_000;
const RUN = '01J00000000000000000000000';

export interface SimulationOptions {
  /** Stops, cancels and timeouts may come: the end then depends on the order. */
  readonly wild: boolean;
  /** The plan, where it is not made from the sketch itself. */
  readonly plan?: Plan;
  /** Called after every walk, for a trace. */
  readonly trace?: (line: string) => void;
}

export class WalkSimulation {
  readonly ledger: Ledger;
  readonly facts: Fact[] = [];
  walks = 0;
  cancelled = false;
  readonly #sketch: Sketch;
  readonly #plan: Plan;
  readonly #dice: Dice;
  readonly #options: SimulationOptions;
  readonly #bounds: WalkContext['bounds'];
  #graph: Graph;
  #state: State;
  #folded: State;
  #head: Json;
  readonly #chunks = new Map<string, Json>();
  readonly #results = new Map<string, Outputs>();
  readonly #atHand = new Set<string>();
  readonly #delivered: WalkEvent[] = [];
  #unsent: WalkEvent[];
  #factless = 0;
  #now = START;
  #more = true;
  #paused = false;

  constructor(sketch: Sketch, seed: number, options: SimulationOptions) {
    this.#sketch = sketch;
    this.#plan = options.plan ?? toPlan(sketch);
    this.#dice = new Dice(seed ^ 0x5eed);
    this.#options = options;
    this.ledger = new Ledger(sketch);
    this.#bounds = {
      starts: this.#dice.pick([1, 2, 5, 500] as const),
      changes: this.#dice.pick([1, 3, 10, 2_000] as const),
    };
    this.#graph = link(this.#plan);
    this.#state = initialState(this.#graph, {
      timeout: sketch.timeout ?? limits.runTimeout,
      seeds: [...sketch.seeds.keys()].map((node) => ({ node: this.#id(node), run: RUN })),
    });
    this.#folded = this.#state;
    this.#head = encode(this.#state).head;
    this.#unsent = sketch.externals.map((external) => ({ event: 'external', ...external }));
    for (const [node, outputs] of sketch.seeds) this.#results.set(`${node}`, outputs);
  }

  /** To the end of the run. */
  run(): void {
    for (let step = 0; this.ledger.end === undefined; step++) {
      if (step > 20_000) throw new Defect('the run does not end');
      this.#step();
    }
    const strays = [...this.ledger.live.values()].filter(
      (each) => this.#sketch.nodes[each.node]?.kind !== 'prepare',
    );
    if (strays.length > 0) throw new Defect(`W3: live after the end: ${JSON.stringify(strays)}`);
    for (let again = 0; again < 3; again++) {
      const result = this.#walk(this.#strays());
      if (result.facts.length > 0) throw new Defect('W4: a finished run goes on');
    }
  }

  #id(node: number): string {
    return this.#sketch.nodes[node]?.id ?? '';
  }

  /** Chooses what happens next. */
  #step(): void {
    const dice = this.#dice;
    if (dice.chance(0.15)) this.#reload();
    if (dice.chance(0.2)) this.#forget();
    if (dice.chance(0.1)) this.#now += dice.pick([-50, 0, 1, 20] as const);
    const events: WalkEvent[] = dice.chance(0.12) ? this.#strays() : [];
    const live = dice.shuffled(this.#answering());
    const deliver = live.length > 0 && dice.chance(0.75);
    if (deliver) {
      const count = dice.chance(0.7) ? 1 : dice.between(1, 8);
      events.push(...live.slice(0, count).map((attempt) => this.#outcome(attempt)));
    }
    if (this.#unsent.length > 0 && dice.chance(0.2)) events.push(...this.#unsent.splice(0, 1));
    if (dice.chance(0.06)) events.push(this.#wanted());
    if (events.length === 0 && !this.#more) this.#nothingHappens();
    this.#walk(dice.shuffled(events));
  }

  #wanted(): WalkEvent {
    const dice = this.#dice;
    if (this.#options.wild && dice.chance(0.1)) this.cancelled = true;
    this.#paused = dice.chance(0.4);
    const asked = this.#paused ? 'pause' : 'run';
    return { event: 'wanted', wanted: this.cancelled ? 'cancel' : asked };
  }

  /** Time goes on when nothing else can: to the next deadline, but not past the run's own while something may still come. */
  #nothingHappens(): void {
    const { wakeAt } = this.ledger;
    const waits = this.#answering().length > 0 || this.#unsent.length > 0;
    const near = wakeAt !== undefined && wakeAt - this.#now < DAY;
    if (wakeAt !== undefined && (near || !waits) && !(this.#paused && !this.#options.wild)) {
      this.#now = Math.max(this.#now, wakeAt + this.#dice.pick([-1, 0, 0, 5] as const));
      return;
    }
    if (this.#paused) {
      this.#paused = false;
      this.#walk([{ event: 'wanted', wanted: this.cancelled ? 'cancel' : 'run' }]);
      return;
    }
    if (!waits) throw new Defect('W6: nothing can happen any more, yet the run has not ended');
  }

  /** How a live attempt ends, as its script says; one that was told to stop mostly obeys. */
  #outcome(live: LiveAttempt): WalkEvent {
    const result: AttemptResult =
      live.stopped && this.#dice.chance(0.7) ? { result: 'cancelled' } : this.#scripted(live);
    if (result.result === 'completed') this.#results.set(keyOf(live), result.outputs);
    const outcome = this.#event(live, live.attempt, result);
    this.#delivered.push(outcome);
    return outcome;
  }

  /** Live attempts that will say something: nobody decides some approvals. */
  #answering(): readonly LiveAttempt[] {
    return [...this.ledger.live.values()].filter((live) => {
      const nobody = this.#scripted(live).result === 'timed_out';
      return !(nobody && this.ledger.isApproval(live.node));
    });
  }

  #scripted(live: LiveAttempt): AttemptResult {
    const endings = this.#sketch.nodes[live.node]?.endings[live.instance ?? 0] ?? [];
    const ending = endings[Math.min(live.attempt, endings.length) - 1];
    if (ending === undefined) throw new Defect(`no ending for ${JSON.stringify(live)}`);
    return ending;
  }

  #event(place: Place, attempt: number, result: AttemptResult): WalkEvent {
    const node = this.#id(place.node);
    if (place.instance === undefined) return { event: 'outcome', node, attempt, result };
    return { event: 'outcome', node, instance: place.instance, attempt, result };
  }

  /** What must change nothing: outcomes told again, of attempts to come, and of nodes that never ran; events told again. */
  #strays(): WalkEvent[] {
    const dice = this.#dice;
    const again = dice.pick(this.#delivered);
    const node = dice.below(this.#sketch.nodes.length);
    const attempts = this.ledger.attempts.get(`${node}`) ?? 0;
    const early = this.#event({ node }, attempts + 1, { result: 'completed', outputs: { n: 99 } });
    const sent = this.#sketch.externals.filter(
      (external) =>
        !this.#unsent.some((each) => each.event === 'external' && each.name === external.name),
    );
    const echo: WalkEvent[] = sent.map((external) => ({ event: 'external', ...external }));
    return [...(again === undefined ? [] : [again, ...this.#otherwise(again)]), early, ...echo];
  }

  /** Somebody else decides the other way, of what was decided already. */
  #otherwise(told: WalkEvent): WalkEvent[] {
    if (told.event !== 'outcome' || told.result.result === 'cancelled') return [];
    const approved = told.result.result === 'completed';
    const rejects = { result: 'failed', reason: 'rejected', message: 'bob rejected it' } as const;
    return [{ ...told, result: approved ? rejects : { result: 'completed', outputs: {} } }];
  }

  /** Writes the state down and reads it again, as another process would. */
  #reload(): void {
    const text = JSON.stringify({ head: this.#head, chunks: [...this.#chunks] });
    const stored: { head: Json; chunks: [string, Json][] } = JSON.parse(text);
    if (this.#dice.chance(0.2)) this.#graph = link(this.#plan);
    this.#state = decode(this.#graph, stored.head, new Map(stored.chunks));
  }

  #forget(): void {
    for (const node of this.#atHand) if (this.#dice.chance(0.6)) this.#atHand.delete(node);
  }

  /** Outputs by node, if they are at hand. */
  #outputs(id: string): Outputs | undefined {
    if (!this.#atHand.has(id)) return undefined;
    const index = this.#sketch.nodes.findIndex((node) => node.id === id);
    const list = this.#sketch.nodes[index]?.forEach;
    if (list === undefined || this.#sketch.seeds.has(index))
      return this.#results.get(`${index}`) ?? {};
    return {
      items: list.map((_, instance) => this.#results.get(keyOf({ node: index, instance })) ?? {}),
    };
  }

  #walk(events: readonly WalkEvent[]): WalkResult {
    const context: WalkContext = {
      now: this.#now,
      run: RUN,
      namespace: 'default',
      inputs: this.#sketch.inputs,
      system: { run_id: RUN, namespace: 'default', started_at: 'x', scheduled_for: null },
      outputs: (node) => this.#outputs(node),
      bounds: this.#bounds,
    };
    let result = walk(this.#graph, this.#state, events, context);
    for (let round = 0; result.missing.length > 0; round++) {
      this.#checkMissing(result, round);
      for (const lack of result.missing) if ('node' in lack) this.#atHand.add(lack.node);
      result = walk(this.#graph, this.#state, events, context);
    }
    if (this.#dice.chance(0.05)) {
      const { facts } = walk(this.#graph, this.#state, events, context);
      if (!isDeepStrictEqual(facts, result.facts))
        throw new Defect('W1: twice the same, two answers');
    }
    this.#accept(events, result);
    return result;
  }

  #checkMissing(result: WalkResult, round: number): void {
    const untouched =
      result.state === this.#state && result.facts.length === 0 && result.commands.length === 0;
    if (!untouched) throw new Defect('a walk that lacks something has changed something');
    if (round > this.#sketch.nodes.length) throw new Defect('the walk never has what it lacks');
  }

  #accept(events: readonly WalkEvent[], result: WalkResult): void {
    this.walks++;
    this.#options.trace?.(
      JSON.stringify({
        now: this.#now,
        events,
        facts: result.facts,
        commands: result.commands,
        more: result.more,
      }),
    );
    // A mark that was cleared may be written once; a shell that saves what changes must come to rest.
    const factless = result.facts.length === 0 && result.changed.length > 0;
    this.#factless = factless ? this.#factless + 1 : 0;
    if (this.#factless > 2) {
      throw new Defect(`S2: ${result.changed.join(', ')} changes again and again without a fact`);
    }
    this.#state = result.state;
    this.#more = result.more;
    this.facts.push(...result.facts);
    this.ledger.take(result.facts, result.commands, this.#bounds.starts);
    this.#head = encode(result.state).head;
    for (const key of result.changed) this.#chunks.set(key, encodeChunk(result.state, key));
    this.#folded = fold(this.#graph, this.#folded, result.facts);
    this.#sameState(this.#folded, 'S2: folding the facts gives another state');
    this.#sameState(this.#state, 'S3: a chunk changed that is not among the changed ones');
  }

  #sameState(state: State, claim: string): void {
    const head = encode(state).head;
    if (!isDeepStrictEqual(head, this.#head))
      throw new Defect(`${claim} (head)`, { head, stored: this.#head });
    for (const [key, stored] of this.#chunks) {
      const chunk = encodeChunk(state, key);
      if (!isDeepStrictEqual(chunk, stored))
        throw new Defect(`${claim} (${key})`, { chunk, stored });
    }
  }
}
