// Whether the sources of bindings and of skipWhen have ended for certain when a node starts.

import { glob } from '#core/walk/glob.ts';
import { Flow, flowBudget, keyOf, type Wanted } from './flow.ts';
import { type NamedText, say } from './names.ts';
import { NODE_EVENTS, splitEvent, type World } from './world.ts';

interface Question {
  readonly text: NamedText;
  readonly node: number;
  readonly at: number;
  /** What is named: `extract.rows`. */
  readonly named: string;
}

/** Says which wait is missing. Questions about the same source are answered together. */
export function checkBindings(world: World, texts: readonly NamedText[]): void {
  const asked = new Map<string, { wanted: Wanted; questions: Question[] }>();
  for (const text of texts) {
    for (const { wanted, ...question } of questionsOf(world, text)) {
      const key = keyOf(wanted);
      const group = asked.get(key) ?? { wanted, questions: [] };
      group.questions.push(question);
      asked.set(key, group);
    }
  }
  const budget = flowBudget();
  for (const { wanted, questions } of asked.values()) {
    const flow = new Flow(world, wanted, budget);
    for (const question of questions) {
      if (question.node < 0 || !flow.holds(question.node)) missing(world, question, wanted);
    }
  }
}

function questionsOf(
  world: World,
  text: NamedText,
): readonly (Question & { readonly wanted: Wanted })[] {
  if (text.use === 'startWhen' || text.use === 'stopWhen') return [];
  const node = text.draft === undefined ? -1 : (world.indexOf(text.draft.node.id) ?? -1);
  const own = typeof text.use !== 'string' && text.use.own ? text.draft?.own : undefined;
  const found: (Question & { readonly wanted: Wanted })[] = [];
  for (const output of text.references.outputs) {
    const source = world.indexOf(output.node);
    if (source === undefined || own?.has(output.node) === true) continue;
    const is = output.fallback ? 'ended' : 'completed';
    const named = `${output.node}.${output.name}`;
    found.push({ text, node, at: output.at, named, wanted: { is, node: source } });
  }
  for (const { name, at } of text.references.payloads) {
    const named = `payload('${name}')`;
    found.push({ text, node, at, named, wanted: { is: 'external', event: name } });
  }
  for (const { pattern, at } of text.references.events) {
    for (const source of sourcesOf(world, pattern, node)) {
      found.push({
        text,
        node,
        at,
        named: `event:${pattern}`,
        wanted: { is: 'ended', node: source },
      });
    }
  }
  return found;
}

/** The nodes that an event of skipWhen may come from. */
function sourcesOf(world: World, pattern: string, self: number): readonly number[] {
  const { source, event } = splitEvent(pattern);
  if (!NODE_EVENTS.some((name) => glob(event, name))) return [];
  return world.matching(source).filter((index) => index !== self || !source.includes('*'));
}

function missing(world: World, question: Question, wanted: Wanted): void {
  const { text, at, named } = question;
  const { findings } = world;
  // One wildcard in skipWhen asks for many nodes: the first that is not waited for is enough.
  if (findings.seen(`${text.place.tree.at} ${at} ${named}`)) return;
  const wait = waitOf(world, wanted);
  const self = text.draft?.node.id;
  if (wanted.is !== 'external' && world.drafts[wanted.node]?.node.id === self) {
    const what = `names ${named}, but the node's own outputs come only when it has completed`;
    say(world, text, { code: 'binding_may_be_missing', at, what });
    return;
  }
  if (self === undefined) {
    const what = `names ${named}, but it is needed by every node, also by those that start first; move it to the nodes that wait for it`;
    say(world, text, { code: 'binding_may_be_missing', at, what });
    return;
  }
  const what = `names ${named}, but "${self}" may start before that is known: nothing it waits for implies ${wait}; wanted ${cure(text, wait)}`;
  say(world, text, { code: 'binding_may_be_missing', at, what, cure: cure(text, wait) });
}

function waitOf(world: World, wanted: Wanted): string {
  if (wanted.is === 'external') return `event:${wanted.event}`;
  return `event:${world.drafts[wanted.node]?.node.id}.${wanted.is}`;
}

function cure(text: NamedText, wait: string): string {
  const start = text.draft?.conditions.find((condition) => condition.use === 'startWhen');
  if (start !== undefined) {
    const old = `${start.place.tree.value}`.trim();
    return `startWhen: ${old.includes('||') ? `(${old})` : old} && ${wait}`;
  }
  const needs = text.draft?.needs.map(({ name }) => name) ?? [];
  const source = /^event:(.*)\.completed$/.exec(wait)?.[1];
  if (source !== undefined) return `needs: [${[...needs, source].join(', ')}]`;
  const events = needs.map((name) => `event:${name}.completed`);
  return `startWhen: ${[...events, wait].join(' && ')}`;
}
