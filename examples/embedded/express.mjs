// An Express application that runs pipelines: one line embeds the engine, the rest are its routes.
import express from 'express';
import { createEngine, HasProblems, MillraceError, NotFound } from 'millrace';
import { register } from './handlers.mjs';

const { DATA_DIR: dataDir = '.millrace', PORT: port = '3000' } = process.env;
const engine = await createEngine({ dataDir, adopt: true, parkOnSignal: true });
register(engine);

const file = new URL('order.yaml', import.meta.url).pathname;
const app = express().use(express.json());

app.post('/jobs', async ({ body }, response) => {
  const { run } = await engine.submit({ file }, { inputs: body });
  response.status(202).location(`/jobs/${run}`).json({ run });
});

app.get('/jobs/:id', async ({ params, query }, response) => {
  const { run, status, nodes } =
    query.wait === undefined ? await engine.report(params.id) : await engine.wait(params.id);
  response.json({ run, status, nodes });
});

app.post('/jobs/:id/review', async ({ params, body: { approve, by, comment } }, response) => {
  if (approve === true) await engine.approve(params.id, 'review', { by, comment });
  else await engine.reject(params.id, 'review', { by, comment });
  response.sendStatus(204);
});

app.use((error, _request, response, next) => {
  if (!(error instanceof MillraceError)) return next(error);
  const status = {
    rejected: error instanceof NotFound ? 404 : 400,
    conflict: 409,
    transient: 503,
    defect: 500,
  };
  const problems = error instanceof HasProblems ? error.problems : undefined;
  return response.status(status[error.family]).json({ error: error.message, problems });
});

const server = app.listen(Number(port), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
