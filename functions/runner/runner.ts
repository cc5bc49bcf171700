// The runner's life: takes orders in, lets them on when there is room, claims, works, reports, and leaves when nobody needs it.
import { randomBytes } from 'node:crypto';
import { cpus } from 'node:os';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { AttemptReport } from '#schemas/run.ts';
import type { EngineFrame } from '#schemas/runner-protocol.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { Attempt } from './attempt.ts';
import { Cages } from './cage.ts';
import { Connection } from './connection.ts';
import { roomMade } from './environments/make-room.ts';
import { attemptKey } from './names.ts';
import { bootId, markOf } from './processes.ts';
import { type Held, Queue } from './queue.ts';
import { Room } from './room.ts';
import { Secrets } from './secrets.ts';
import { Pipes } from './shell.ts';
import { Spool } from './spool.ts';
import { Standby } from './standby.ts';
import { Sweeper } from './sweep.ts';
import { Watch } from './watch.ts';
import { pipesFolder, Workspaces } from './workspaces.ts';
import type { World } from './world.ts';

export interface RunnerOptions {
  readonly dataDir: string;
  readonly cacheDir: string;
  readonly socket: string;
  readonly host: NodeJS.ProcessEnv;
}

export class Runner {
  readonly #job = randomBytes(8).toString('hex');
  readonly #connection: Connection;
  readonly #room = new Room({ cpu: 0, memory: 0, gpu: 0, programs: programs() });
  readonly #queue = new Queue(this.#room);
  readonly #spool: Spool;
  readonly #secrets: Secrets;
  readonly #sweeper: Sweeper;
  readonly #standby: Standby;
  readonly #world: World;
  readonly #ended = Promise.withResolvers<void>();
  #pump: NodeJS.Immediate | undefined;
  #leaving = false;
  #cacheBytes: number | undefined = limits.environmentCacheBytes;
  #heartbeat: NodeJS.Timeout | undefined;
  #beats = 0;
  #linger: NodeJS.Timeout | undefined;
  #attempts = 0;

