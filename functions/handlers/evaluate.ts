// One expression against one run. It can read, and nothing else.
import { endpoints } from '#http/endpoints.ts';
import { routes } from '#schemas/api.ts';
import { openApplication } from './lib/namespaces.ts';
import { openReader } from './lib/reader.ts';
import { settings } from './lib/settings.ts';
import { onRequest } from './lib/wrap.ts';

const application = openApplication({
  service: openReader(settings('table', 'bucket')),
  endpoints: endpoints.filter(({ route }) => route === routes.evaluate),
});

export const handler = onRequest('evaluate', (request) => application(request));
