// What the commands need of the engine on this machine. functions/local does it; tests put a double in its place.
import type { Prepared, PrepareOptions } from '#local/prepare-run.ts';
import type { RunReport } from '#schemas/report.ts';
import type { Control } from '#service/control.ts';

export interface EngineOptions {
  readonly dataDir: string;
  readonly adopt: 'all' | 'none';
  /** Answers other commands on the socket of the data directory. */
  readonly serve: boolean;
}

export interface Engine {
  readonly control: Control;
  /** Goes on with a run that an earlier engine left. */
  adopt(run: string): Promise<void>;
  wait(run: string): Promise<RunReport>;
  /** Rejects when nothing can be saved any more. */
  readonly failed: Promise<never>;
  close(how: { park: boolean }): Promise<void>;
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
  prepareRun(options: PrepareOptions): Promise<Prepared>;
}