  constructor(options: RunnerOptions) {
    const mark = markOf(process.pid) ?? { pid: process.pid, start: '', boot: bootId() };
    this.#spool = new Spool(options.dataDir, this.#job, mark);
    this.#connection = new Connection(options.socket, {
      onFrame: (frame) => this.#onFrame(frame),
      onLost: () => this.#onLost(),
      isBusy: () => this.#queue.size > limits.busyOrders,
    });
    this.#secrets = new Secrets((frame) => this.#connection.send(frame));
    this.#sweeper = new Sweeper(this.#job);
    const pipes = new Pipes(pipesFolder(options.dataDir, this.#job));
    this.#standby = new Standby(pipes);
    this.#world = {
      ...options,
      cacheBytes: () => this.#cacheBytes,
      job: this.#job,
      spool: this.#spool,
      watch: new Watch(options.host),
      cages: new Cages(this.#job),
      pipes,
      standby: this.#standby,
      sweeper: this.#sweeper,
      started: () => this.#prepare(),
      workspaces: new Workspaces(options.dataDir, this.#job),
      secrets: (name, names) => this.#secrets.ask(name, names),
      progress: (name, progress, message) =>
        this.#notice(name, { ...(progress === undefined ? {} : { progress }), message }),
    };
  }

  /** Resolves when the runner has nothing left to do and may end. */
  async run(): Promise<void> {
    await this.#connection.listen();
    this.#heartbeat = setInterval(() => this.#beat(), limits.heartbeat);
    this.#lingerUnlessBusy();
    await this.#ended.promise;
    await roomMade();
    clearInterval(this.#heartbeat);
    await this.#connection.close();
    this.#standby.close();
    this.#sweeper.close();
    this.#world.cages.close();
    this.#world.workspaces.close();
    this.#spool.close(this.#leaving && this.#queue.size === 0);
  }

  /** Stops everything; what it held is reported as interrupted by whoever finds the spool. */
  abandon(): void {
    for (const held of this.#queue.all)
      held.attempt?.stop(limits.stopGrace, 'the runner was told to end');
    this.#leaving = true;
    this.#dropUnclaimed();
    this.#endWhenIdle();
  }

  #onFrame(frame: EngineFrame): void {
    switch (frame.frame) {
      case 'hello':
        this.#onHello(frame.machine);
        return;
      case 'start':
        for (const order of frame.orders) this.#queue.add(order);
        this.#pumpSoon();
        return;
      case 'claimed':
        this.#onClaimed(frame);
        return;
      case 'stop':
        for (const stop of frame.stops) this.#stop(stop);
        return;
      case 'pause':
        this.#onPause(frame);
        return;
      case 'secrets':
        this.#secrets.answer(frame);
        return;
      case 'ack':
        this.#spool.acknowledge(frame.upTo);
        this.#endWhenIdle();
        return;
      case 'leave':
        this.#leaving = true;
        this.#dropUnclaimed();
        this.#endWhenIdle();
    }
  }

  #onHello(machine: Extract<EngineFrame, { frame: 'hello' }>['machine']): void {
    clearTimeout(this.#linger);
    this.#leaving = false;
    const { cacheBytes = limits.environmentCacheBytes, ...room } = machine;
    this.#room.resize({ ...room, programs: programs() });
    this.#cacheBytes = cacheBytes === 0 ? undefined : cacheBytes;
    const holding = [...this.#queue.all].map((held) => ({
      name: held.order.name,
      claimed: held.state === 'claimed',
    }));
    this.#connection.send({
      frame: 'hello',
      v: FORMAT,
      pid: process.pid,
      job: this.#job,
      holding,
    });
    for (const spooled of this.#spool.unacknowledged)
      this.#connection.send({ frame: 'report', ...spooled });
    const claiming = [...this.#queue.all].filter((held) => held.state === 'claiming');
    this.#claim(claiming);
    this.#secrets.askAgain();
    this.#pumpSoon();
    this.#prepare();
  }

  #onPause({ namespace, run, paused }: Extract<EngineFrame, { frame: 'pause' }>): void {
    this.#queue.pause({ namespace, run }, paused);
    for (const { order, attempt } of this.#queue.all)
      if (order.name.run === run && order.name.namespace === namespace) attempt?.pause(paused);
    this.#pumpSoon();
  }

  #onLost(): void {
    this.#lingerUnlessBusy();
  }

  #pumpSoon(): void {
    this.#pump ??= setImmediate(() => {
      this.#pump = undefined;
      if (!this.#connection.connected || this.#leaving) return;
      this.#claim(this.#queue.admit());
      for (const { held, message, lacks } of this.#queue.waitingNotices())
        this.#connection.send({
          frame: 'notice',
          name: held.order.name,
          at: Date.now(),
          state: 'queued',
          reason: 'resources',
          ...(lacks.length === 0 ? {} : { lacks }),
          message,
        });
    });
  }

  #claim(held: readonly Held[]): void {
    if (held.length > 0)
      this.#connection.send({ frame: 'claim', names: held.map(({ order }) => order.name) });
  }

  #onClaimed(answer: { granted: readonly AttemptName[]; refused: readonly AttemptName[] }): void {
    for (const name of answer.refused) {
      const held = this.#queue.find(attemptKey(name));
      if (held?.state === 'claiming') this.#queue.remove(held);
    }
    for (const name of answer.granted) {
      const held = this.#queue.find(attemptKey(name));
      if (held?.state === 'claiming') this.#begin(held);
    }
    this.#pumpSoon();
    this.#endWhenIdle();
  }

  #begin(held: Held): void {
    held.state = 'claimed';
    this.#attempts += 1;
    const mark = `${this.#job}:${this.#attempts}`;
    const attempt = new Attempt(
      held.order,
      { mark, gpus: held.gpus, paused: this.#queue.isPaused(held.order.name) },
      this.#world,
    );
    held.attempt = attempt;
    this.#sweeper.begin(mark);
    if (held.said !== '') this.#notice(held.order.name, {});
    attempt.run().then(
      (report) => this.#finish(held, mark, report),
      // An attempt that rejects is a defect: the process must not go on as if nothing were.
      (error: unknown) => setImmediate(() => this.#crash(error)),
    );
  }

  #finish(held: Held, mark: string, report: AttemptReport): void {
    this.#sweeper.end(mark);
    this.#queue.remove(held);
    const spooled = this.#spool.report(held.order.name, report);
    this.#connection.send({ frame: 'report', ...spooled });
    this.#pumpSoon();
    this.#endWhenIdle();
  }

  #crash(error: unknown): never {
    throw error;
  }

  #stop(stop: { name: AttemptName; grace: number; message: string }): void {
    const held = this.#queue.find(attemptKey(stop.name));
    if (held === undefined) return;
    if (held.attempt === undefined) this.#drop(held, stop.message);
    else held.attempt.stop(stop.grace, stop.message);
  }

  /** What never began needs no ending, only a report. */
  #drop(held: Held, message: string): void {
    this.#queue.remove(held);
    const report: AttemptReport = {
      result: { result: 'cancelled', message },
      endedAt: Date.now(),
    };
    this.#connection.send({ frame: 'report', ...this.#spool.report(held.order.name, report) });
    this.#pumpSoon();
  }

  #prepare(): void {
    if (this.#queue.size <= limits.standbyOrders) this.#standby.prepare();
  }

  #notice(name: AttemptName, said: { progress?: number; message?: string }): void {
    const { progress, message } = said;
    this.#connection.send({
      frame: 'notice',
      name,
      at: Date.now(),
      state: 'running',
      ...(message === undefined || message === '' ? {} : { message: message.slice(0, 500) }),
      ...(progress === undefined ? {} : { progress }),
    });
  }

  #beat(): void {
    this.#beats += 1;
    this.#connection.send({ frame: 'heartbeat', counter: this.#beats });
  }

  #dropUnclaimed(): void {
    // Those whose claim is on its way stay: it may have been granted.
    for (const held of [...this.#queue.all]) if (held.state === 'waiting') this.#queue.remove(held);
  }

  #endWhenIdle(): void {
    const open = this.#queue.size > 0 || this.#spool.unacknowledged.length > 0;
    if (!this.#connection.connected) this.#lingerUnlessBusy();
    else if (this.#leaving && !open) this.#ended.resolve();
  }

  /** Without an engine: what is claimed is finished, then a new engine has a moment to come. */
  #lingerUnlessBusy(): void {
    clearTimeout(this.#linger);
    const busy = [...this.#queue.all].some((held) => held.state === 'claimed');
    if (this.#connection.connected || busy) return;
    const wait = this.#leaving ? 0 : limits.runnerLinger;
    this.#linger = setTimeout(() => this.#ended.resolve(), wait);
  }
}

/** Places for programs that ask for nothing in particular. */
function programs(): number {
  return Math.min(limits.runnerPrograms, Math.max(1, cpus().length) * limits.programsPerCore);
}
