// A job as a process of its own, as a container would run it.
import { type ChildProcess, spawn } from 'node:child_process';
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

const MAIN = fileURLToPath(new URL('../../batch-images/main.ts', import.meta.url));

export interface JobOptions {
  readonly order?: WorkOrder;
  readonly job?: string;
  readonly env?: Record<string, string>;
  /** The program of the entry, when it is not the one of the sources. */
  readonly program?: readonly string[];
  readonly folder?: string;
}

export class JobProcess {
  readonly child: ChildProcess;
  readonly folder: string;
  readonly job: string;
  stderr = '';
  #closed: Promise<unknown>;

  constructor(server: AttemptsServer, options: JobOptions = {}) {
    this.job = options.job ?? 'job-1';
    this.folder = options.folder ?? mkdtempSync(path.join(tmpdir(), 'mr-job-'));
    const { order } = options;
    if (order !== undefined) server.attempts.set(this.job, order.name);
    const [program = '', ...args] = options.program ?? [process.execPath, MAIN];
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
