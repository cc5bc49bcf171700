// The stored form of a state's head. What has its default is left out.
import { Defect } from '#errors/families.ts';
import type { Json } from '#schemas/values.ts';
import { storedHead } from '#schemas/walk-head.ts';
import type { Head } from './state.ts';

export function encodeHead(head: Head): { readonly [name: string]: Json } {
  const stored: { [name: string]: Json } = {
    phase: head.phase,
    now: head.now,
    unfinished: head.unfinished,
  };
  const optional: { readonly [name: string]: Json | undefined } = {
    end: head.end,
    reason: head.reason,
    message: head.message,
    timeout: head.timeout,
    deadline: head.deadline,
    stopping: head.stopping,
    hidden: head.hidden,
    live: head.live,
    places: head.places,
    failedGroups: head.failedGroups,
    groupDeadlines: head.groupDeadlines,
    roots: head.roots,
    spreading: head.spreading,
    externals: head.externals,
    keys: head.keys,
    unhandled: head.unhandled,
    cancelled: head.cancelled,
    seeds: head.seeds,
  };
  for (const [name, value] of Object.entries(optional)) {
    if (value !== undefined && value !== 0 && !isEmpty(value)) stored[name] = value;
  }
  return stored;
}

function isEmpty(value: Json): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

export function decodeHead(stored: { readonly [name: string]: Json }): Head {
  const read = storedHead.safeParse(stored);
  if (!read.success) {
    throw new Defect(`the head of a run cannot be read: ${read.error.message}`);
  }
  const { v: _, end, reason: why, message, stopping, ...head } = read.data;
  return { ...head, end, reason: why, message, stopping };
}
