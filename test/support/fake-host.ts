// The process of a command that runs inside a test: what it writes is kept, signals are sent by calling them.
import { Readable } from 'node:stream';
import type { Backend } from '#cli/backend.ts';
import type { Host, Output } from '#cli/host.ts';
import { commandLine } from '#cli/program.ts';
import type { Prepared } from '#local/prepare-run.ts';
import { type FakeControl, fakeControl } from './fake-control.ts';

export interface FakeHost extends Host {
  readonly out: () => string;
  readonly err: () => string;
  signal(name: NodeJS.Signals): void;
}

export interface HostOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
  /** Standard output closes after so many writes. */
  readonly closesAfter?: number;
}

export function fakeHost(options: HostOptions = {}): FakeHost {
  const out = keep(options.closesAfter);
  const err = keep(undefined);
  const listeners = new Map<NodeJS.Signals, Set<() => void>>();
  // What a command asks of standard input beyond reading it is only there on a terminal, which this is not.
  const stdin = Object.assign(Readable.from([Buffer.from(options.stdin ?? '')]), { isTTY: false });
  return {
    stdout: out.output,
    stderr: err.output,
    stdin: stdin as unknown as NodeJS.ReadStream,
    env: options.env ?? {},
    cwd: options.cwd ?? process.cwd(),
    now: () => Date.now(),
    onSignal: (signal, listener) => {
      const known = listeners.get(signal) ?? new Set();
      listeners.set(signal, known.add(listener));
      return () => known.delete(listener);
    },
    out: out.text,
    err: err.text,
    signal: (name) => {
      for (const listener of listeners.get(name) ?? []) listener();
    },
  };
}

function keep(closesAfter: number | undefined): { output: Output; text: () => string } {
  const written: string[] = [];
  return {
    text: () => written.join(''),
    output: {
      write: (text) => {
        written.push(text);
      },
      isTerminal: false,
      columns: 80,
      rows: 24,
      get closed() {
        return closesAfter !== undefined && written.length >= closesAfter;
      },
      onClosed: () => undefined,
      stream: process.stdout,
    },
  };
}

export interface Told {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A command line with an engine in memory. */
export function aCommand(control: FakeControl = fakeControl(), options: HostOptions = {}) {
  const host = fakeHost(options);
  const calls: string[] = [];
  let prepared: Prepared | undefined;
  const backend: Backend = {
    openEngine: async () => ({
      control,
      adopt: async (run) => {
        calls.push(`adopt ${run}`);
      },
      wait: (run) => control.report(run),
      failed: new Promise(() => undefined),
      unfinished: async () => [],
      clients: { open: 0, last: 0 },
      close: async ({ park }) => {
        calls.push(park ? 'park' : 'close');
        return [];
      },
    }),
    openControl: async () => ({
      control,
      kind: 'client',
      close: async () => {
        calls.push('leave');
      },
    }),
    traceOf: async () => ({ held: false }),
    leaveEngine: async (_, runs) => {
      calls.push(`leave an engine with ${runs.length} runs`);
      return { pid: 2, log: 'engine.log', failed: new Promise(() => undefined) };
    },
    prepareRun: async (given) => {
      calls.push(`prepare ${JSON.stringify(given)}`);
      if (prepared === undefined) throw new Error('this test prepares no run');
      return prepared;
    },
  };
  return {
    host,
    calls,
    control,
    backend,
    prepares: (what: Prepared) => {
      prepared = what;
    },
    run: async (...args: string[]): Promise<Told> => {
      const code = await commandLine(args, host, backend);
      return { code, out: host.out(), err: host.err() };
    },
  };
}
