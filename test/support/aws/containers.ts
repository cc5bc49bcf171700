// What the played Batch has its jobs done by: real programs on this machine, each shut off from the others as far as the system allows.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** What a container is begun with. */
export interface Container {
  readonly job: string;
  readonly index: number | undefined;
  readonly name: string;
  /** What the submission set, and what Batch itself sets. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface ContainerEnd {
  /** Undefined when it never came to one. */
  readonly exitCode?: number;
  readonly reason?: string;
}

export interface Running {
  readonly ended: Promise<ContainerEnd>;
  /** TERM, and KILL when it did not heed that in time. */
  stop(graceMs: number): void;
  kill(): void;
}

export interface Containers {
  begin(container: Container): Running;
  close(): Promise<void>;
}

export interface ProgramOptions {
  /** What stands for the image: the program and its arguments. */
  readonly command: readonly string[];
  /** What the image's own environment says besides. */
  readonly environment?: Readonly<Record<string, string>>;
  /** What was printed, by everybody. */
  readonly log?: (job: string, text: string) => void;
}

/** What the runner's image is here: the same program, the tools that the image has, and the packages that this machine has fetched before. */
export function runnerImage(log?: ProgramOptions['log']): ProgramOptions {
  const packages = process.env['UV_CACHE_DIR'] ?? path.join(homedir(), '.cache', 'uv');
  return {
    command: [process.execPath, path.join(ROOT, 'dist', 'job.mjs')],
    environment: {
      PATH: [
        path.dirname(process.execPath),
        path.join(ROOT, '.tools', 'bin'),
        process.env['PATH'] ?? '',
      ].join(path.delimiter),
      UV_CACHE_DIR: packages,
      // In a container they come from elsewhere: no file of an environment is one that others have, too.
      UV_LINK_MODE: 'copy',
    },
    ...(log === undefined ? {} : { log }),
  };
}

/** What a program needs of this machine to reach tools and package registries; nothing of AWS. */
const OF_THE_MACHINE = /^(PATH|LANG|LC_.*|TZ|TMPDIR|UV_.*|PIP_.*|SSL_CERT_.*|.*_proxy|.*_PROXY)$/;
const LAST_WORDS = 4_000;

/** Programs of one host: they share its cache folder, each has a home and a working folder of its own. */
export class Programs implements Containers {
  readonly #options: ProgramOptions;
  readonly #place: string;
  readonly #running = new Set<Program>();
  readonly #isolated = isolation();

  constructor(options: ProgramOptions) {
    this.#options = options;
    this.#place = mkdtempSync(path.join(tmpdir(), 'millrace-host-'));
    mkdirSync(this.cache);
  }

  /** Where jobs of this host keep code and environments. */
  get cache(): string {
    return path.join(this.#place, 'cache');
  }

  /** From now on it is another host: nothing is cached on it, but things lie at the same paths. */
  forget(): void {
    rmSync(this.cache, { recursive: true, force: true, maxRetries: 3 });
    mkdirSync(this.cache);
  }

  begin(container: Container): Running {
    const home = mkdtempSync(path.join(this.#place, 'job-'));
    const program = new Program(this.#spawn(container, home), this.#isolated.length > 0);
    this.#running.add(program);
    const { log } = this.#options;
    if (log !== undefined) program.onText((text) => log(container.job, text));
    void program.ended.finally(() => {
      this.#running.delete(program);
      rmSync(home, { recursive: true, force: true, maxRetries: 3 });
    });
    return program;
  }

  async close(): Promise<void> {
    const all = [...this.#running];
    for (const each of all) each.kill();
    await Promise.all(all.map(({ ended }) => ended));
    rmSync(this.#place, { recursive: true, force: true, maxRetries: 3 });
  }

  #spawn({ environment }: Container, home: string): ChildProcess {
    const [program = '', ...args] = [...this.#isolated, ...this.#options.command];
    const inherited = Object.entries(process.env).filter(([name]) => OF_THE_MACHINE.test(name));
    return spawn(program, args, {
      detached: true,
      cwd: home,
      env: {
        ...Object.fromEntries(inherited),
        HOME: home,
        MILLRACE_CACHE_DIR: this.cache,
        ...this.#options.environment,
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }
}

class Program implements Running {
  readonly ended: Promise<ContainerEnd>;
  readonly #child: ChildProcess;
  readonly #inside: boolean;

  constructor(child: ChildProcess, inside: boolean) {
    this.#child = child;
    this.#inside = inside;
    let said = '';
    this.onText((text) => {
      said = `${said}${text}`.slice(-LAST_WORDS);
    });
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => resolve({ reason: `CannotStartContainerError: ${error}` }));
      child.once('close', (code, signal) => {
        // Nothing of a container lives on when its first process is gone.
        this.#signal('SIGKILL');
        const exitCode = code ?? (signal === 'SIGTERM' ? 143 : 137);
        resolve({ exitCode, ...(exitCode === 0 ? {} : { reason: said.slice(-200) }) });
      });
    });
  }

  onText(listener: (text: string) => void): void {
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.setEncoding('utf8').on('data', listener);
  }

  stop(graceMs: number): void {
    const first = this.#inside ? firstChild(this.#child.pid) : this.#child.pid;
    if (first !== undefined) tell(first, 'SIGTERM');
    const killing = setTimeout(() => this.kill(), graceMs);
    killing.unref();
    void this.ended.finally(() => clearTimeout(killing));
  }

  kill(): void {
    this.#signal('SIGKILL');
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#child.pid !== undefined) tell(-this.#child.pid, signal);
  }
}

/** The program is process 1 of a world of its own where the system allows that: with it everything ends that it has started. */
function isolation(): readonly string[] {
  const words = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const asked = spawnSync(words[0] ?? '', [...words.slice(1), 'true'], { stdio: 'ignore' });
  return asked.status === 0 ? ['setpriv', '--pdeathsig', 'KILL', ...words] : [];
}

function firstChild(pid: number | undefined): number | undefined {
  try {
    const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
    return first === undefined || first === '' ? undefined : Number(first);
  } catch {
    return undefined;
  }
}

function tell(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone already.
  }
}
