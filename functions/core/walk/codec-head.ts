// The stored form of a state's head. What has its default is left out.
import * as z from 'zod';
import { Defect } from '#errors/families.ts';
import { FORMAT } from '#schemas/ids.ts';
import { reason } from '#schemas/reasons.ts';
import { range, runEnd } from '#schemas/run.ts';
import { type Json, json } from '#schemas/values.ts';
import type { Head } from './state.ts';

const whole = z.int();
const pairs = z.array(z.tuple([whole, whole]));

const storedHead = z.strictObject({
  v: z.literal(FORMAT),
  phase: z.enum(['pending', 'running', 'paused', 'ended']),
  end: runEnd.optional(),
  reason: reason.optional(),
  message: z.string().optional(),
  now: whole,
  timeout: whole.default(0),
  deadline: whole.default(0),
  stopping: reason.optional(),
  unfinished: whole,
  hidden: whole.default(0),
  live: whole.default(0),
  places: z.array(whole).default([]),
  failedGroups: z.array(whole).default([]),
  groupDeadlines: pairs.default([]),
  roots: whole.default(0),
  spreading: pairs.default([]),
  externals: z.record(z.string(), json).default({}),
  keys: z.array(z.string()).default([]),
  unhandled: whole.default(0),
  cancelled: whole.default(0),
  seeds: z.array(z.tuple([z.string(), z.array(range)])).default([]),
});

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
    throw new Defect(`the head of a run cannot be read: ${z.prettifyError(read.error)}`);
  }
  const { v: _, end, reason: why, message, stopping, ...head } = read.data;
  return { ...head, end, reason: why, message, stopping };
}
