// The engine as a program sees it that has it inside: the embedded engine, with its own way to end.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Judged } from '#core/expression/judge-text.ts';
import { readDataDirectory } from '#embedded/data-directory.ts';
import { createSecrets } from '#embedded/secrets.ts';
import { Rejected, Transient } from '#errors/families.ts';
import type { Secrets } from '#ports/small.ts';
import { namespace as namespaceSchema } from '#schemas/ids.ts';
import * as schemas from '#schemas/library.ts';
import { limits } from '#schemas/limits.ts';
import type { EventLine, RunReport } from '#schemas/report.ts';
import type { RunStatus } from '#schemas/run.ts';
import type { Json } from '#schemas/values.ts';
import type { Control, LogEntry } from '#service/control.ts';
import { type Engine as LocalEngine, openEngine } from './engine.ts';
import { judgeText } from './judge-text.ts';
import type * as library from './library.ts';
import { checked, checkedJson, namedJson } from './library-checked.ts';
import { requestOf, validated } from './library-source.ts';
import { streamOf } from './library-stream.ts';
import { NAMESPACE } from './names.ts';

/** Milliseconds one look at a run may wait for news; they come at once, and this only bounds how long one listens. */
const PATIENCE = 30_000;

const UNFINISHED: ReadonlySet<RunStatus> = new Set(['pending', 'running', 'paused']);
const PARK_SIGNALS = ['SIGTERM', 'SIGINT'] as const;

/** Opens the engine; see `createEngine`. */
export async function embed(options: library.CreateEngineOptions): Promise<library.Engine> {
  checked(schemas.createEngineOptions, options, 'createEngine');
  const namespace = namespaceOf(options);
  const memory = options.memory === true;
  if (!memory && options.dataDir === undefined)
    throw new Rejected('invalid', 'no dataDir: wanted the path of a folder, or memory: true');
  if (memory && options.dataDir !== undefined)
    throw new Rejected('invalid', 'dataDir and memory: wanted one of the two');
  const dataDir = memory ? mkdtempSync(join(tmpdir(), 'millrace-')) : options.dataDir;
  const { cacheDir } = options;
  try {
    const engine = await openEngine({
      dataDir,
      namespace,
      adopt: options.adopt === true ? 'all' : 'none',
      serve: options.serve !== false && !memory,
      forget: memory,
      lazy: true,
      ...(cacheDir === undefined ? {} : { cacheDir }),
    });
    const embedded = new Embedded(engine, { namespace, memory, cacheDir });
    const { parkOnSignal } = options;
    if (parkOnSignal === true) embedded.parkOn(...PARK_SIGNALS);
    else if (Array.isArray(parkOnSignal)) embedded.parkOn(...parkOnSignal);
    return embedded;
  } catch (error) {
    if (memory) rmSync(dataDir, { recursive: true, force: true });
    throw error;
  }
}

function namespaceOf({ namespace = NAMESPACE }: library.CreateEngineOptions): string {
  const parsed = namespaceSchema.safeParse(namespace);
  if (parsed.success) return parsed.data;
  throw new Rejected(
    'invalid',
    `namespace "${namespace}": wanted lower-case letters, digits and hyphens, at most 63`,
  );
}

interface About {
  readonly namespace: string;
  readonly memory: boolean;
  readonly cacheDir: string | undefined;
}

class Embedded implements library.Engine {
  readonly dataDir: string;
  readonly failed: Promise<never>;
  readonly secrets: library.SecretStore;
  readonly #engine: LocalEngine;
  readonly #about: About;
  /** Whoever waits is told when the engine is closing, and hears of it once it is closed. */
  readonly #closing = new AbortController();
  readonly #closed = Promise.withResolvers<void>();
  readonly #waiting = new Set<(error: unknown) => void>();
  readonly #offs = new Set<() => void>();
  readonly #removeFolder: () => void;
  #end: Promise<readonly string[]> | undefined;

