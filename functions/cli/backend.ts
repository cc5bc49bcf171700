// What the commands need of the engine on this machine. functions/local does it; tests put a double in its place.
import type { Plan } from '#schemas/plan.ts';
import type { Problem } from '#schemas/problems.ts';
import type { RunReport } from '#schemas/report.ts';
import type { Control, RunRequest } from '#service/control.ts';

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

export interface PrepareOptions {
  readonly file: string;
  readonly inputs: readonly string[];
  readonly inputsFile?: string;
  /** Working trees in place of operators: operator → folder. */
  readonly with: Readonly<Record<string, string>>;
  readonly allowEnv: readonly string[];
  readonly offline: boolean;
  readonly dataDir: string;
  readonly timeout?: number;
}

export type Prepared =
  | { readonly request: RunRequest; readonly plan: Plan; readonly warnings: readonly Problem[] }
  | { readonly problems: readonly Problem[] };

export interface Backend {
  /** Rejects with code `busy` while another engine holds the data directory. */
  openEngine(options: EngineOptions): Promise<Engine>;
  openControl(dataDir: string, options: { write: boolean }): Promise<OpenControl>;
  prepareRun(options: PrepareOptions): Promise<Prepared>;
}
