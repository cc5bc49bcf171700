// The checks that need all nodes: names, events, cycles, constants, and what a binding may count on.
import { references } from '#core/expression/references.ts';
import { insideQuotes } from '#core/expression/shell.ts';
import { hint, type Message, message, nearHint, part } from '#core/messages.ts';
import { Sources } from './bindings.ts';
import { type Constant, constantOf, contradiction } from './constants.ts';
import { cycles } from './cycles.ts';
import type { Binding, ConditionText, Draft, Reading } from './draft.ts';
import { checkEvents } from './events.ts';
import { type Findings, subjectOf } from './findings.ts';
import { checkNames, type NamedText } from './names.ts';
import { listed, nearest } from './nearest.ts';
import { sourceOffset } from './texts.ts';
import { splitEvent, World } from './world.ts';

/** Says everything that is wrong between nodes. Answers the names of the secrets. */
export function check(findings: Findings, reading: Reading): ReadonlySet<string> {
  const world = new World(findings, reading);
  const secrets = new Set<string>();
  const sources = new Sources(world);
  for (const draft of reading.drafts) checkNeeds(world, draft);
  for (const text of textsOf(reading)) {
    checkNames(world, text);
    if (typeof text.use === 'string') checkEvents(world, text);
    sources.ask(text);
    for (const { name } of text.references.secrets) secrets.add(name);
  }
  // By then every node has ended: what did not complete gives null.
  for (const binding of reading.outputs?.bindings ?? [])
    checkNames(world, bindingText(binding, undefined));
  for (const draft of reading.drafts) {
    for (const condition of draft.conditions) checkConstant(findings, condition);
    for (const binding of draft.bindings) checkQuotes(findings, binding);
  }
  // Who waits for whom is followed only in a graph that has an order.
  if (!checkCycles(world)) sources.check();
  return secrets;
}

function* textsOf(reading: Reading): Generator<NamedText> {
  for (const binding of reading.bindings) yield bindingText(binding, undefined);
  for (const draft of reading.drafts) {
    for (const { use, place, condition } of draft.conditions) {
      yield { place, use, draft, references: references(condition) };
    }
    for (const binding of draft.bindings) yield bindingText(binding, draft);
  }
}

function bindingText(binding: Binding, draft: Draft | undefined): NamedText {
  return { place: binding.place, use: binding, draft, references: references(binding.template) };
}

function checkNeeds(world: World, draft: Draft): void {
  const { findings } = world;
  const seen = new Set<string>();
  for (const { name, place } of draft.needs) {
    if (world.indexOf(name) === undefined) {
      const near = nearest(name, world.ids());
      const ending = nearHint(near, () => hint('has', { known: listed([...world.ids()]) }));
      const said = message('unknown_node', 'names', {
        subject: subjectOf(place),
        name,
        hint: ending,
      });
      findings.error(said, place, { suggestion: near });
    } else if (seen.has(name)) {
      findings.warn(message('duplicate_id', 'needs', { subject: subjectOf(place), name }), place);
    }
    seen.add(name);
  }
}

function checkConstant(findings: Findings, text: ConditionText): void {
  const constant = constantOf(text.condition);
  if (constant !== undefined) {
    findings.error(saidOfConstant(subjectOf(text.place), constant), text.place);
    return;
  }
  const found = contradiction(text.condition);
  if (found === undefined) return;
  const { events } = found;
  findings.warn(
    message('contradiction', 'events', { subject: subjectOf(text.place), events }),
    text.place,
    { at: sourceOffset(findings.source, text.place.tree, found.at) },
  );
}

function saidOfConstant(subject: string, constant: NonNullable<Constant>): Message {
  if (typeof constant === 'object')
    return message('constant_condition', 'error', { subject, why: constant.error });
  return constant === 'true'
    ? message('constant_condition', 'true', { subject })
    : message('constant_condition', 'never', { subject });
}

const COMMANDS: ReadonlySet<string | number> = new Set(['command', 'start_command']);

/** A value in a command is quoted already: quotes round it mean that someone fears it is not. */
function checkQuotes(findings: Findings, binding: Binding): void {
  const { place, template } = binding;
  // Where a decoded value stands nobody wrote {{ }}.
  if (!COMMANDS.has(place.key) || place.tree.pieces !== undefined) return;
  const [at] = insideQuotes(template);
  if (at === undefined) return;
  findings.warn(message('quoted_word', 'command', { subject: subjectOf(place) }), place, {
    at: sourceOffset(findings.source, place.tree, at),
  });
}

/** Whether there are cycles; each is said once. */
function checkCycles(world: World): boolean {
  const edges = world.drafts.map((draft) => waitsFor(world, draft));
  const found = cycles(edges);
  for (const cycle of found) {
    const [first = 0] = cycle;
    const draft = world.drafts[first];
    if (draft === undefined) continue;
    const names = cycle.map((index) => labelOf(world.drafts[index]));
    const start = draft.conditions.find((condition) => condition.use === 'startWhen')?.place;
    const place = draft.needs[0]?.place ?? start ?? draft.place;
    const filling = { chain: names.join(' → '), because: reasons(world, cycle) };
    const said =
      cycle.length === 2
        ? message('cycle', 'self', { node: names[0] ?? '', ...filling })
        : message('cycle', 'nodes', filling);
    world.findings.error(said, place);
  }
  return found.length > 0;
}

function labelOf(draft: Draft | undefined): string {
  return draft?.node.label !== undefined && draft.spelled
    ? draft.node.label
    : (draft?.node.id ?? '');
}

/** Which operators are behind the edges, where the dialect has them. */
function reasons(world: World, cycle: readonly number[]): string {
  const because = cycle.slice(0, -1).flatMap((from, at) => {
    const target = world.drafts[cycle[at + 1] ?? -1]?.node.id;
    const edge = world.drafts[from]?.needs.find(({ name }) => name === target);
    return edge?.because === undefined ? [] : [edge.because];
  });
  return because.length === 0 ? '' : part('because', { reasons: because.join('; ') });
}

/** The nodes whose end the start of this one hangs on, by exact names. */
function waitsFor(world: World, draft: Draft): readonly number[] {
  const names = draft.needs.map(({ name }) => name);
  for (const { use, condition } of draft.conditions) {
    if (use !== 'startWhen') continue;
    const named = references(condition);
    for (const { pattern } of named.events) {
      if (!pattern.includes('*')) names.push(splitEvent(pattern).source);
    }
    for (const { node } of named.outputs) names.push(node);
  }
  return [...new Set(names)].flatMap((name) => world.indexOf(name) ?? []);
}
