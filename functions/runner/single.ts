// A runner that does one order and ends: what a container is a shell round.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type { AttemptReport } from '#schemas/run.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import type { Archive } from './archive.ts';
import { Attempt } from './attempt.ts';
import { Cages } from './cage.ts';
import { logFolder } from './names.ts';
import { bootId, markOf } from './processes.ts';
import { Pipes } from './shell.ts';
import { Spool } from './spool.ts';
import { Standby } from './standby.ts';
import { Sweeper } from './sweep.ts';
import { Watch } from './watch.ts';
import { pipesFolder, Workspaces } from './workspaces.ts';
import type { World } from './world.ts';

export interface SingleOptions {
  readonly order: WorkOrder;
  readonly dataDir: string;
  readonly cacheDir: string;
  /** What our tools run with, and programs in part. */
  readonly host: NodeJS.ProcessEnv;
  readonly archive: Archive;
  secrets(
    names: readonly string[],
  ): Promise<{ values: Readonly<Record<string, string>>; missing: readonly string[] }>;
  progress(share: number, message: string): void;
}

export class Single {
  readonly #attempt: Attempt;
  readonly #world: World;
  readonly #spool: Spool;
  readonly #sweeper: Sweeper;
  readonly #mark: string;
  /** Where its log is written. */
  readonly logFolder: string;

  constructor(options: SingleOptions) {
    const { dataDir, order } = options;
    const job = randomBytes(8).toString('hex');
    this.#mark = `${job}:1`;
    this.#spool = new Spool(
      dataDir,
      job,
      markOf(process.pid) ?? { pid: process.pid, start: '', boot: bootId() },
    );
    this.#sweeper = new Sweeper(job);
    const pipes = new Pipes(pipesFolder(dataDir, job));
    this.#world = {
      dataDir: path.resolve(dataDir),
      cacheDir: path.resolve(options.cacheDir),
      host: options.host,
      archive: options.archive,
      // It is gone with its machine.
      cacheBytes: () => undefined,
      job,
      spool: this.#spool,
      watch: new Watch(options.host),
      cages: new Cages(job),
      pipes,
      standby: new Standby(pipes),
      sweeper: this.#sweeper,
      // One program after the other in a machine of their own: none is started ahead.
      started: () => undefined,
      workspaces: new Workspaces(dataDir, job),
      secrets: (_, names) => options.secrets(names),
      progress: (_, share, message) => {
        if (share !== undefined) options.progress(share, message);
      },
    };
    this.#attempt = new Attempt(order, { mark: this.#mark }, this.#world);
    this.logFolder = logFolder(dataDir, order.name);
  }

  stop(grace: number, message: string): void {
    this.#attempt.stop(grace, message);
  }

  /** Never rejects. When it resolves nothing that was started is left but what the order handed over and its log. */
  async run(): Promise<AttemptReport> {
    this.#sweeper.begin(this.#mark);
    const report = await this.#attempt.run();
    this.#sweeper.end(this.#mark);
    this.#sweeper.close();
    this.#world.standby.close();
    this.#world.cages.close();
    this.#world.workspaces.close();
    this.#spool.close(true);
    return report;
  }
}
