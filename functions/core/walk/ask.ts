// Asks `skipWhen` at the moment a node would start. Everything it may name has ended by then (the compiler sees to that), so no
// gates are kept for it: the condition is simply evaluated.
import { asTruth, evaluate } from '../expression/evaluate.ts';
import type { Condition } from '../expression/types.ts';
import { endEvents } from './approvals.ts';
import { eventMask, splitPattern } from './conditions.ts';
import { glob } from './glob.ts';
import type { Graph } from './graph.ts';
import { FLAG_RETRIED, type NodeRecord } from './records.ts';
import { isEnd } from './state.ts';
import { variables, type Walking } from './walking.ts';
import {
  ERROR,
  EVENT_RETRYING,
  EVENT_STARTED,
  flipped,
  NEVER,
  OPEN,
  TRUE,
  TRUTH_NUMBER,
} from './words.ts';

export type Answer =
  | { readonly is: 'true' | 'no' | 'missing' }
  | { readonly is: 'error'; readonly message: string };

/** Whether the node is to be skipped. `missing`: outputs must be loaded first. */
export function askSkip(walking: Walking, node: number): Answer {
  const condition = walking.graph.skips.get(node);
  if (!condition) return { is: 'no' };
  const before = walking.missing.size;
  const notes: string[] = [];
  const truth = judge({ walking, node, notes }, condition);
  if (walking.missing.size > before) return { is: 'missing' };
  if (truth === ERROR) return { is: 'error', message: notes[0] ?? 'it cannot be evaluated' };
  return { is: truth === TRUE ? 'true' : 'no' };
}

interface Asking {
  readonly walking: Walking;
  readonly node: number;
  readonly notes: string[];
}

/** As deep as the condition is nested, which `limits.expressionDepth` bounds. */
function judge(asking: Asking, condition: Condition): number {
  switch (condition.kind) {
    case 'constant':
      return condition.value ? TRUE : NEVER;
    case 'not':
      return flipped(judge(asking, condition.part));
    case 'and':
      return together(condition.parts.map((part) => judge(asking, part)));
    case 'or':
      return flipped(together(condition.parts.map((part) => flipped(judge(asking, part)))));
    case 'term': {
      const { truth, because } = asTruth(evaluate(condition.expr, variables(asking.walking)));
      if (truth === 'not_yet') return OPEN;
      if (truth === 'error') asking.notes.push(`{{ ${condition.text} }}: ${because ?? ''}`);
      return TRUTH_NUMBER[truth];
    }
    case 'event':
      return judgeEvent(asking, condition.pattern);
  }
}

/** Kleene's AND with an error as fourth value. */
function together(truths: readonly number[]): number {
  if (truths.includes(NEVER)) return NEVER;
  if (truths.includes(OPEN)) return OPEN;
  return truths.includes(ERROR) ? ERROR : TRUE;
}

function judgeEvent({ walking, node }: Asking, pattern: string): number {
  const { graph, draft } = walking;
  const [subject, event] = splitPattern(pattern);
  if (subject === 'external') {
    return Object.keys(draft.head.externals).some((name) => glob(pattern, name)) ? TRUE : OPEN;
  }
  if (subject === 'pipeline') return glob(event, 'started') ? TRUE : NEVER;
  const mask = eventMask(event);
  const named = subject.includes('*')
    ? graph.plan.nodes.flatMap(({ id }, at) =>
        at !== node && graph.visible[at] === 1 && glob(subject, id) ? [at] : [],
      )
    : [graph.index.get(subject) ?? -1];
  const truths = named.map((at) =>
    flipped(happened(graph, at, { record: draft.record(at), mask })),
  );
  return flipped(together(truths));
}

function happened(
  graph: Graph,
  node: number,
  { record, mask }: { readonly record: NodeRecord; readonly mask: number },
): number {
  const before =
    (record.attempt > 0 ? EVENT_STARTED : 0) |
    ((record.flags & FLAG_RETRIED) === 0 ? 0 : EVENT_RETRYING);
  if ((before & mask) !== 0) return TRUE;
  if (!isEnd(record.status)) return OPEN;
  return (endEvents(graph, node, record) & mask) === 0 ? NEVER : TRUE;
}