  constructor(engine: LocalEngine, about: About) {
    this.dataDir = engine.dataDir;
    this.failed = engine.failed;
    this.#engine = engine;
    this.#about = about;
    this.secrets = secretStore(about.namespace, () => {
      this.#refuseClosed();
      return engine.dataDir;
    });
    this.#removeFolder = () => rmSync(engine.dataDir, { recursive: true, force: true });
    // A program that ends without closing leaves nothing either, unless it is killed.
    if (about.memory) process.once('exit', this.#removeFolder);
    engine.failed.catch((error: unknown) => {
      for (const reject of this.#waiting) reject(error);
    });
  }

  register(...handler: Parameters<library.Engine['register']>): () => void {
    this.#refuseClosed();
    const [name, call, how = {}] = handler;
    checked(schemas.registration, { name, handler: call, options: how }, 'register');
    return this.#engine.register(...handler);
  }

  submit(source: library.Source, options: library.SubmitOptions = {}): Promise<{ run: string }> {
    const { namespace, cacheDir } = this.#about;
    const around = { dataDir: this.dataDir, namespace };
    return this.#ask(async (control) =>
      control.start(
        await requestOf(source, options, cacheDir === undefined ? around : { ...around, cacheDir }),
      ),
    );
  }

  async validate(source: library.Source): Promise<library.Validated> {
    return validated(checked(schemas.source, source, 'the pipeline'));
  }

  async wait(run: string, { signal }: { signal?: AbortSignal } = {}): Promise<RunReport> {
    signal?.throwIfAborted();
    const id = await this.find(run);
    if (!this.#engine.walks(id)) {
      const report = await this.report(id);
      if (!UNFINISHED.has(report.status)) return report;
      if (!this.#engine.walks(id))
        throw new Rejected(
          'wrong_state',
          `run ${id} is ${report.status}, left by an earlier engine: resume("${id}") goes on with it`,
        );
    }
    const report = await this.#ask(() => this.#orElse(this.#engine.wait(id), signal));
    // A closing engine wakes everybody.
    if (UNFINISHED.has(report.status) && this.#closing.signal.aborted) return this.#left();
    return report;
  }

  events(run: string, options: library.EventOptions = {}): library.Stream<EventLine> {
    const { after, children, signal } = options;
    return streamOf(after, async (cursor) => {
      const page = await this.#look(signal, (control, until) =>
        control.events(run, {
          after: cursor,
          wait: PATIENCE,
          signal: until,
          ...(children === undefined ? {} : { children }),
        }),
      );
      return { items: page.events, cursor: page.cursor, last: page.last };
    });
  }

  logs(run: string, options: library.LogOptions = {}): library.Stream<LogEntry> {
    const { after, node, follow = false, signal } = options;
    return streamOf(after, async (cursor) => {
      const page = await this.#look(signal, (control, until) =>
        control.logs(run, {
          after: cursor,
          wait: follow ? PATIENCE : 0,
          signal: until,
          ...(node === undefined ? {} : { node }),
        }),
      );
      const isEnd = page.last || (!follow && page.lines.length === 0);
      return { items: page.lines, cursor: page.cursor, last: isEnd };
    });
  }

  runs(query: Parameters<library.Engine['runs']>[0] = {}): ReturnType<library.Engine['runs']> {
    return this.#ask(async (control) => control.runs(checked(schemas.runsQuery, query, 'runs')));
  }

  report(run: string): Promise<RunReport> {
    return this.#ask(async (control) => control.report(checked(schemas.runText, run, 'the run')));
  }

  find(run: string): Promise<string> {
    return this.#ask(async (control) => control.find(checked(schemas.runText, run, 'the run')));
  }

  variables(run: string): ReturnType<Control['variables']> {
    return this.#ask((control) => control.variables(run));
  }

  explain(run: string, node: string): ReturnType<Control['explain']> {
    return this.#ask((control) => control.explain(run, node));
  }

  pause(run: string): Promise<void> {
    return this.#ask((control) => control.pause(run));
  }

  resume(run: string): Promise<void> {
    return this.#ask((control) => control.resume(run));
  }

  adopt(run: string): Promise<void> {
    return this.#ask((control) => control.adopt(run));
  }

  cancel(run: string, options: { force?: boolean } = {}): Promise<void> {
    return this.#ask((control) => control.cancel(run, options));
  }

  retry(run: string, options: { from?: string } = {}): Promise<{ run: string }> {
    return this.#ask((control) => control.retry(run, options));
  }

  emit(...[run, event, options]: Parameters<library.Engine['emit']>): Promise<void> {
    return this.#ask(async (control) => {
      const { payload, key } = checked(schemas.emitOptions, options ?? {}, 'the event');
      return control.emit(run, event, {
        ...(payload === undefined ? {} : { payload: checkedJson(payload, 'payload') }),
        ...(key === undefined ? {} : { key }),
      });
    });
  }

  approve(run: string, node: string, decision: library.Decision): Promise<void> {
    return this.#decide(run, node, { approve: true, decision });
  }

  reject(run: string, node: string, decision: library.Decision): Promise<void> {
    return this.#decide(run, node, { approve: false, decision });
  }

  #decide(
    run: string,
    node: string,
    { approve, decision }: { approve: boolean; decision: library.Decision },
  ): Promise<void> {
    return this.#ask(async (control) => {
      const { by, comment } = checked(schemas.decision, decision, 'the decision');
      await control.decide(run, node, {
        approve,
        by,
        ...(comment === undefined ? {} : { comment }),
      });
    });
  }

  async evaluate(text: string, values: { readonly [name: string]: Json } = {}): Promise<Judged> {
    return judgeText(text, namedJson(values, 'value'));
  }

  parkOn(...signals: readonly library.ParkSignal[]): () => void {
    this.#refuseClosed();
    for (const signal of signals) checked(schemas.parkSignal, signal, 'parkOn');
    const offs = signals.map((signal) => {
      const listener = (): void => void this.#parkFor(signal);
      process.on(signal, listener);
      return () => void process.off(signal, listener);
    });
    const off = (): void => {
      for (const each of offs) each();
      this.#offs.delete(off);
    };
    this.#offs.add(off);
    return off;
  }

  close({ park = true }: { park?: boolean } = {}): Promise<readonly string[]> {
    return this.#close(park).finally(this.#closed.resolve);
  }

  /** Those who wait are told last: what they do about it must not come before the end that the signal asks for. */
  async #parkFor(signal: library.ParkSignal): Promise<void> {
    try {
      await this.#close(true);
    } catch {
      // What could not be said to the disk is what a kill leaves too: the next engine finds out.
    }
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    this.#closed.resolve();
  }

  #close(park: boolean): Promise<readonly string[]> {
    this.#end ??= this.#closeOnce(park && !this.#about.memory);
    return this.#end;
  }

  async #closeOnce(park: boolean): Promise<readonly string[]> {
    this.#closing.abort();
    try {
      return await this.#engine.close({ park });
    } finally {
      for (const off of [...this.#offs]) off();
      if (this.#about.memory) {
        this.#removeFolder();
        process.off('exit', this.#removeFolder);
      }
    }
  }

  /** One question, whose failure means nothing else once the engine is closing. */
  async #ask<T>(question: (control: Control) => Promise<T>): Promise<T> {
    this.#refuseClosed();
    try {
      return await question(this.#engine.control);
    } catch (error) {
      if (this.#closing.signal.aborted && !(error instanceof Rejected)) return this.#left();
      throw error;
    }
  }

  /** A question that may wait long. */
  async #look<T>(
    signal: AbortSignal | undefined,
    question: (control: Control, until: AbortSignal) => Promise<T & { readonly last: boolean }>,
  ): Promise<T & { readonly last: boolean }> {
    signal?.throwIfAborted();
    const closing = this.#closing.signal;
    const until = signal === undefined ? closing : AbortSignal.any([closing, signal]);
    const page = await this.#ask((control) => question(control, until));
    signal?.throwIfAborted();
    if (closing.aborted && !page.last) return this.#left();
    return page;
  }

  /** The promise, unless nothing can be saved any more, or the caller has had enough. */
  #orElse<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = (): void => fail(signal?.reason);
      const done = (): void => {
        this.#waiting.delete(fail);
        signal?.removeEventListener('abort', stop);
      };
      const fail = (error: unknown): void => {
        done();
        reject(error);
      };
      this.#waiting.add(fail);
      if (signal?.aborted === true) stop();
      signal?.addEventListener('abort', stop, { once: true });
      promise.then((value) => {
        done();
        resolve(value);
      }, fail);
    });
  }

  #refuseClosed(): void {
    if (this.#closing.signal.aborted) throw closedError(this.dataDir);
  }

  async #left(): Promise<never> {
    await this.#closed.promise;
    throw closedError(this.dataDir);
  }
}

const closedError = (dataDir: string): Transient =>
  new Transient('unavailable', `${dataDir}: the engine is closed; what is unfinished is parked`);

function secretStore(namespace: string, dataDir: () => string): library.SecretStore {
  const open = (): Secrets => {
    const { secrets, secretKey } = readDataDirectory(dataDir());
    return createSecrets({ file: secrets, keyFile: secretKey });
  };
  return {
    set: async (name, value) => {
      const length = checked(schemas.runText, value, `secret "${name}"`).trim().length;
      if (length < limits.secretLeast)
        throw new Rejected(
          'invalid',
          `secret "${name}": ${length} characters; wanted are at least ${limits.secretLeast}, or it could not be hidden in logs`,
        );
      await open().put(namespace, name, value);
    },
    list: async () => open().names(namespace),
    remove: async (name) => open().remove(namespace, name),
  };
}
