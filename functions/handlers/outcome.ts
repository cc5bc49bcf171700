// Hears how jobs and functions ended, for those whose runner did not say so itself.
import { keysClient } from '#aws/clients.ts';
import { systemClock } from '#aws/clock.ts';
import { createSigner } from '#aws/signer.ts';
import { outcomeEvent } from '#schemas/outcome-event.ts';
import { createAttemptTokens } from '#service/attempt-token.ts';
import { endCall } from '#service/call-function.ts';
import { endJob } from '#service/end-job.ts';
import { openCloud } from './lib/ports.ts';
import { settings } from './lib/settings.ts';
import { onEvent } from './lib/wrap.ts';

const told = settings('table', 'bucket', 'walker', 'signingKey');
const { service } = openCloud({ settings: told });
const tokens = createAttemptTokens({
  signer: createSigner({ client: keysClient(), keys: [told.signingKey] }),
  clock: systemClock,
});

export const handler = onEvent('outcome', outcomeEvent, async (event, call) => {
  if ('job' in event) {
    call.note({ job: event.job.jobId, name: event.job.jobName });
    const came = await endJob(service, tokens, event.job);
    call.note({ came });
    if (came !== 'ignored') call.count('JobsUnreported');
  } else {
    call.note({ function: event.call.requestContext.functionArn });
    call.note({ came: await endCall(service, tokens, event.call) });
  }
});
