// Whether the events that conditions wait for can be raised by what they name.
import { glob } from '#core/walk/glob.ts';
import { type NamedText, say } from './names.ts';
import { listed, nearest } from './nearest.ts';
import { NODE_EVENTS, splitEvent, type World } from './world.ts';

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
  const wrong = source === 'pipeline' ? ofPipeline(pattern, event) : ofNodes(world, text, pattern);
  if (wrong !== undefined) say(world, text, { code: 'unknown_event', at, ...wrong });
}

function unknownNode(world: World, text: NamedText, pattern: string, at: number): void {
  const { source, event } = splitEvent(pattern);
  const near = nearest(source, world.ids());
  const has = near === undefined ? `; the pipeline has ${listed([...world.ids()])}` : '';
  say(world, text, {
    code: 'unknown_node',
    at,
    what: `waits for event:${pattern}, but there is no node "${source}"${has}`,
    suggestion: near === undefined ? undefined : `event:${near}.${event}`,
  });
}

interface Wrong {
  readonly what: string;
  readonly suggestion?: string;
}

function ofPipeline(pattern: string, event: string): Wrong | undefined {
  if (event === 'started') return undefined;
  return {
    what: `waits for event:${pattern}: of the pipeline there is only pipeline.started, for nothing starts after its end`,
  };
}

function ofNodes(world: World, text: NamedText, pattern: string): Wrong | undefined {
  const { source, event } = splitEvent(pattern);
  if (source.includes('.')) {
    return { what: `waits for event:${pattern}; an event is named NODE.EVENT` };
  }
  if (!NODE_EVENTS.some((name) => glob(event, name))) {
    const meant = ELSEWHERE[event.toLowerCase()] ?? nearest(event, NODE_EVENTS);
    const draft = world.drafts[world.indexOf(source) ?? -1];
    // An approval of a later version has its problem already.
    if (draft !== undefined && !draft.complete) return undefined;
    const approval = event === 'approved' || event === 'rejected';
    const why = approval
      ? `, but "${source}" is no approval`
      : `, which no node raises; there are ${listed(NODE_EVENTS)}`;
    const what = `waits for event:${pattern}${why}`;
    return meant === undefined || approval
      ? { what }
      : { what, suggestion: `event:${source}.${meant}` };
  }
  const self = text.draft?.node.id;
  const other = world.matching(source).some((index) => world.drafts[index]?.node.id !== self);
  if (!source.includes('*') || other) return undefined;
  return { what: `waits for event:${pattern}, but "${source}" matches no other node` };
}

function checkExternal(world: World, text: NamedText, pattern: string, at: number): void {
  if (text.use === 'skipWhen') {
    say(world, text, {
      code: 'external_in_skip',
      at,
      what: `names event:${pattern}: it is asked once, at the start, and an event from outside may come at any time; wanted a startWhen or stopWhen`,
    });
  } else if (pattern.includes('*')) {
    say(world, text, {
      code: 'unknown_event',
      at,
      what: `waits for event:${pattern}: * stands for nodes only, an event from outside must be named`,
    });
  }
}
