// The same in Hono, with the events of a job as a stream for browsers.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import { createEngine, HasProblems, MillraceError, NotFound } from 'millrace';
import { register } from './handlers.mjs';

const { DATA_DIR: dataDir = '.millrace', PORT: port = '3000' } = process.env;
const engine = await createEngine({ dataDir, adopt: true, parkOnSignal: true });
register(engine);

const file = new URL('order.yaml', import.meta.url).pathname;
const app = new Hono();

app.post('/jobs', async (context) => {
  const { run } = await engine.submit({ file }, { inputs: await context.req.json() });
  return context.json({ run }, 202, { location: `/jobs/${run}` });
});

app.get('/jobs/:id', async (context) => {
  const id = context.req.param('id');
  const { run, status, nodes } =
    context.req.query('wait') === undefined ? await engine.report(id) : await engine.wait(id);
  return context.json({ run, status, nodes });
});

app.get('/jobs/:id/events', (context) =>
  streamSSE(context, async (stream) => {
    const { signal } = context.req.raw;
    for await (const { event, node } of engine.events(context.req.param('id'), { signal }))
      await stream.writeSSE({ event, data: JSON.stringify({ node }) });
  }),
);

app.post('/jobs/:id/review', async (context) => {
  const { approve, by, comment } = await context.req.json();
  const decide = approve === true ? engine.approve : engine.reject;
  await decide.call(engine, context.req.param('id'), 'review', { by, comment });
  return context.body(null, 204);
});

app.onError((error, context) => {
  if (!(error instanceof MillraceError)) throw error;
  const status = {
    rejected: error instanceof NotFound ? 404 : 400,
    conflict: 409,
    transient: 503,
    defect: 500,
  };
  const problems = error instanceof HasProblems ? error.problems : undefined;
  return context.json({ error: error.message, problems }, status[error.family]);
});

serve({ fetch: app.fetch, hostname: '127.0.0.1', port: Number(port) }, ({ port: taken }) => {
  console.log(`http://127.0.0.1:${taken}`);
});
