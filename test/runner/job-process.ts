// A job as a process of its own, as a container would run it: from the bundle that images hold, made for these tests.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { jobVariables } from '#schemas/attempts.ts';
import { imageVariables } from '#schemas/job.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import type { AttemptsServer } from '#support/attempts-server.ts';
import { TOKEN } from '#support/attempts-server.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Below the project, because the database is found from where the bundle lies. */
const bundle = path.join(ROOT, 'node_modules/.cache', `millrace-job-${process.pid}`);

/** Call it before the first job. */
export function bundleJob(): void {
  execFileSync(process.execPath, [path.join(ROOT, 'tools/build.mjs'), `--alone=${bundle}`]);
}

export function removeBundle(): void {
  rmSync(bundle, { recursive: true, force: true });
}

export const jobProgram = path.join(bundle, 'job.mjs');

export interface JobOptions {
  readonly order?: WorkOrder;
  readonly job?: string;
  readonly env?: Record<string, string>;
  /** What stands before the program: another node, another user. */
  readonly node?: readonly string[];
  readonly folder?: string;
}

export class JobProcess {
  readonly child: ChildProcess;
  readonly folder: string;
  readonly job: string;
  stderr = '';
  readonly #closed: Promise<unknown>;

  constructor(server: AttemptsServer, options: JobOptions = {}) {
    this.job = options.job ?? 'job-1';
    this.folder = options.folder ?? JobProcess.folder();
    const { order } = options;
    if (order !== undefined) server.attempts.set(this.job, order.name);
    const [program = '', ...args] = [...(options.node ?? [process.execPath]), jobProgram];
    this.child = spawn(program, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        ...process.env,
        [jobVariables.url]: server.url,
        [jobVariables.token]: TOKEN,
        [jobVariables.job]: this.job,
        ...(order === undefined ? {} : { [jobVariables.order]: JSON.stringify(order) }),
        [imageVariables.dataDir]: path.join(this.folder, 'data'),
        [imageVariables.cacheDir]: path.join(this.folder, 'cache'),
        ...options.env,
      },
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.#closed = once(this.child, 'close');
  }

  static folder(): string {
    return mkdtempSync(path.join(tmpdir(), 'mr-job-'));
  }

  async ended(): Promise<number | null> {
    await this.#closed;
    return this.child.exitCode;
  }

  async remove(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill('SIGKILL');
    await this.#closed;
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
