// The API for people and programs. Who may ask at all is decided by IAM, before a request gets here.
import { callerOf, openApplication } from './lib/namespaces.ts';
import { openCloud } from './lib/ports.ts';
import { settings } from './lib/settings.ts';
import { onRequest } from './lib/wrap.ts';

const { service } = openCloud({ settings: settings('table', 'bucket', 'walker') });
const application = openApplication({ service, own: service.takeUp });

export const handler = onRequest('api', (request, _call, caller) =>
  application(request, caller === undefined ? undefined : callerOf(caller)),
);
