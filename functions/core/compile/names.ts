// Whether what an expression names is there, and may be named where it stands.
import type { References } from '#core/expression/references.ts';
import type { Binding, ConditionUse, Draft, ScalarPlace } from './draft.ts';
import { subjectOf } from './findings.ts';
import { listed, nearest } from './nearest.ts';
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
  say(world, text, {
    code: 'secret_not_allowed',
    at: secret.at,
    what: `names secret.${secret.name}, which could be read there afterwards; secrets may stand in "env" and "command" only`,
  });
}

interface Saying {
  readonly code:
    | 'unknown_input'
    | 'unknown_node'
    | 'unknown_variable'
    | 'secret_not_allowed'
    | 'unknown_event'
    | 'external_in_skip'
    | 'binding_may_be_missing';
  /** Offset in the text of the expression. */
  readonly at: number;
  readonly what: string;
  /** A name that is near. */
  readonly suggestion?: string | undefined;
  /** What would be right; it is in `what` already. */
  readonly cure?: string;
}

export function say(world: World, text: TextPlace, saying: Saying): void {
  const { findings } = world;
  const hint = saying.suggestion === undefined ? '' : `; did you mean "${saying.suggestion}"?`;
  findings.error(saying.code, text.place, `${subjectOf(text.place)} ${saying.what}${hint}`, {
    at: sourceOffset(findings.source, text.place.tree, saying.at),
    suggestion: saying.suggestion ?? saying.cure,
  });
}

function checkInput(world: World, text: NamedText, name: string, at: number): void {
  const known = Object.keys(world.reading.inputs);
  if (known.includes(name)) return;
  const near = nearest(name, known);
  const has =
    known.length === 0
      ? 'the pipeline declares no inputs'
      : `the pipeline declares ${listed(known)}`;
  say(world, text, {
    code: 'unknown_input',
    at,
    what: `names the input "${name}", which is not declared${near === undefined ? `; ${has}` : ''}`,
    suggestion: near === undefined ? undefined : `pipeline.input.${near}`,
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
    const near = nearest(node, world.ids());
    const own = text.draft?.own.has(node) === true;
    say(world, text, {
      code: 'unknown_node',
      at,
      what: own
        ? `names "${node}", an input of the node, which is not known there yet`
        : `names the node "${node}", which is not there${near === undefined ? `; the pipeline has ${listed([...world.ids()])}` : ''}`,
      suggestion: near === undefined ? undefined : `${near}.${name}`,
    });
    return;
  }
  if (draft.node.forEach !== undefined && name !== 'items') {
    say(world, text, {
      code: 'unknown_variable',
      at,
      what: `names ${node}.${name}, but "${node}" has one instance per element: its only output is "items", a list of theirs`,
      suggestion: `${node}.items`,
    });
  } else if (
    draft.node.executor.kind === 'join' &&
    draft.complete &&
    draft.node.forEach === undefined
  ) {
    say(world, text, {
      code: 'unknown_variable',
      at,
      what: `names ${node}.${name}, but "${node}" runs nothing and has no outputs`,
    });
  }
}

function checkSystem(world: World, text: NamedText, name: string, at: number): void {
  // Conditions and lists are asked before there is an attempt.
  const early = typeof text.use === 'string' || text.place.key === 'forEach';
  const known = early ? SYSTEM.filter((word) => word !== 'attempt') : SYSTEM;
  if (known.includes(name)) return;
  const near = nearest(name, known);
  say(world, text, {
    code: 'unknown_variable',
    at,
    what:
      name === 'attempt'
        ? 'names system.attempt, which is not known before the node starts'
        : `names system.${name}, which is not there; there are ${listed(known)}`,
    suggestion: near === undefined ? undefined : `system.${near}`,
  });
}

function checkLocal(world: World, text: NamedText, name: string, at: number): void {
  if (isOwn(text, name)) return;
  if (name === 'item' || name === 'index') {
    if (typeof text.use !== 'string' && text.use.element) return;
    const where = text.draft !== undefined && member(text.draft.place, 'forEach') !== undefined;
    say(world, text, {
      code: 'unknown_variable',
      at,
      what: where
        ? `names "${name}", which is known only inside the instances of "forEach"`
        : `names "${name}", but the node has no "forEach"`,
    });
    return;
  }
  say(world, text, {
    code: 'unknown_variable',
    at,
    what: `names "${name}", which nothing provides${whereElse(world, text, name)}`,
    suggestion: localNear(world, text, name),
  });
}

function whereElse(world: World, text: NamedText, name: string): string {
  if (world.indexOf(name) !== undefined)
    return `: it is a node; its outputs are named ${name}.OUTPUT`;
  if (text.draft?.own.has(name) === true) {
    return ': inputs of the node are known in its "env" and "command" only';
  }
  return '';
}

function localNear(world: World, text: NamedText, name: string): string | undefined {
  if (world.reading.inputs[name] !== undefined) return `pipeline.input.${name}`;
  const own = typeof text.use !== 'string' && text.use.own ? [...(text.draft?.own ?? [])] : [];
  return nearest(name, own);
}
