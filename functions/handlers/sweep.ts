// Looks after all runs that are not over, every five minutes.
import { scheduledEvent } from '#schemas/lambda.ts';
import { sweep } from '#service/sweep.ts';
import { openWork, workSettings } from './lib/jobs.ts';
import { openCloud } from './lib/ports.ts';
import { settings } from './lib/settings.ts';
import { saySwept, tellingOf } from './lib/swept.ts';
import { onEvent } from './lib/wrap.ts';

const own = settings('table', 'walker', ...workSettings);
const cloud = openCloud({ settings: own, ports: openWork(own) });

export const handler = onEvent('sweep', scheduledEvent, async (_event, call) => {
  saySwept(await sweep({ ...cloud, remaining: () => call.remaining(), ...tellingOf(call) }), call);
});
