// Keeps one runner: finds the one that lives, clears up after those that died, starts one when there is work, and notices
// when it falls silent. Knows nothing of attempts.
import { setTimeout as pause } from 'node:timers/promises';
import { Defect, Transient } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import { type EngineHello, openLink, type RunnerLink } from './runner-link.ts';
import { type RunnerProcess, runnerFailed } from './runner-program.ts';

export interface KeeperOptions {
  readonly socket: string;
  readonly hello: EngineHello;
  readonly start: () => RunnerProcess;
  /** A runner answers; `found`: it was there already. */
  readonly linked: (link: RunnerLink, found: boolean) => void;
  /** The connection is gone. Nobody is looked for before this has returned. */
  readonly unlinked: (link: RunnerLink) => Promise<void>;
  /** Nobody listens: ends what a dead runner left. Must bear being called again. */
  readonly clear: () => Promise<void>;
  readonly problem: (error: unknown) => void;
  readonly heartbeat: number;
  readonly lease: number;
}

export interface RunnerKeeper {
  /** Resolves when it is known who lives, and the dead are cleared up after. */
  settle(): Promise<void>;
  /** The runner, started if need be. Rejects with Transient when it does not start. */
  ensure(): Promise<RunnerLink>;
  readonly link: RunnerLink | undefined;
  /** Lets go of the runner. It is not started again. */
  release(): RunnerLink | undefined;
}

export function createRunnerKeeper(options: KeeperOptions): RunnerKeeper {
  let link: RunnerLink | undefined;
  let settled: Promise<void> | undefined;
  let starting: Promise<RunnerLink> | undefined;
  let released = false;

  const use = (found: RunnerLink, wasThere: boolean): RunnerLink => {
    link = found;
    const watch = watchOver(found, options);
    options.linked(found, wasThere);
    void found.closed.then((wrong) => {
      watch.stop();
      if (link === found) link = undefined;
      // What speaks nonsense once will speak it again after the next greeting.
      if (wrong instanceof Defect) kill(found.hello.pid);
      if (wrong !== undefined && !released) options.problem(wrong);
      const parted = options.unlinked(found);
      settled = undefined;
      // At once, not only when somebody asks: what it held has to be taken up again.
      if (!released) settle(parted).catch(options.problem);
    });
    return found;
  };
  const look = async (after: Promise<void> | undefined): Promise<void> => {
    await after;
    const found = await openLink(options.socket, options.hello);
    if (found === undefined) await options.clear();
    else use(found, true);
  };
  const settle = async (after?: Promise<void>): Promise<void> => {
    settled ??= look(after).catch((error) => {
      settled = undefined;
      throw error;
    });
    await settled;
  };
  const startOne = async (): Promise<RunnerLink> => {
    try {
      const found = await awaitLink(options.start(), options);
      // Stopped while it came up.
      if (released) {
        await found.send({ frame: 'leave' });
        found.end();
        throw runnerFailed('this engine is closing');
      }
      return use(found, false);
    } finally {
      starting = undefined;
    }
  };
  return {
    settle: () => settle(),
    ensure: async () => {
      if (released) throw new Transient('unavailable', 'this engine is closing');
      if (starting !== undefined) return await starting;
      await settle();
      if (link !== undefined) return link;
      starting ??= startOne();
      return await starting;
    },
    get link() {
      return link;
    },
    release: () => {
      released = true;
      return link;
    },
  };
}

/** Connects to a runner as soon as it listens. */
async function awaitLink(child: RunnerProcess, options: KeeperOptions): Promise<RunnerLink> {
  let ended: string | undefined;
  void child.ended.then((why) => {
    ended = why;
  });
  const until = performance.now() + limits.runnerStart;
  for (let wait = 2; performance.now() < until; wait = Math.min(wait * 1.5, 50)) {
    const found = await openLink(options.socket, options.hello);
    if (found !== undefined) return found;
    if (ended !== undefined) throw runnerFailed(ended);
    await pause(wait);
  }
  child.kill();
  throw runnerFailed(`nothing listened on ${options.socket} within ${limits.runnerStart} ms`);
}

/**
 * Kills a runner that says nothing for `lease`. Counts its own ticks, not time: an engine that was itself held up has ticked
 * once, and then first reads what came meanwhile.
 */
function watchOver(link: RunnerLink, options: KeeperOptions): { stop: () => void } {
  const most = Math.max(2, Math.ceil(options.lease / options.heartbeat));
  let silent = 0;
  link.heard(() => {
    silent = 0;
  });
  const timer = setInterval(() => {
    silent += 1;
    if (silent <= most) return;
    clearInterval(timer);
    options.problem(
      new Transient('unavailable', `the runner was silent for ${options.lease} ms and is ended`),
    );
    kill(link.hello.pid);
    link.destroy();
  }, options.heartbeat);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

/** Only while its connection stands: then the pid is surely its own. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has gone meanwhile.
  }
}
