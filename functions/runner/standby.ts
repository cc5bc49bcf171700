// A shell that was started ahead and waits for its order. Starting a process from one as large as this takes longer than many programs run;
// with a shell that waits, the next program begins at once, and the shell after it is started while that program works.
//
// What waits is nothing but `sh -s` with nothing to read: no variable, no folder, no word of a user. It becomes the step's own `sh -c`
// by `exec`, with the same variables, folder and process id. When this process dies it reads the end of its input, and ends.
import type { Writable } from 'node:stream';
import { limits } from '#schemas/limits.ts';
import type { ProcessMark } from '#schemas/runner-files.ts';
import { markOfNew } from './processes.ts';
import type { Pipes, Shell } from './shell.ts';

export interface ShellOrder {
  readonly command: string;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}

interface Waiting {
  readonly shell: Shell;
  readonly stdin: Writable;
  readonly mark: ProcessMark;
}

/** Variables that a shell keeps for itself: assigning them means something to it, or ends it. */
const ITS_OWN =
  /^(?:BASH.*|DIRSTACK|ENV|EUID|FUNCNAME|GROUPS|IFS|LINENO|OLDPWD|OPTIND|POSIXLY_CORRECT|PPID|PWD|RANDOM|SECONDS|SHELLOPTS|SHLVL|UID|_)$/;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

export class Standby {
  #waiting: Waiting | undefined;
  #soon: NodeJS.Immediate | undefined;
  #closed = false;
  readonly #pipes: Pipes;

  constructor(pipes: Pipes) {
    this.#pipes = pipes;
  }

  /** Starts one when the present turn is over, if none waits. */
  prepare(): void {
    if (this.#closed || this.#waiting !== undefined) return;
    this.#soon ??= setImmediate(() => {
      this.#soon = undefined;
      this.#start();
    });
  }

  /** The waiting shell with this order; undefined where there is none, or a shell could not pass the order on unchanged. */
  take(order: ShellOrder): { readonly shell: Shell; readonly mark: ProcessMark } | undefined {
    const waiting = this.#waiting;
    if (waiting === undefined) return undefined;
    const script = scriptOf(order);
    if (script === undefined) return undefined;
    this.#waiting = undefined;
    waiting.shell.child.removeAllListeners();
    waiting.stdin.end(script);
    return waiting;
  }

  close(): void {
    this.#closed = true;
    clearImmediate(this.#soon);
    this.#waiting?.shell.child.kill('SIGKILL');
    this.#waiting = undefined;
  }

  #start(): void {
    if (this.#closed || this.#waiting !== undefined) return;
    let shell: Shell;
    try {
      shell = this.#pipes.start(['-s'], { cwd: '/', env: {}, stdin: 'pipe' });
    } catch {
      // What cannot be started ahead will say why when it is started for an order.
      return;
    }
    const { child, stdin } = shell;
    // One that dies while its order is on the way ends like any program that somebody killed.
    stdin?.on('error', () => {});
    const gone = (): void => {
      if (this.#waiting?.shell === shell) this.#waiting = undefined;
    };
    child.on('error', gone);
    child.on('exit', gone);
    if (child.pid !== undefined && stdin !== null)
      this.#waiting = { shell, stdin, mark: markOfNew(child.pid) };
  }
}

/** What the waiting shell reads. Undefined for an order that had better be started in the plain way. */
function scriptOf({ command, folder, environment }: ShellOrder): string | undefined {
  const lines: string[] = [`cd ${quote(folder)} || exit 125`, 'unset OLDPWD PWD'];
  for (const [name, value] of Object.entries(environment)) {
    if (!NAME.test(name) || ITS_OWN.test(name)) return undefined;
    lines.push(`export ${name}=${quote(value)}`);
  }
  // The redirection belongs to this line: a shell that reads its script letter by letter must have all of it before its input goes.
  lines.push(`exec /bin/sh -c -- ${quote(command)} </dev/null`, '');
  const script = lines.join('\n');
  return script.length > limits.standbyScript || script.includes('\0') ? undefined : script;
}

const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
