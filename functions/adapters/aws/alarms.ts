// Alarms as messages that sleep in an SQS queue. One sleeps for a quarter of an hour at most: whoever receives it earlier than
// its time puts it back. So an alarm is never lost with a process, and costs a few requests an hour.
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { Alarms, Clock } from '#ports/small.ts';
import type { AlarmMessage } from '#schemas/alarm-message.ts';
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

/** Seconds that a message of an alarm sleeps next. Never less than what is left, unless that is more than one may sleep. */
export function sleepSeconds(at: number, now: number, hop: number = limits.alarmHop): number {
  const most = Math.floor(hop / 1_000);
  return Math.min(most, Math.max(0, Math.ceil((at - now) / 1_000)));
}

/** Alarms through that queue. A message that has come early is put back by `wake` (service/ring-alarm.ts). */
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
