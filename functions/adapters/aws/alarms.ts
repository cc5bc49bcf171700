// Alarms as messages that sleep in an SQS queue. One sleeps for a quarter of an hour at most: whoever receives it earlier than
// its time puts it back. So an alarm is never lost with a process, and costs a few requests an hour.
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { Defect } from '#errors/families.ts';
import type { Alarms, Clock } from '#ports/small.ts';
import { type AlarmMessage, alarmMessage } from '#schemas/alarm-message.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { asked } from './service-errors.ts';

export interface AlarmsOptions {
  readonly client: SQSClient;
  readonly queueUrl: string;
  readonly clock: Clock;
  /** Milliseconds one message sleeps at most; whole seconds. */
  readonly hop?: number;
}

/** What to do with a message that has come. */
export type AlarmStep =
  | { readonly do: 'ring'; readonly alarm: AlarmMessage }
  | { readonly do: 'sleep'; readonly alarm: AlarmMessage }
  | { readonly do: 'forget'; readonly alarm: AlarmMessage };

/** What is known of a run when a message of its alarm has come. */
export interface Awaiting {
  readonly over: boolean;
  /** Its earliest deadline at present. Every change of it sends a message of its own. */
  readonly wakeAt?: number;
}

/**
 * Decides about the body of a message: its time has come, or it sleeps on, or it is forgotten, because the run is over or waits for
 * another time by now. Nothing need be known of the run: a message too many is harmless. Throws Defect of what is no alarm: such a
 * message belongs among the dead letters.
 */
export function alarmStep(body: string, now: number, run?: Awaiting): AlarmStep {
  const alarm = alarmIn(body);
  const outdated = run?.wakeAt !== undefined && run.wakeAt !== alarm.at;
  if (run?.over === true || outdated) return { do: 'forget', alarm };
  return { do: now >= alarm.at ? 'ring' : 'sleep', alarm };
}

/** Seconds that a message of an alarm sleeps next. Never less than what is left, unless that is more than one may sleep. */
export function sleepSeconds(at: number, now: number, hop: number = limits.alarmHop): number {
  const most = Math.floor(hop / 1_000);
  return Math.min(most, Math.max(0, Math.ceil((at - now) / 1_000)));
}

/** Alarms through that queue. A message that has come early is put back by `wake`. */
export function createAlarms({ client, queueUrl, clock, hop }: AlarmsOptions): Alarms {
  return {
    wake: async (namespace, run, at) => {
      const message: AlarmMessage = { v: FORMAT, namespace, run, at };
      const tried = { subject: `alarm of run ${run}`, permission: 'sqs:SendMessage' };
      await asked(tried, () =>
        client.send(
          new SendMessageCommand({
            QueueUrl: queueUrl,
            MessageBody: JSON.stringify(message),
            DelaySeconds: sleepSeconds(at, clock.now(), hop),
          }),
        ),
      );
    },
  };
}

function alarmIn(body: string): AlarmMessage {
  const parsed = alarmMessage.safeParse(jsonOf(body));
  if (parsed.success) return parsed.data;
  throw new Defect(`${JSON.stringify(body.slice(0, 200))}: no message of an alarm`);
}

/** Undefined where it is no JSON. */
function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
