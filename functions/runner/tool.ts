// Runs one of our own tools (git, uv): the user's configuration, no prompts, a time limit, bounded output.
import { spawn } from 'node:child_process';
import { limits } from '#schemas/limits.ts';
import { signal as send } from './processes.ts';

export interface ToolCall {
  readonly program: string;
  readonly args: readonly string[];
  readonly folder?: string | undefined;
  readonly environment: NodeJS.ProcessEnv;
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  /** Every piece of what it prints, as it comes. */
  readonly onOutput?: ((chunk: Buffer) => void) | undefined;
}

export interface ToolEnd {
  /** Undefined when it could not be started or was killed. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly how: 'ended' | 'timed_out' | 'aborted' | 'not_started';
}

export function callTool(call: ToolCall): Promise<ToolEnd> {
  return new Promise((resolve) => {
    const child = spawn(call.program, [...call.args], {
      ...(call.folder === undefined ? {} : { cwd: call.folder }),
      env: call.environment,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let how: ToolEnd['how'] = 'ended';
    const end = (why: 'timed_out' | 'aborted') => {
      how = why;
      if (child.pid !== undefined) send(-child.pid, 'SIGKILL');
    };
    const onAbort = () => end('aborted');
    const timer = setTimeout(() => end('timed_out'), call.timeout);
    call.signal?.addEventListener('abort', onAbort, { once: true });
    if (call.signal?.aborted === true) onAbort();
    const stdout = collect(child.stdout, call.onOutput);
    const stderr = collect(child.stderr, call.onOutput);
    const finish = (code: number | undefined, failure?: string) => {
      clearTimeout(timer);
      call.signal?.removeEventListener('abort', onAbort);
      resolve({ code, stdout: stdout(), stderr: failure ?? stderr(), how });
    };
    child.on('error', (error) => {
      how = 'not_started';
      finish(undefined, error.message);
    });
    child.on('close', (code) => finish(code ?? undefined));
  });
}

function collect(
  stream: NodeJS.ReadableStream,
  onOutput: ((chunk: Buffer) => void) | undefined,
): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on('data', (chunk: Buffer) => {
    onOutput?.(chunk);
    size += chunk.length;
    if (size <= limits.toolOutputBytes) chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString('utf8');
}
