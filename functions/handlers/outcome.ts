// Hears how jobs and functions ended, for those whose runner did not say so itself.
import { outcomeEvent } from '#schemas/outcome-event.ts';
import { endJob } from '#service/end-job.ts';
import { openCloud } from './lib/ports.ts';
import { settings } from './lib/settings.ts';
import { onEvent } from './lib/wrap.ts';

const told = settings('table', 'bucket', 'walker');
const { service } = openCloud({ settings: told });

export const handler = onEvent('outcome', outcomeEvent, async (event, call) => {
  if (!('detail' in event)) return;
  if (event['detail-type'] !== 'Batch Job State Change') return;
  const { jobId, jobName } = event.detail;
  call.note({ job: jobId, name: jobName });
  call.note({ came: await endJob(service, event.detail) });
});
