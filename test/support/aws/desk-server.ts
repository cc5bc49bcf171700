// A desk in memory behind the runner protocol over HTTP, for jobs that are real programs: stands in for the functions, the table and the
// walker. A token is the attempt itself.
import { serve } from '@hono/node-server';
import { MillraceError } from '#errors/families.ts';
import type { StopOrder } from '#ports/jobs.ts';
import { type AttemptBody, type AttemptVerb, attemptVerbs } from '#schemas/attempts.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { attemptMeant, isAttemptVerb } from '#service/attempt-calls.ts';
import type { Attempt, AttemptTokens } from '#service/attempt-token.ts';
import type { MemoryDesk } from '../memory-desk.ts';

export interface DeskServer {
  readonly url: string;
  readonly tokens: Pick<AttemptTokens, 'issue'>;
  /** What is told to stop hears of it with its next heartbeat. */
  stop(stops: readonly StopOrder[]): void;
  close(): Promise<void>;
}

type Answering = {
  [V in AttemptVerb]: (body: AttemptBody<V>, name: AttemptName) => object | Promise<object>;
};

export async function serveDesk(desk: MemoryDesk): Promise<DeskServer> {
  const stopped = new Map<string, string>();
  const keyOf = ({ run, address, attempt }: AttemptName) => `${run}/${address}/${attempt}`;
  const answering: Answering = {
    claim: async ({ job }, name) => {
      const [granted] = await desk.claim(job, [name]);
      return granted === undefined
        ? { granted: false, because: 'the desk does not grant it' }
        : { granted: true, name, heartbeat: 500, lease: 10_000 };
    },
    beat: ({ job }, name) => {
      const stop = stopped.get(keyOf(name));
      const attempt = desk.attempt(name);
      const gone = attempt?.status !== 'claimed' || attempt.job !== job;
      return { gone, ...(stop === undefined ? {} : { stop }) };
    },
    log: () => ({}),
    read: () => ({ objects: [] }),
    write: () => ({ objects: [] }),
    secrets: ({ names }, name) => desk.secrets(name, names),
    lease: () => ({ held: true, milliseconds: 60_000 }),
    report: async ({ job, report }, name) => {
      await desk.report(job, [{ name, report }]);
      return { taken: true };
    },
  };
  const answer = async (request: Request): Promise<Response> => {
    const verb = new URL(request.url).pathname.split('/').at(-1) ?? '';
    if (!isAttemptVerb(verb)) return new Response(null, { status: 404 });
    const token = request.headers.get('authorization')?.replace('Bearer ', '') ?? '';
    const attempt: Attempt = JSON.parse(Buffer.from(token, 'base64url').toString());
    const body = attemptVerbs[verb].body.parse(await request.json());
    try {
      const say: (body: never, name: AttemptName) => object | Promise<object> = answering[verb];
      return Response.json(await say(body as never, attemptMeant(attempt, body.index)));
    } catch (error) {
      const isTransient = error instanceof MillraceError && error.family === 'transient';
      return Response.json({ message: String(error) }, { status: isTransient ? 503 : 500 });
    }
  };
  const server = await new Promise<ReturnType<typeof serve>>((resolve) => {
    const opened = serve({ fetch: answer, hostname: '127.0.0.1', port: 0 }, () => resolve(opened));
  });
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}/attempts`,
    tokens: {
      issue: async (attempt) => Buffer.from(JSON.stringify(attempt)).toString('base64url'),
    },
    stop: (stops) => {
      for (const { name, message } of stops) stopped.set(keyOf(name), message);
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
