// One expression against one run. It can read, and nothing else.
import { createApplication } from '#http/application.ts';
import { evaluation } from '#http/endpoints.ts';
import { evaluateInRun } from '#service/evaluate.ts';
import { findRun } from '#service/find-run.ts';
import { openReader } from './lib/reader.ts';
import { settings } from './lib/settings.ts';
import { onRequest } from './lib/wrap.ts';

const service = openReader(settings('table', 'bucket'));
const application = createApplication(
  (namespace) => ({
    evaluate: async (run: string, expression: string) =>
      evaluateInRun(service, await findRun(service, namespace, run), expression),
  }),
  { endpoints: [evaluation] },
);

export const handler = onRequest('evaluate', (request) => application(request));
