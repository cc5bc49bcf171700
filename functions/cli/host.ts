// The process as the commands see it: streams that survive a reader that went away, the environment, the folder.

export interface Output {
  write(text: string): void;
  readonly isTerminal: boolean;
  readonly columns: number;
  readonly rows: number;
  /** The reader went away (`millrace … | head`): nothing that is written arrives any more. */
  readonly closed: boolean;
  /** Why what was written did not arrive, as on a full disk; a reader that went away is no reason. */
  readonly lost?: string | undefined;
  /** Called once, when the reader goes away. */
  onClosed(listener: () => void): void;
  /** For what draws by itself. */
  readonly stream: NodeJS.WritableStream;
}

export interface Host {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly stdin: NodeJS.ReadStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  now(): number;
  /** Calls the listener for the signal until the answer is called. */
  onSignal(signal: NodeJS.Signals, listener: () => void): () => void;
}

export function processHost(): Host {
  return {
    stdout: outputOf(process.stdout),
    stderr: outputOf(process.stderr),
    get stdin() {
      return process.stdin;
    },
    env: process.env,
    cwd: process.cwd(),
    now: () => Date.now(),
    onSignal: (signal, listener) => {
      process.on(signal, listener);
      return () => process.off(signal, listener);
    },
  };
}

function outputOf(stream: NodeJS.WriteStream): Output {
  let closed = false;
  const listeners: (() => void)[] = [];
  let lost: string | undefined;
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // EPIPE, mostly: a reader that has seen enough. There is nobody to tell, and the work itself goes on.
    if (closed) return;
    closed = true;
    if (error.code !== 'EPIPE') lost = error.message;
    for (const listener of listeners) listener();
  });
  return {
    write: (text) => {
      if (!closed) stream.write(text);
    },
    isTerminal: stream.isTTY === true,
    get columns() {
      return stream.columns ?? 80;
    },
    get rows() {
      return stream.rows ?? 24;
    },
    get closed() {
      return closed;
    },
    get lost() {
      return lost;
    },
    onClosed: (listener) => {
      listeners.push(listener);
    },
    stream,
  };
}

/** Resolves when all that was written has left the process. */
export function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    // Of a write to a file that failed one hears a moment later.
    if (stream.destroyed || stream.writableLength === 0) setImmediate(resolve);
    else {
      stream.write('', () => resolve());
      stream.once('error', () => resolve());
    }
  });
}
