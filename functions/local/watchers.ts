// Who waits for news of a run in this process: followers of its events, and those who wait for its end.
import type { AttemptDesk } from '#ports/jobs.ts';
import type { EventLine } from '#schemas/report.ts';
import type { Advanced } from '#service/advance-run.ts';
import { type RunRef, runKey } from '#service/keys.ts';
import type { Service } from '#service/service.ts';
import { statusOf } from '#service/status.ts';

type Listener = () => void;

/** What was said of an attempt that waits, numbered so that a reader can go on behind it. */
export interface Queued {
  readonly number: number;
  readonly line: EventLine;
}

/** Notices kept for readers of a run that are slow. */
const MOST_QUEUED = 1_000;

/** Listeners by run. */
export class Watchers {
  readonly #news = new Map<string, Set<Listener>>();
  readonly #rest = new Map<string, Set<Listener>>();
  readonly #queued = new Map<string, Queued[]>();
  #number = 0;
  #closed = false;

  /** Facts were saved. */
  committed(ref: RunRef): void {
    tell(this.#news, ref);
  }

  /** A notice came: progress, or why something is queued. The latter is shown in the stream of events, and answered. */
  noticed(ref: RunRef, notice: Parameters<AttemptDesk['notice']>[0]): EventLine | undefined {
    let line: EventLine | undefined;
    if (notice.state === 'queued') {
      this.#number += 1;
      line = lineOf(ref, notice);
      const queued = this.#queued.get(runKey(ref)) ?? [];
      queued.push({ number: this.#number, line });
      if (queued.length > MOST_QUEUED) queued.shift();
      this.#queued.set(runKey(ref), queued);
    }
    tell(this.#news, ref);
    return line;
  }

  /** Notices behind a number. */
  queued(ref: RunRef, after: number): readonly Queued[] {
    return (this.#queued.get(runKey(ref)) ?? []).filter(({ number }) => number > after);
  }

  rested(ref: RunRef, how: Advanced): void {
    if (how !== 'done' && how !== 'halted' && how !== 'gone') return;
    this.#queued.delete(runKey(ref));
    tell(this.#rest, ref);
    tell(this.#news, ref);
  }

  /** Resolves when there is news, after so many milliseconds, or when nobody wants to know any more. */
  news(ref: RunRef, milliseconds: number, signal?: AbortSignal): Promise<void> {
    return wait(this.#news, ref, milliseconds, signal);
  }

  /** Resolves when the run has ended or is halted. */
  async rest(ref: RunRef, service: Service): Promise<void> {
    for (;;) {
      const ended = wait(this.#rest, ref, undefined);
      const status = await statusOf(service, ref);
      if (status !== 'running' && status !== 'paused' && status !== 'pending') {
        tell(this.#rest, ref);
        return;
      }
      if (this.#closed) return;
      await ended;
    }
  }

  /** Wakes everybody for the last time. */
  close(): void {
    this.#closed = true;
    for (const listeners of [...this.#news.values(), ...this.#rest.values()])
      for (const listener of [...listeners]) listener();
  }
}

function lineOf(ref: RunRef, notice: Parameters<AttemptDesk['notice']>[0]): EventLine {
  const { address, attempt } = notice.name;
  const payload = {
    ...(notice.reason === undefined ? {} : { reason: notice.reason }),
    ...(notice.lacks === undefined ? {} : { lacks: [...notice.lacks] }),
    ...(notice.message === undefined ? {} : { message: notice.message }),
  };
  const at = new Date(notice.at).toISOString();
  return { at, run: ref.run, event: `${address}.queued`, node: address, attempt, payload };
}

function tell(all: Map<string, Set<Listener>>, ref: RunRef): void {
  const listeners = all.get(runKey(ref));
  if (listeners === undefined) return;
  all.delete(runKey(ref));
  for (const listener of listeners) listener();
}

function wait(
  all: Map<string, Set<Listener>>,
  ref: RunRef,
  milliseconds: number | undefined,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const key = runKey(ref);
    const listeners = all.get(key) ?? new Set();
    all.set(key, listeners);
    let timer: NodeJS.Timeout | undefined;
    const listener = (): void => {
      if (timer !== undefined) clearTimeout(timer);
      listeners.delete(listener);
      if (listeners.size === 0 && all.get(key) === listeners) all.delete(key);
      signal?.removeEventListener('abort', listener);
      resolve();
    };
    listeners.add(listener);
    signal?.addEventListener('abort', listener);
    if (milliseconds !== undefined) timer = setTimeout(listener, milliseconds);
  });
}
