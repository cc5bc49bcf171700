// What a run came to, in words that are the same wherever it ran: by node its end, its attempts, what it gave (files by their digest) and its events.
import type { EventLine, RunReport } from '#schemas/report.ts';
import { fileValue, type Json } from '#schemas/values.ts';

export interface NodeFacts {
  readonly status: string;
  readonly attempts: number;
  readonly reason: string | null;
  readonly outputs: Json;
  readonly instances: readonly { status: string; attempts: number }[];
  /** Sorted: those of nodes beside each other come in any order. */
  readonly events: readonly string[];
}

export interface RunFacts {
  readonly status: string;
  readonly outputs: Json;
  readonly nodes: Readonly<Record<string, NodeFacts>>;
}

export function factsOf(report: RunReport, events: readonly EventLine[]): RunFacts {
  const nodes = Object.entries(report.nodes).map(([id, node]): [string, NodeFacts] => [
    id,
    {
      status: node.status,
      attempts: node.attempts,
      reason: node.reason ?? null,
      outputs: byContent(node.outputs),
      instances: (node.instances ?? []).map(({ status, attempts }) => ({ status, attempts })),
      events: events
        .filter((event) => event.node === id || event.node?.startsWith(`${id}[`) === true)
        .map(({ event, node: at, attempt }) => `${at} ${event} ${attempt ?? ''}`)
        .filter((event) => !event.includes('.queued'))
        .sort(),
    },
  ]);
  return {
    status: report.status,
    outputs: byContent(report.outputs ?? {}),
    nodes: Object.fromEntries(nodes),
  };
}

/** Where a file lies differs; what is in it must not. */
function byContent(value: Json): Json {
  const file = fileValue.safeParse(value);
  if (file.success) return { file: file.data.$file.sha256 ?? null };
  if (Array.isArray(value)) return value.map(byContent);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, byContent(each)]));
}
