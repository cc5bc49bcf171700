// Whether what an expression names is there, and may be named where it stands.

import type { References } from '#core/expression/references.ts';
import { hint, type Message, message, nearHint } from '#core/messages.ts';
import type { Binding, ConditionUse, Draft, ScalarPlace } from './draft.ts';
import { subjectOf } from './findings.ts';
import { listed, nearest } from './nearest.ts';
import { sqlOutputs } from './sql.ts';
import { sourceOffset } from './texts.ts';
import { member } from './tree.ts';
import type { World } from './world.ts';

/** A text of the expression language, where it stands. */
export interface TextPlace {
  readonly place: ScalarPlace;
  /** The node it belongs to; none for the pipeline's own variables. */
  readonly draft: Draft | undefined;
  readonly use: ConditionUse | Binding;
}

/** A text with what it names; not kept, for there are many. */
export interface NamedText extends TextPlace {
  readonly references: References;
}

const SYSTEM = ['run_id', 'namespace', 'started_at', 'scheduled_for', 'attempt'];

/** Says what is unknown or not allowed. Events are looked at in events.ts. */
export function checkNames(world: World, text: NamedText): void {
  const { references } = text;
  for (const { name, at } of references.inputs) checkInput(world, text, name, at);
  for (const output of references.outputs) checkOutput(world, text, output);
  for (const { name, at } of references.system) checkSystem(world, text, name, at);
  for (const { name, at } of references.locals) checkLocal(world, text, name, at);
  const [secret] = references.secrets;
  if (secret === undefined || (typeof text.use !== 'string' && text.use.secrets)) return;
  const subject = subjectOf(text.place);
  say(world, text, {
    at: secret.at,
    said: message('secret_not_allowed', 'names', { subject, name: secret.name }),
  });
}

interface Saying {
  /** Offset in the text of the expression. */
  readonly at: number;
  readonly said: Message;
  /** What would be right. */
  readonly suggestion?: string | undefined;
}

export function say(world: World, text: TextPlace, { at, said, suggestion }: Saying): void {
  const { findings } = world;
  findings.error(said, text.place, {
    at: sourceOffset(findings.source, text.place.tree, at),
    suggestion,
  });
}

function checkInput(world: World, text: NamedText, name: string, at: number): void {
  const known = Object.keys(world.reading.inputs);
  if (known.includes(name)) return;
  const near = world.findings.overflows ? undefined : nearest(name, known);
  const suggestion = near === undefined ? undefined : `pipeline.input.${near}`;
  const declared = () =>
    known.length === 0 ? hint('declares_none') : hint('declares', { known: listed(known) });
  say(world, text, {
    at,
    said: message('unknown_input', 'names', {
      subject: subjectOf(text.place),
      name,
      hint: nearHint(suggestion, declared),
    }),
    suggestion,
  });
}

function isOwn(text: NamedText, name: string): boolean {
  return typeof text.use !== 'string' && text.use.own && text.draft?.own.has(name) === true;
}

function checkOutput(world: World, text: NamedText, output: References['outputs'][number]): void {
  const { node, name, at } = output;
  if (isOwn(text, node)) return;
  const index = world.indexOf(node);
  const draft = index === undefined ? undefined : world.drafts[index];
  if (draft === undefined) {
    unknownNode(world, text, output);
    return;
  }
  if (draft.node.forEach !== undefined && name !== 'items') {
    const suggestion = `${node}.items`;
    const subject = subjectOf(text.place);
    const filling = { subject, node, name, hint: nearHint(suggestion) };
    say(world, text, { at, said: message('unknown_variable', 'instances', filling), suggestion });
  } else if (
    draft.node.executor.kind === 'join' &&
    draft.complete &&
    draft.node.forEach === undefined
  ) {
    const filling = { subject: subjectOf(text.place), node, name };
    say(world, text, { at, said: message('unknown_variable', 'join', filling) });
  } else if (draft.node.forEach === undefined) {
    checkSqlOutput(world, text, { ...output, known: sqlOutputs(draft.node.executor) });
  }
}

/** What a program will hand over nobody knows before it ran; of a query it is written. */
function checkSqlOutput(
  world: World,
  text: NamedText,
  output: References['outputs'][number] & { readonly known: readonly string[] | undefined },
): void {
  const { node, name, at, known } = output;
  if (known === undefined || known.length === 0 || known.includes(name)) return;
  const near = nearest(name, known);
  const suggestion = near === undefined ? undefined : `${node}.${near}`;
  const filling = {
    subject: subjectOf(text.place),
    node,
    name,
    known: listed(known),
    hint: nearHint(suggestion),
  };
  say(world, text, { at, said: message('unknown_variable', 'sql', filling), suggestion });
}

function unknownNode(world: World, text: NamedText, output: References['outputs'][number]): void {
  const { node, name, at } = output;
  const subject = subjectOf(text.place);
  const near = nearest(node, world.ids());
  const suggestion = near === undefined ? undefined : `${near}.${name}`;
  const said =
    text.draft?.own.has(node) === true
      ? message('unknown_node', 'own_input', { subject, name: node, hint: nearHint(suggestion) })
      : message('unknown_node', 'names', {
          subject,
          name: node,
          hint: nearHint(suggestion, () => hint('has', { known: listed([...world.ids()]) })),
        });
  say(world, text, { at, said, suggestion });
}

function checkSystem(world: World, text: NamedText, name: string, at: number): void {
  // Conditions and lists are asked before there is an attempt.
  const early = typeof text.use === 'string' || text.place.key === 'forEach';
  const known = early ? SYSTEM.filter((word) => word !== 'attempt') : SYSTEM;
  if (known.includes(name)) return;
  const subject = subjectOf(text.place);
  if (name === 'attempt') {
    say(world, text, { at, said: message('unknown_variable', 'attempt', { subject }) });
    return;
  }
  const near = nearest(name, known);
  const suggestion = near === undefined ? undefined : `system.${near}`;
  const filling = { subject, name, known: listed(known), hint: nearHint(suggestion) };
  say(world, text, { at, said: message('unknown_variable', 'system', filling), suggestion });
}

function checkLocal(world: World, text: NamedText, name: string, at: number): void {
  if (isOwn(text, name)) return;
  if (name === 'item' || name === 'index') {
    if (typeof text.use !== 'string' && text.use.element) return;
    const where = text.draft !== undefined && member(text.draft.place, 'forEach') !== undefined;
    const filling = { subject: subjectOf(text.place), name };
    say(world, text, {
      at,
      said: where
        ? message('unknown_variable', 'element', filling)
        : message('unknown_variable', 'no_for_each', filling),
    });
    return;
  }
  const suggestion = localNear(world, text, name);
  say(world, text, { at, said: unknownLocal(world, text, name, suggestion), suggestion });
}

function unknownLocal(
  world: World,
  text: NamedText,
  name: string,
  near: string | undefined,
): Message {
  const filling = { subject: subjectOf(text.place), name, hint: nearHint(near) };
  if (world.indexOf(name) !== undefined) return message('unknown_variable', 'node', filling);
  return text.draft?.own.has(name) === true
    ? message('unknown_variable', 'own_input', filling)
    : message('unknown_variable', 'name', filling);
}

function localNear(world: World, text: NamedText, name: string): string | undefined {
  if (world.reading.inputs[name] !== undefined) return `pipeline.input.${name}`;
  const own = typeof text.use !== 'string' && text.use.own ? [...(text.draft?.own ?? [])] : [];
  return nearest(name, own);
}
