// Drains the submit queue: each message is a job, an array of jobs, or a call of a function.
import { createMachines } from '#aws/batch-submit.ts';
import { functionsClient, keysClient, submitClient } from '#aws/clients.ts';
import { systemClock } from '#aws/clock.ts';
import { createNodeFunctions } from '#aws/lambda-functions.ts';
import { createSessionSigner } from '#aws/session-signer.ts';
import { createSigner } from '#aws/signer.ts';
import { createPace } from '#aws/submit-pace.ts';
import { limits } from '#schemas/limits.ts';
import { submission } from '#schemas/submission.ts';
import { createAttemptTokens } from '#service/attempt-token.ts';
import { submitWork } from '#service/submit-work.ts';
import { openCloud } from './lib/ports.ts';
import { settings } from './lib/settings.ts';
import { onQueue } from './lib/wrap.ts';

const told = settings(
  ...(['table', 'bucket', 'walker', 'signingKey', 'attemptsUrl'] as const),
  ...(['jobs', 'submitters', 'nodeFunctions'] as const),
);
const { service } = openCloud({ settings: told });
const submitter = {
  service,
  attemptsUrl: told.attemptsUrl,
  functions: createNodeFunctions({ client: functionsClient(), prefix: told.nodeFunctions }),
  machines: createMachines({
    client: submitClient(),
    prefix: told.jobs,
    attemptsUrl: told.attemptsUrl,
    pace: createPace({ rate: limits.submitRate / Number(told.submitters) }),
  }),
  tokens: createAttemptTokens({
    signer: createSigner({ client: keysClient(), keys: [told.signingKey] }),
    session: createSessionSigner(),
    clock: systemClock,
  }),
};

export const handler = onQueue('submit', submission, async (message, call, delivery) => {
  const came = await submitWork(submitter, message, delivery);
  call.count(`Work_${came}`);
});
