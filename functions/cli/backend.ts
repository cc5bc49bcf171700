// What the commands need of the engine on this machine. functions/local does it; tests put a double in its place.
import type { Prepared, PrepareOptions } from '#local/prepare-run.ts';
import type { RunReport } from '#schemas/report.ts';
import type { Control } from '#service/control.ts';

export interface EngineOptions {
  readonly dataDir: string;
  readonly adopt: 'all' | 'none';
  /** Answers other commands on the socket of the data directory. */
  readonly serve: boolean;
  /** Called as soon as the data directory is taken; the rest takes a while. */
  readonly taken?: () => void;
}

export interface Engine {
  readonly control: Control;
  /** Goes on with a run that an earlier engine left. */
  adopt(run: string): Promise<void>;
  wait(run: string): Promise<RunReport>;
  /** Rejects when nothing can be saved any more. */
  readonly failed: Promise<never>;
  /** Runs that are walked here and are not over. */
  unfinished(): Promise<readonly string[]>;
  /** Connections of clients. */
  readonly clients: { readonly open: number; readonly last: number };
  /** `handOver`: another engine comes at once, so clients wait for it. Answers the runs that are left unfinished. */
  close(how: { park: boolean; handOver?: boolean }): Promise<readonly string[]>;
}

/** What there is to know of the engine of a data directory without asking it. */
export interface EngineTrace {
  readonly held: boolean;
  /** Who holds it, or held it last. A last one that does not say how it leaves was killed. */
  readonly holder?: { readonly pid: number; readonly leaving?: 'parked' | 'handed_over' };
}

export interface Detached {
  readonly pid: number;
  readonly log: string;
  /** Rejects if it ends in disorder while somebody waits for it. */
  readonly failed: Promise<never>;
}

export interface OpenControl {
  readonly control: Control;
  readonly kind: 'engine' | 'client' | 'reader';
  close(): Promise<void>;
}

export interface Backend {
  /** Rejects with code `busy` while another engine holds the data directory. */
  openEngine(options: EngineOptions): Promise<Engine>;
  openControl(dataDir: string, options: { write: boolean }): Promise<OpenControl>;
  traceOf(dataDir: string): Promise<EngineTrace>;
  /** Leaves an engine behind that goes on with these runs, or tells the one that is there of them. */
  leaveEngine(dataDir: string, runs: readonly string[]): Promise<Detached>;
  prepareRun(options: PrepareOptions): Promise<Prepared>;
}
