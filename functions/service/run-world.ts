// What has happened in a run so far, as conditions and expressions ask for it: the log, the state, and the outputs that are named.
import type { World } from '#core/expression/reference.ts';
import type { Known } from '#core/expression/types.ts';
import { wildcardSources } from '#core/walk/queries.ts';
import type { State } from '#core/walk/state.ts';
import { nodeView } from '#core/walk/view.ts';
import type { Fact } from '#schemas/run.ts';
import { type Json, type Outputs, outputs as outputsSchema } from '#schemas/values.ts';
import { patternMatches } from './dependencies.ts';
import { systemOf } from './orders.ts';
import { isReadableList, loadList, loadOutputs, rememberedList } from './outputs.ts';
import { readFacts } from './read-events.ts';
import type { Held } from './service.ts';

export const HAPPENED: ReadonlySet<string> = new Set([
  'completed',
  'failed',
  'timed_out',
  'cancelled',
  'skipped',
]);

/** Everything known about a run at the moment of the question. */
export interface Moment {
  readonly held: Held;
  readonly state: State;
  readonly facts: readonly Fact[];
  readonly outputs: ReadonlyMap<string, Outputs>;
  readonly over: boolean;
}

/** The moment of a question that names outputs of these nodes: of those that have completed they are loaded. */
export async function momentOf(held: Held, state: State, nodes: Iterable<string>): Promise<Moment> {
  const facts = await readFacts(held.service, held.ref);
  const outputs = new Map<string, Outputs>();
  for (const node of nodes) {
    if (nodeView(held.memory.linked.graph, state, node).status !== 'completed') continue;
    const given = await loadOutputs(held, state, node);
    outputs.set(node, given);
    await loadLists(held, given);
  }
  const over = facts.some((fact) => fact.fact === 'run.ended');
  return { held, state, facts, outputs, over };
}

/** What conditions may ask of: the length of a list that is kept by reference, and its items. */
async function loadLists(held: Held, given: Outputs): Promise<void> {
  for (const value of Object.values(given)) if (isReadableList(value)) await loadList(held, value);
}

/** What has happened in a run, as the judge of conditions asks for it: for a node, whose wildcards stand for what they stand for in the walk, or for nobody. */
export function worldOf(about: Moment, asker?: string): World {
  const { held, state, facts } = about;
  const { graph } = held.memory.linked;
  const happened = (pattern: string): boolean =>
    facts.some((fact) => fact.fact === 'external' && wildcard(pattern).test(fact.name));
  return {
    event(pattern) {
      if (pattern === 'pipeline.started') return { truth: 'true' };
      if (pattern.startsWith('external.')) {
        if (happened(pattern)) return { truth: 'true' };
        return about.over
          ? { truth: 'never', because: `${pattern} did not come before the run ended` }
          : { truth: 'not_yet', because: `${pattern} has not come` };
      }
      const kind = pattern.slice(pattern.lastIndexOf('.') + 1);
      if (!pattern.includes('*'))
        return eventOf(about, pattern.slice(0, pattern.lastIndexOf('.')), kind);
      const sources =
        asker === undefined
          ? sourcesMatching(about, pattern)
          : wildcardSources(graph, asker, pattern);
      return anyOf(
        sources.map((source) => eventOf(about, source, kind)),
        pattern,
      );
    },
    variables: {
      input: held.memory.start.inputs,
      system: systemOf(held.memory.start),
      list: (ref) => rememberedList(held.memory, ref),
      node: (id) => knownOf(about, id),
      payload: (event) => payloadOf(facts, event),
    },
  };

  function knownOf({ outputs }: Moment, id: string): Known {
    const { status } = nodeView(graph, state, id);
    if (status === 'completed') return { is: 'outputs', outputs: outputs.get(id) ?? {} };
    return HAPPENED.has(status)
      ? { is: 'never', because: `${id} ended ${status}` }
      : { is: 'not_yet' };
  }
}

const wildcard = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/gu, '\\$&'))
      .join('[^.]*')}$`,
    'u',
  );

type EventTruth = ReturnType<World['event']>;

function anyOf(truths: readonly EventTruth[], pattern: string): EventTruth {
  if (truths.some(({ truth }) => truth === 'true')) return { truth: 'true' };
  if (truths.some(({ truth }) => truth === 'not_yet')) return { truth: 'not_yet' };
  return { truth: 'never', because: `everything that could raise ${pattern} has ended otherwise` };
}

function eventOf(about: Moment, id: string, kind: string): EventTruth {
  const own = about.facts.filter(
    (fact) => 'node' in fact && fact.node === id && !('instances' in fact) && !('instance' in fact),
  );
  const ended = own.find((fact) => fact.fact === 'ended');
  const happened = own.some((fact) => {
    if (fact.fact === 'started') return kind === 'started' || kind === '*';
    if (fact.fact === 'retrying') return kind === 'retrying' || kind === '*';
    if (fact.fact !== 'ended') return false;
    if (kind === 'rejected') return fact.reason === 'rejected';
    if (kind === 'approved') return fact.status === 'completed' && isApproval(about, id);
    return kind === 'ended' || kind === '*' || kind === fact.status;
  });
  if (happened) return { truth: 'true' };
  if (ended?.fact !== 'ended') return { truth: 'not_yet', because: `${id} has not ended` };
  return { truth: 'never', because: `${id} ended ${ended.status}` };
}

function isApproval({ held }: Moment, id: string): boolean {
  const { graph, plan } = held.memory.linked;
  return plan.nodes[graph.index.get(id) ?? -1]?.executor.kind === 'approval';
}

function payloadOf(facts: readonly Fact[], event: string): Known {
  const found = facts.find((fact) => fact.fact === 'external' && fact.name === event);
  if (found?.fact !== 'external') return { is: 'not_yet' };
  const payload = outputsSchema.safeParse(found.payload);
  return {
    is: 'outputs',
    outputs: payload.success ? payload.data : ({} satisfies Record<string, Json>),
  };
}

/** Of a question that no node asks: all that the pattern names. */
function sourcesMatching({ held }: Moment, pattern: string): readonly string[] {
  return held.memory.linked.plan.nodes
    .filter(({ id, executor }) => executor.kind !== 'prepare' && patternMatches(pattern, id))
    .map(({ id }) => id);
}
