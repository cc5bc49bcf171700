// What jobs say while they work: the runner protocol over HTTPS. The token of the attempt is the only key to it.
import { keysClient, secretsClient } from '#aws/clients.ts';
import { systemClock } from '#aws/clock.ts';
import { createSecrets } from '#aws/secrets.ts';
import { createSigner } from '#aws/signer.ts';
import { createAttempts } from '#http/attempts.ts';
import { createAttemptTokens } from '#service/attempt-token.ts';
import { openCloud } from './lib/ports.ts';
import { settings } from './lib/settings.ts';
import { onRequest } from './lib/wrap.ts';

const set = settings('stage', 'table', 'bucket', 'walker', 'signingKey');
const clock = systemClock;
const secrets = createSecrets({ client: secretsClient(), clock, stage: set.stage });
const signer = createSigner({ client: keysClient(), keys: [set.signingKey] });
const { service } = openCloud({ settings: set, ports: { secrets } });
const tokens = createAttemptTokens({ signer, clock });

export const handler = onRequest('attempts', (request, call) =>
  createAttempts({
    ...{ service, tokens },
    heard: ({ run, namespace, address, attempt }, verb) =>
      call.note({ namespace, run, node: address, attempt, verb }),
  })(request),
);
