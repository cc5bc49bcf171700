// The engine without a run of its own: goes on with what there is, and answers clients, until it is told to end or is idle.
import { setTimeout as sleep } from 'node:timers/promises';
import { boundEngineLog } from '#local/detach.ts';
import { handedRuns } from '#schemas/data-directory.ts';
import { limits } from '#schemas/limits.ts';
import type { Engine } from '../backend.ts';
import type { Context } from '../context.ts';
import type { ServeOptions } from '../define/run.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { durationOf } from '../given.ts';
import { isBetweenEngines } from '../patience.ts';
import { readAll } from '../read-stdin.ts';
import { refuseNested } from '../refuse-nested.ts';

/** Milliseconds between two looks at what there is to do, and for the lock that another engine holds. */
const LOOK = 500;
const LOCK_LOOK = 50;

interface Serving {
  readonly context: Context;
  readonly detached: boolean;
  /** Milliseconds. */
  readonly idle: number;
  /** Resolves at the first signal. */
  readonly told: Promise<'told'>;
  isTold(): boolean;
}

export async function serve(context: Context, options: ServeOptions): Promise<ExitCode> {
  const detached = options.detached === true;
  if (!detached) refuseNested(context);
  const idle =
    options.idle === undefined
      ? detached
        ? limits.engineIdle
        : Number.POSITIVE_INFINITY
      : durationOf('--idle', options.idle);
  const signals = listen(context);
  const serving: Serving = { context, detached, idle, ...signals };
  try {
    return await serveRuns(serving, detached ? await runsToGoOn(context) : 'all');
  } finally {
    signals.end();
  }
}

async function serveRuns(serving: Serving, first: 'all' | readonly string[]): Promise<ExitCode> {
  let runs = first;
  for (;;) {
    const engine = await engineFor(serving, runs);
    if (engine === undefined) return serving.isTold() ? EXIT.parked : EXIT.done;
    say(serving, `process ${process.pid} is the engine of ${serving.context.dataDir}`);
    let why: 'told' | 'idle' = 'told';
    try {
      if (runs !== 'all') await adoptAll(serving, runs, (run) => engine.adopt(run));
      why = await Promise.race([serving.told, engine.failed, idleness(serving, engine)]);
    } finally {
      runs = await engine.close({ park: true, handOver: why === 'idle' });
    }
    if (why === 'told') return parked(serving, runs);
    if (runs.length === 0) {
      say(serving, 'idle: it ends');
      return EXIT.done;
    }
    // Somebody started a run in the very moment in which there was nothing to do.
  }
}

function parked(serving: Serving, runs: readonly string[]): ExitCode {
  for (const run of runs) say(serving, `parked; \`millrace resume ${run}\` goes on`);
  return runs.length === 0 ? EXIT.done : EXIT.parked;
}

/** The engine, as soon as nobody else is one; undefined when another one was told of the runs, or a signal came. */
async function engineFor(
  serving: Serving,
  runs: 'all' | readonly string[],
): Promise<Engine | undefined> {
  const { context } = serving;
  let said = false;
  while (!serving.isTold()) {
    try {
      return await context.backend.openEngine({
        dataDir: context.dataDir,
        adopt: runs === 'all' ? 'all' : 'none',
        serve: true,
      });
    } catch (error) {
      if (!isBetweenEngines(error)) throw error;
      if (runs !== 'all' && (await toldOther(serving, runs))) return undefined;
      if (!said && !serving.detached)
        say(serving, `${error instanceof Error ? error.message : error}; waits until it ends`);
      said = true;
    }
    await Promise.race([sleep(LOCK_LOOK), serving.told]);
  }
  return undefined;
}

/** Tells the engine that was faster of the runs. False while it does not answer yet. */
async function toldOther(serving: Serving, runs: readonly string[]): Promise<boolean> {
  const { context } = serving;
  try {
    const open = await context.backend.openControl(context.dataDir, { write: true });
    try {
      if (open.kind !== 'client') return false;
      await adoptAll(serving, runs, (run) => open.control.adopt(run));
      return true;
    } finally {
      await open.close();
    }
  } catch (error) {
    if (!isBetweenEngines(error)) throw error;
    return false;
  }
}

/** One that cannot be taken up keeps none of the others from it. */
async function adoptAll(
  serving: Serving,
  runs: readonly string[],
  adopt: (run: string) => Promise<void>,
): Promise<void> {
  for (const run of runs) {
    try {
      await adopt(run);
    } catch (error) {
      if (isBetweenEngines(error)) throw error;
      say(serving, `run ${run} lies still: ${error instanceof Error ? error.message : error}`);
    }
  }
}

/** Resolves when nothing was unfinished and no client was there for as long as asked. Says meanwhile what began and ended. */
async function idleness(serving: Serving, engine: Engine): Promise<'idle'> {
  const { context, idle } = serving;
  let known: readonly string[] = [];
  let busy = context.host.now();
  while (!serving.isTold()) {
    const runs = await engine.unfinished();
    for (const run of runs) if (!known.includes(run)) say(serving, `goes on with run ${run}`);
    for (const run of known) if (!runs.includes(run)) say(serving, `run ${run} is over`);
    known = runs;
    const { open, last } = engine.clients;
    const now = context.host.now();
    if (runs.length > 0 || open > 0) busy = now;
    if (now - Math.max(busy, last) >= idle) return 'idle';
    await sleep(Math.min(LOOK, idle));
  }
  return await new Promise(() => undefined);
}

/** Standard input says which runs were handed over. */
async function runsToGoOn(context: Context): Promise<readonly string[]> {
  const bytes = await readAll(context);
  const parsed = handedRuns.safeParse(jsonOf(new TextDecoder().decode(bytes)));
  // Whoever was about to tell has died over it: then there is nothing to go on with.
  return parsed.success ? parsed.data.runs : [];
}

function jsonOf(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed;
  } catch {
    return undefined;
  }
}

function say({ context, detached }: Serving, text: string): void {
  if (detached) boundEngineLog(context.dataDir);
  const at = new Date(context.host.now()).toISOString();
  if (context.json) context.sayJson({ at, message: text });
  else if (!context.quiet) context.say(`${at} ${text}`);
}

function listen({ host }: Context): Pick<Serving, 'told' | 'isTold'> & { end(): void } {
  const { promise, resolve } = Promise.withResolvers<'told'>();
  let told = false;
  const offs = (['SIGTERM', 'SIGINT', 'SIGHUP'] as const).map((signal) =>
    host.onSignal(signal, () => {
      told = true;
      resolve('told');
    }),
  );
  return {
    told: promise,
    isTold: () => told,
    end: () => {
      for (const off of offs) off();
    },
  };
}
