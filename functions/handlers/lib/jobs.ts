// Jobs and alarms of the functions that start, end and look for work.
import { createAlarms } from '#aws/alarms.ts';
import { batchClient, queuesClient } from '#aws/clients.ts';
import { systemClock } from '#aws/clock.ts';
import { createJobs } from '#aws/jobs.ts';
import type { Alarms } from '#ports/small.ts';
import type { Ports } from '#service/service.ts';
import { openObjects } from './ports.ts';
import type { Settings } from './settings.ts';

/** What of them there is to be told by the environment. */
export const workSettings = ['bucket', 'submitQueue', 'alarmQueue', 'jobs'] as const;

export type WorkPorts = Pick<Ports, 'jobs' | 'alarms' | 'objects'>;

/** Alarms alone. */
export const openAlarms = (
  { alarmQueue }: Settings<'alarmQueue'>,
  client = queuesClient(),
): Alarms => createAlarms({ client, queueUrl: alarmQueue, clock: systemClock });

/** Jobs and alarms, with the objects that orders lie in. */
export function openWork(settings: Settings<(typeof workSettings)[number]>): WorkPorts {
  const objects = openObjects(settings);
  const queue = queuesClient();
  return {
    objects,
    jobs: createJobs({
      batch: batchClient(),
      prefix: settings.jobs,
      queue,
      queueUrl: settings.submitQueue,
      objects,
    }),
    alarms: openAlarms(settings, queue),
  };
}
