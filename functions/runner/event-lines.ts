// Events of a run as lines of a log.
import type { EventLine } from '#schemas/report.ts';
import type { Json } from '#schemas/values.ts';
import type { LogLevel } from '#schemas/work-dir.ts';
import { prepares } from './log-shape.ts';

const LEVELS: Readonly<Record<string, LogLevel>> = {
  completed: 'SUCCESS',
  failed: 'ERROR',
  timed_out: 'ERROR',
  cancelled: 'WARNING',
  retrying: 'WARNING',
  warning: 'WARNING',
  skipped: 'WARNING',
  halted: 'CRITICAL',
};

export const levelOfEvent = (event: EventLine): LogLevel => LEVELS[nameOf(event)] ?? 'INFO';

/** What was told otherwise already: before the run began, or by a line of the log of who built an environment. */
export const isWarning = ({ event, node }: EventLine): boolean =>
  event === 'pipeline.warning' ||
  (node !== undefined && prepares(node) && event === `${node}.warning`);

/** The node and its attempt; nothing of them where the event is of the whole run. */
export const subjectOfEvent = ({
  node,
  attempt,
}: EventLine): {
  readonly address?: string | undefined;
  readonly attempt?: number | undefined;
} => ({
  address: node,
  // What never started is no attempt.
  attempt: attempt === 0 ? undefined : attempt,
});

/** `failed: exited with code 3`. */
export function textOfEvent(event: EventLine): string {
  const name = nameOf(event).replaceAll('_', ' ');
  const subject =
    event.node === undefined && event.event.startsWith('pipeline.') ? `run ${event.run} ` : '';
  const warned = memberOf(event.payload, 'message');
  if (event.event === 'pipeline.warning' && warned !== undefined) return warned;
  const external = event.event.startsWith('external.')
    ? `event ${event.event}`
    : `${subject}${name}`;
  const why = memberOf(event.payload, 'message') ?? memberOf(event.payload, 'reason');
  return why === undefined ? external : `${external}: ${why}`;
}

function nameOf({ event }: EventLine): string {
  return event.slice(event.lastIndexOf('.') + 1);
}

function memberOf(payload: Json | undefined, name: string): string | undefined {
  if (payload === undefined || payload === null || typeof payload !== 'object') return undefined;
  const found: unknown = Object.hasOwn(payload, name) ? Reflect.get(payload, name) : undefined;
  return typeof found === 'string' ? found : undefined;
}
