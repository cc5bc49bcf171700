// A small builder of plans and a run that a test tells what happens, in the order it likes.
import { expect } from 'vitest';
import { chunkKeys, decode, encode, encodeChunk } from '#core/walk/codec.ts';
import { fold } from '#core/walk/fold.ts';
import { type Graph, link } from '#core/walk/graph.ts';
import { initialState, type State } from '#core/walk/state.ts';
import type { Beginning, WalkContext, WalkResult } from '#core/walk/types.ts';
import { type NodeView, nodeView, view } from '#core/walk/view.ts';
import { walk } from '#core/walk/walk.ts';
import type { Executor, Plan, PlanGroup, PlanNode } from '#schemas/plan.ts';
import type { AttemptResult, Command, Fact, WalkEvent } from '#schemas/run.ts';
import type { Json, Outputs } from '#schemas/values.ts';

export const RUN = '01J00000000000000000000000';
export const EARLIER = '01H00000000000000000000000';

const work: Executor = {
  kind: 'command',
  command: 'true',
  environment: { kind: 'host' },
};

type Extra = Partial<Omit<PlanNode, 'id' | 'needs' | 'prepares' | 'group'>> & {
  readonly needs?: readonly string[];
  readonly prepares?: readonly string[];
  readonly group?: string;
  readonly join?: boolean;
};

export class PlanBuilder {
  readonly #groups: PlanGroup[] = [{ id: 'p', kind: 'pipeline', parent: -1, failFast: false }];
  readonly #nodes: PlanNode[] = [];

  pipeline(extra: Partial<PlanGroup>): this {
    this.#groups[0] = { id: 'p', kind: 'pipeline', parent: -1, failFast: false, ...extra };
    return this;
  }

  group(id: string, extra: Partial<PlanGroup> & { readonly in?: string } = {}): this {
    const { in: around, ...rest } = extra;
    const parent = around === undefined ? 0 : this.#group(around);
    this.#groups.push({ id, kind: 'job', failFast: false, ...rest, parent });
    return this;
  }

  node(id: string, extra: Extra = {}): this {
    const { needs, prepares, group, join, ...rest } = extra;
    this.#nodes.push({
      id,
      group: group === undefined ? 0 : this.#group(group),
      executor: join === true ? { kind: 'join' } : work,
      ...rest,
      ...(needs ? { needs: needs.map((each) => this.#index(each)) } : {}),
      ...(prepares ? { prepares: prepares.map((each) => this.#index(each)) } : {}),
    });
    return this;
  }

  /** The same by index, for plans too large to look ids up. */
  nodeAt(id: string, needs: readonly number[] = []): this {
    const executor: Executor = { ...work };
    this.#nodes.push({
      id,
      group: 0,
      executor,
      ...(needs.length > 0 ? { needs: [...needs] } : {}),
    });
    return this;
  }

  prepare(id: string): this {
    if (this.#groups.every((group) => group.kind !== 'prepare')) {
      this.#groups.push({ id: '@prepare', kind: 'prepare', parent: 0, failFast: false });
    }
    const executor: Executor = {
      kind: 'prepare',
      operator: { path: '.' },
      environment: { kind: 'host' },
    };
    const group = this.#groups.findIndex(({ kind }) => kind === 'prepare');
    this.#nodes.push({ id, group, executor });
    return this;
  }

  build(): Plan {
    return {
      v: 1,
      language: 1,
      dialect: 'nodes',
      id: 'p',
      inputs: {},
      groups: this.#groups,
      nodes: this.#nodes,
    };
  }

  #group(id: string): number {
    return this.#groups.findIndex((group) => group.id === id);
  }

  #index(id: string): number {
    return this.#nodes.findIndex((node) => node.id === id);
  }
}

export const aPlan = () => new PlanBuilder();

export interface Told {
  readonly beginning?: Beginning;
  readonly inputs?: { readonly [name: string]: Json };
  readonly bounds?: { readonly starts: number; readonly changes: number };
  readonly now?: number;
}

/** A run under way. Every walk is checked: folding its facts gives its state, and what is stored gives it back. */
export class Story {
  readonly graph: Graph;
  readonly facts: Fact[] = [];
  readonly commands: Command[] = [];
  readonly outputs = new Map<string, Outputs>();
  /** Makes `outputs` answer undefined, the way it does before something is loaded. */
  readonly unloaded = new Set<string>();
  state: State;
  now: number;
  walks = 0;
  last: WalkResult | undefined;
  checked = true;
  readonly #told: Told;

  constructor(plan: Plan, told: Told = {}) {
    this.graph = link(plan);
    this.state = initialState(this.graph, told.beginning ?? {});
    this.now = told.now ?? 1_000_000;
    this.#told = told;
  }

