// Messages of alarms: each rings its run, or sleeps on, or is forgotten.
import { alarmMessage } from '#schemas/alarm-message.ts';
import { ringAlarm } from '#service/ring-alarm.ts';
import { openAlarms } from './lib/jobs.ts';
import { openCloud } from './lib/ports.ts';
import { settings } from './lib/settings.ts';
import { onQueue } from './lib/wrap.ts';

const own = settings('table', 'bucket', 'walker', 'alarmQueue');
const { service } = openCloud({ settings: own, ports: { alarms: openAlarms(own) } });

export const handler = onQueue('alarm', alarmMessage, async (alarm, call) => {
  call.count(`Alarm_${await ringAlarm(service, alarm)}`);
});
