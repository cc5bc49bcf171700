// Whether the sources of bindings and of skipWhen have ended for certain when a node starts.

import { message } from '#core/messages.ts';
import { glob } from '#core/walk/glob.ts';
import { subjectOf } from './findings.ts';
import { Flow, flowBudget, keyOf, type Wanted } from './flow.ts';
import { type NamedText, say, type TextPlace } from './names.ts';
import { DECISIONS, NODE_EVENTS, splitEvent, type World } from './world.ts';

interface Question {
  readonly text: TextPlace;
  readonly node: number;
  readonly at: number;
  /** What is named: `extract.rows`. */
  readonly named: string;
}

/** Gathers who counts on what, and says which wait is missing. Questions about the same source are answered together. */
export class Sources {
  readonly #world: World;
  readonly #asked = new Map<string, { wanted: Wanted; questions: Question[] }>();

  constructor(world: World) {
    this.#world = world;
  }

  ask(text: NamedText): void {
    for (const { wanted, question } of questionsOf(this.#world, text)) {
      const key = keyOf(wanted);
      const group = this.#asked.get(key);
      if (group === undefined) this.#asked.set(key, { wanted, questions: [question] });
      else group.questions.push(question);
    }
  }

  check(): void {
    const budget = flowBudget();
    for (const { wanted, questions } of this.#asked.values()) {
      const flow = new Flow(this.#world, wanted, budget);
      for (const question of questions) {
        if (question.node < 0 || !flow.holds(question.node)) {
          missing(this.#world, question, wanted);
        }
      }
    }
  }
}

interface Asked {
  readonly wanted: Wanted;
  readonly question: Question;
}

function questionsOf(world: World, named: NamedText): readonly Asked[] {
  const { references, ...text } = named;
  if (text.use === 'startWhen' || text.use === 'stopWhen') return [];
  const node = text.draft === undefined ? -1 : (world.indexOf(text.draft.node.id) ?? -1);
  const own = typeof text.use !== 'string' && text.use.own ? text.draft?.own : undefined;
  const found: Asked[] = [];
  const ask = (wanted: Wanted, at: number, name: string): void => {
    found.push({ wanted, question: { text, node, at, named: name } });
  };
  for (const output of references.outputs) {
    const source = world.indexOf(output.node);
    if (source === undefined || own?.has(output.node) === true) continue;
    const is = output.fallback ? 'ended' : 'completed';
    ask({ is, node: source }, output.at, `${output.node}.${output.name}`);
  }
  for (const { name, at } of references.payloads) {
    ask({ is: 'external', event: name }, at, `payload('${name}')`);
  }
  for (const { pattern, at } of references.events) {
    for (const source of sourcesOf(world, pattern, node)) {
      ask({ is: 'ended', node: source }, at, `event:${pattern}`);
    }
  }
  return found;
}

/** The nodes that an event of skipWhen may come from. */
function sourcesOf(world: World, pattern: string, self: number): readonly number[] {
  const { source, event } = splitEvent(pattern);
  const known = [...NODE_EVENTS, ...Object.keys(DECISIONS)];
  if (!known.some((name) => glob(event, name))) return [];
  return world.matching(source).filter((index) => index !== self || !source.includes('*'));
}

function missing(world: World, question: Question, wanted: Wanted): void {
  const { text, at, named } = question;
  const { findings } = world;
  // One wildcard in skipWhen asks for many nodes: the first that is not waited for is enough.
  if (findings.seen(`${text.place.tree.at} ${at} ${named}`)) return;
  const wait = waitOf(world, wanted);
  const self = text.draft?.node.id;
  const subject = subjectOf(text.place);
  if (wanted.is !== 'external' && world.drafts[wanted.node]?.node.id === self) {
    say(world, text, { at, said: message('binding_may_be_missing', 'itself', { subject, named }) });
    return;
  }
  if (self === undefined) {
    const said = message('binding_may_be_missing', 'pipeline', { subject, named });
    say(world, text, { at, said });
    return;
  }
  const suggestion = cure(text, wait);
  const filling = { subject, named, node: self, wait, cure: suggestion };
  say(world, text, { at, said: message('binding_may_be_missing', 'order', filling), suggestion });
}

function waitOf(world: World, wanted: Wanted): string {
  if (wanted.is === 'external') return `event:${wanted.event}`;
  return `event:${world.drafts[wanted.node]?.node.id}.${wanted.is}`;
}

function cure(text: TextPlace, wait: string): string {
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