  context(): WalkContext {
    return {
      now: this.now,
      run: RUN,
      namespace: 'default',
      inputs: this.#told.inputs ?? {},
      system: { run_id: RUN, namespace: 'default' },
      outputs: (node) => (this.unloaded.has(node) ? undefined : (this.outputs.get(node) ?? {})),
      bounds: this.#told.bounds ?? { starts: 500, changes: 2_000 },
    };
  }

  /** Walks with these events, and again as long as there is more. */
  walk(...events: readonly WalkEvent[]): this {
    let batch: readonly WalkEvent[] = events;
    do {
      this.step(batch);
      batch = [];
    } while (this.last?.more === true && this.walks < 1_000_000);
    return this;
  }

  step(events: readonly WalkEvent[]): WalkResult {
    const result = walk(this.graph, this.state, events, this.context());
    this.walks++;
    if (this.checked) this.#check(result);
    this.facts.push(...result.facts);
    this.commands.push(...result.commands);
    this.state = result.state;
    this.last = result;
    return result;
  }

  #check(result: WalkResult): void {
    const folded = fold(this.graph, this.state, result.facts);
    expect(stored(folded)).toEqual(stored(result.state));
    const again = stored(result.state);
    const back = decode(this.graph, again.head, new Map(Object.entries(again.chunks)));
    expect(stored(back)).toEqual(again);
    const changed = new Set(result.changed);
    const before = stored(this.state).chunks;
    for (const [key, chunk] of Object.entries(again.chunks)) {
      if (!changed.has(key)) expect(before[key]).toEqual(chunk);
    }
  }

  /** Forgets the state and reads it back from what would have been stored. */
  reload(): this {
    const { head, chunks } = JSON.parse(JSON.stringify(stored(this.state)));
    this.state = decode(this.graph, head, new Map(Object.entries(chunks)));
    return this;
  }

  outcome(address: string, result: AttemptResult, attempt?: number): WalkEvent {
    const [, node = address, instance] = /^(.*?)(?:\[(\d+)\])?$/.exec(address) ?? [];
    const seen = this.node(node);
    const latest = instance === undefined ? seen : seen.instance(Number(instance));
    return {
      event: 'outcome',
      node,
      ...(instance === undefined ? {} : { instance: Number(instance) }),
      attempt: attempt ?? latest.attempt,
      result,
    };
  }

  completes(address: string, outputs: Outputs = {}): this {
    if (!address.includes('[')) this.outputs.set(address, outputs);
    return this.walk(this.outcome(address, { result: 'completed', outputs }));
  }

  fails(address: string, exitCode = 1): this {
    return this.walk(this.outcome(address, failure(exitCode)));
  }

  after(milliseconds: number): this {
    this.now += milliseconds;
    return this.walk();
  }

  node(id: string): NodeView {
    return nodeView(this.graph, this.state, id);
  }

  status(...ids: readonly string[]): readonly string[] {
    return ids.map((id) => this.node(id).status);
  }

  run(): string {
    return view(this.graph, this.state).status;
  }

  /** The log in short: `extract.started`, `run.ended completed`. Ready and spread are left out. */
  told(): readonly string[] {
    return this.facts.flatMap((fact) => {
      if (fact.fact === 'ready' || fact.fact === 'spread') return [];
      if (fact.fact === 'run.ended') return [`run.ended ${fact.status}`];
      if (!('node' in fact)) return [fact.fact];
      const range = 'instances' in fact && fact.instances ? `[${fact.instances.join('..')}]` : '';
      const one = 'instance' in fact && fact.instance !== undefined ? `[${fact.instance}]` : '';
      const name = fact.fact === 'ended' ? fact.status : fact.fact;
      return [`${fact.node}${range}${one}.${name}`];
    });
  }

  /** Attempts under way, as the commands say. */
  started(): readonly string[] {
    return this.commands.flatMap((command) => {
      if (command.command !== 'start-node') return [];
      const { node, instances, attempt } = command;
      return [`${node}${instances ? `[${instances.join('..')}]` : ''}#${attempt}`];
    });
  }
}

export function walkOf(plan: Plan | PlanBuilder, told: Told = {}): Story {
  return new Story(plan instanceof PlanBuilder ? plan.build() : plan, told).walk();
}

export function failure(exitCode = 1): AttemptResult {
  return { result: 'failed', reason: 'exit', message: `exited with ${exitCode}`, exitCode };
}

export function stored(state: State): { head: Json; chunks: { [key: string]: Json } } {
  const chunks = Object.fromEntries(chunkKeys(state).map((key) => [key, encodeChunk(state, key)]));
  return { head: encode(state).head, chunks };
}
