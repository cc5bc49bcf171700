// Whether the events that conditions wait for can be raised by what they name.

import { hint, type Message, message, nearHint } from '#core/messages.ts';
import { glob } from '#core/walk/glob.ts';
import { subjectOf } from './findings.ts';
import { type NamedText, say } from './names.ts';
import { listed, nearest } from './nearest.ts';
import { DECISIONS, NODE_EVENTS, splitEvent, type World } from './world.ts';

/** Words that other systems use for our events. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  succeeded: 'completed',
  success: 'completed',
  successful: 'completed',
  complete: 'completed',
  done: 'completed',
  finished: 'ended',
  finish: 'ended',
  end: 'ended',
  start: 'started',
  running: 'started',
  error: 'failed',
  errored: 'failed',
  failure: 'failed',
  fail: 'failed',
  timeout: 'timed_out',
  timedout: 'timed_out',
  canceled: 'cancelled',
  stopped: 'cancelled',
  skip: 'skipped',
  retry: 'retrying',
  retried: 'retrying',
};

export function checkEvents(world: World, text: NamedText): void {
  for (const { pattern, at } of text.references.events) checkEvent(world, text, pattern, at);
}

function checkEvent(world: World, text: NamedText, pattern: string, at: number): void {
  const { source, event } = splitEvent(pattern);
  if (source === 'external' || source.startsWith('external.')) {
    checkExternal(world, text, pattern, at);
    return;
  }
  if (!source.includes('*') && !source.includes('.') && source !== 'pipeline') {
    if (world.indexOf(source) === undefined) {
      unknownNode(world, text, pattern, at);
      return;
    }
  }
  const wrong =
    source === 'pipeline' ? ofPipeline(text, pattern, event) : ofNodes(world, text, pattern);
  if (wrong !== undefined) say(world, text, { at, ...wrong });
}

function unknownNode(world: World, text: NamedText, pattern: string, at: number): void {
  const { source, event } = splitEvent(pattern);
  const near = nearest(source, world.ids());
  const suggestion = near === undefined ? undefined : `event:${near}.${event}`;
  const said = message('unknown_node', 'event', {
    subject: subjectOf(text.place),
    pattern,
    name: source,
    hint: nearHint(suggestion, () => hint('has', { known: listed([...world.ids()]) })),
  });
  say(world, text, { at, said, suggestion });
}

interface Wrong {
  readonly said: Message;
  readonly suggestion?: string | undefined;
}

function ofPipeline(text: NamedText, pattern: string, event: string): Wrong | undefined {
  if (event === 'started') return undefined;
  return {
    said: message('unknown_event', 'pipeline', { subject: subjectOf(text.place), pattern }),
  };
}

function ofNodes(world: World, text: NamedText, pattern: string): Wrong | undefined {
  const { source, event } = splitEvent(pattern);
  if (source.includes('.')) {
    return { said: message('unknown_event', 'form', { subject: subjectOf(text.place), pattern }) };
  }
  const known = raisedBy(world, source);
  if (!known.some((name) => glob(event, name))) {
    const meant = ELSEWHERE[event.toLowerCase()] ?? nearest(event, known);
    const draft = world.drafts[world.indexOf(source) ?? -1];
    // An approval of a later version has its problem already.
    if (draft !== undefined && !draft.complete) return undefined;
    return unknownEvent(text, pattern, { meant, known });
  }
  const self = text.draft?.node.id;
  const other = world.matching(source).some((index) => world.drafts[index]?.node.id !== self);
  if (!source.includes('*') || other) return undefined;
  const filling = { subject: subjectOf(text.place), pattern, node: source };
  return { said: message('unknown_event', 'no_match', filling) };
}

/** Events that the nodes of a pattern raise: an approval raises what was decided, too. */
function raisedBy(world: World, source: string): readonly string[] {
  const approval = world
    .matching(source)
    .some((index) => world.drafts[index]?.node.executor.kind === 'approval');
  return approval ? [...NODE_EVENTS, ...Object.keys(DECISIONS)] : NODE_EVENTS;
}

function unknownEvent(
  text: NamedText,
  pattern: string,
  { meant, known }: { readonly meant: string | undefined; readonly known: readonly string[] },
): Wrong {
  const { source, event } = splitEvent(pattern);
  const subject = subjectOf(text.place);
  if (Object.hasOwn(DECISIONS, event)) {
    return { said: message('unknown_event', 'no_approval', { subject, pattern, node: source }) };
  }
  const suggestion = meant === undefined ? undefined : `event:${source}.${meant}`;
  const filling = { subject, pattern, known: listed(known), hint: nearHint(suggestion) };
  return { said: message('unknown_event', 'event', filling), suggestion };
}

function checkExternal(world: World, text: NamedText, pattern: string, at: number): void {
  if (text.use === 'skipWhen') {
    const subject = subjectOf(text.place);
    say(world, text, { at, said: message('external_in_skip', 'event', { subject, pattern }) });
  } else if (pattern.includes('*')) {
    const subject = subjectOf(text.place);
    say(world, text, { at, said: message('unknown_event', 'external', { subject, pattern }) });
  }
}
