// The doorbell of an embedded engine: one loop for each run that is awake, and the reports that wait to be taken in with an advance.
import { setTimeout as sleep } from 'node:timers/promises';
import { keyOf } from '#embedded/attempt-book.ts';
import { Transient } from '#errors/families.ts';
import type { AttemptReport } from '#schemas/run.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { type Advanced, advanceFailed, advanceRun } from '#service/advance-run.ts';
import { refOf } from '#service/desk.ts';
import { type RunRef, runKey } from '#service/keys.ts';
import type { Service } from '#service/service.ts';
import type { FreshReport } from '#service/take-events.ts';

interface Waiting extends FreshReport {
  readonly settled: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Loop {
  readonly ref: RunRef;
  rung: boolean;
  working: Promise<void> | undefined;
  gen: number;
  /** What another engine left of it is being settled: it is walked when that is done. */
  asleep: boolean;
  /** Reports in the order in which they came; and those a runner may tell twice, by attempt. */
  waiting: Waiting[];
  taken: Waiting[];
  readonly claimed: Map<string, Waiting>;
}

export interface LoopHooks {
  /** A run has come to rest: parked, done, halted. */
  readonly rested: (ref: RunRef, how: Advanced) => void;
  /** Nothing can be saved any more: the engine must end. */
  readonly fatal: (error: unknown) => void;
}

const FIRST_PAUSE = 200;

function take(loop: Loop, count: number): readonly FreshReport[] {
  const reports = loop.waiting.splice(0, count);
  loop.taken = loop.taken.length === 0 ? reports : [...loop.taken, ...reports];
  return reports;
}

function settled(loop: Loop, reports: readonly FreshReport[]): void {
  for (const report of without(loop, reports)) {
    report.resolve();
    if (report.job !== undefined) loop.claimed.delete(keyOf(report.name));
  }
}

/** They were first, and are so again. */
function giveBack(loop: Loop, reports: readonly FreshReport[]): void {
  loop.waiting = [...without(loop, reports), ...loop.waiting];
}

/** Takes these out of what was taken. */
function without(loop: Loop, reports: readonly FreshReport[]): readonly Waiting[] {
  const meant = new Set<FreshReport>(reports);
  const found = loop.taken.filter((report) => meant.has(report));
  loop.taken = loop.taken.filter((report) => !meant.has(report));
  return found;
}

/** Loops that walk the runs of one engine. */
export class RunLoops {
  readonly #loops = new Map<string, Loop>();
  readonly #hooks: LoopHooks;
  /** Loops that cannot go on: the engine is ending. */
  readonly #stuck = new Set<Loop>();
  #service: Service | undefined;
  #closed = false;

  constructor(hooks: LoopHooks) {
    this.#hooks = hooks;
  }

  /** The service needs the loops for its bells, and the loops need the service. */
  attach(service: Service): void {
    this.#service = service;
  }

  /** Runs that this engine walks. */
  get refs(): readonly RunRef[] {
    return [...this.#loops.values()].map((loop) => loop.ref);
  }

  /**
   * Takes a run up: from now on it is walked here. Answers whether it was already.
   *
   * @param how.asleep until `rouse` is called it is only noted that it was rung
   */
  own(ref: RunRef, how: { asleep?: boolean } = {}): boolean {
    const known = this.owns(ref);
    if (!known)
      this.#loops.set(runKey(ref), {
        ref,
        rung: false,
        working: undefined,
        gen: 0,
        asleep: how.asleep === true,
        waiting: [],
        taken: [],
        claimed: new Map(),
      });
    return known;
  }

  /** Walks a run that was asleep. */
  rouse(ref: RunRef): void {
    const loop = this.#loops.get(runKey(ref));
    if (loop !== undefined) loop.asleep = false;
    this.wake(ref);
  }

  owns(ref: RunRef): boolean {
    return this.#loops.has(runKey(ref));
  }

  /** Wakes the walk of a run that is walked here. */
  wake(ref: RunRef): void {
    const loop = this.#loops.get(runKey(ref));
    if (loop === undefined) return;
    loop.rung = true;
    if (loop.working === undefined && !loop.asleep && !this.#closed) {
      loop.working = this.#work(loop).finally(() => {
        loop.working = undefined;
        // Rung after the last look and before this: nobody else would wake it.
        if (loop.rung && !this.#stuck.has(loop)) this.wake(ref);
      });
    }
  }

  /** Takes a report in; resolves when it is durable, or is known to count for nothing. */
  submit(job: string | undefined, name: AttemptName, report: AttemptReport): Promise<void> {
    if (this.#closed) return Promise.reject(new Transient('unavailable', 'the engine is closing'));
    const ref = refOf(name);
    const loop = this.#loops.get(runKey(ref));
    if (loop === undefined) return Promise.resolve();
    // A runner may tell twice before it is answered, as one that died and left its spool does: one save takes in one of them.
    const same = job === undefined ? undefined : loop.claimed.get(keyOf(name));
    if (same !== undefined) return same.settled;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting = { job, name, report, settled: promise, resolve, reject };
    loop.waiting.push(waiting);
    if (job !== undefined) loop.claimed.set(keyOf(name), waiting);
    this.wake(ref);
    return promise;
  }

  /** The run is over: what is still told of it counts for nothing. */
  forget(ref: RunRef): void {
    for (const report of this.#loops.get(runKey(ref))?.waiting ?? []) report.resolve();
    this.#loops.delete(runKey(ref));
  }

  /** Lets what is being saved be saved, and starts nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#loops.values()].flatMap(({ working }) => working ?? []));
  }

  async #work(loop: Loop): Promise<void> {
    // Reports that arrive together are taken in together.
    await Promise.resolve();
    while (loop.rung && !this.#closed) {
      loop.rung = false;
      loop.gen += 1;
      try {
        this.#hooks.rested(loop.ref, await this.#advance(loop));
      } catch (error) {
        if (!(await this.#failed(loop, error))) {
          this.#stuck.add(loop);
          return;
        }
      }
    }
  }

  #advance(loop: Loop): Promise<Advanced> {
    const service = this.#service;
    if (service === undefined) return Promise.resolve('gone');
    return advanceRun(service, loop.ref, {
      gen: loop.gen,
      token: runKey(loop.ref),
      take: (count) => take(loop, count),
      saved: (reports) => settled(loop, reports),
      giveBack: (reports) => giveBack(loop, reports),
    });
  }

  /** False when the loop must end. */
  async #failed(loop: Loop, error: unknown): Promise<boolean> {
    const service = this.#service;
    if (service === undefined) return false;
    giveBack(loop, loop.taken);
    try {
      const verdict = await advanceFailed(service, loop.ref, error);
      if (verdict === 'halted') {
        this.#hooks.rested(loop.ref, 'halted');
        return true;
      }
      const bell = await service.bells.read(loop.ref);
      const failures = (bell?.failed ?? 0) + (bell?.unanswered ?? 0);
      await sleep(FIRST_PAUSE * 2 ** Math.min(failures, 6));
      loop.rung = true;
      return true;
    } catch (second) {
      // Not even the failure can be noted. Reports stay with the runner, for an engine that can save them.
      for (const report of loop.waiting.splice(0)) report.reject(second);
      loop.claimed.clear();
      this.#hooks.fatal(second);
      return false;
    }
  }
}
