// Asks nvidia-smi what processes use of graphics processors, and how busy these are. One call serves all programs of this machine.
//
// Asked only while a program that was given one runs. Where it is not there, fails or hangs it is not asked again, and there are no peaks of
// them: nobody waits for it. Between two looks more may have been used than was seen.
import { setTimeout } from 'node:timers/promises';
import { limits } from '#schemas/limits.ts';
import { callTool } from './tool.ts';

export interface GpuProcess {
  readonly pid: number;
  readonly bytes: number;
}

export interface GpuState {
  /** What `CUDA_VISIBLE_DEVICES` may call it. */
  readonly names: readonly string[];
  readonly bytes: number;
  /** Of the time since the look before in which it worked; undefined where it does not tell. */
  readonly percent: number | undefined;
}

export interface GpuLook {
  readonly processes: readonly GpuProcess[];
  readonly gpus: readonly GpuState[];
}

const PROGRAM = 'nvidia-smi';
const FORMAT = '--format=csv,noheader,nounits';
const MIB = 2 ** 20;

/** Who is told. One of both is called at each look; after `trouble` there is none any more. */
export interface GpuTold {
  look(look: GpuLook): void;
  trouble(text: string): void;
}

export class GpuMeter {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #told: GpuTold;
  #looking: AbortController | undefined;
  #broken = false;

  constructor(environment: NodeJS.ProcessEnv, told: GpuTold) {
    this.#environment = environment;
    this.#told = told;
  }

  /** Looks now and again until it is told to stop. */
  start(): void {
    if (this.#broken || this.#looking !== undefined) return;
    const looking = new AbortController();
    this.#looking = looking;
    void this.#go(looking.signal);
  }

  stop(): void {
    this.#looking?.abort();
    this.#looking = undefined;
  }

  async #go(signal: AbortSignal): Promise<void> {
    let wait: number = limits.watchInterval;
    while (await pause(wait, signal)) {
      wait = limits.gpuInterval;
      const look = await this.#ask(signal);
      if (signal.aborted) return;
      if (typeof look === 'string') {
        this.#broken = true;
        this.#told.trouble(look);
        return;
      }
      this.#told.look(look);
    }
  }

  /** What it saw, or why it saw nothing. */
  async #ask(signal: AbortSignal): Promise<GpuLook | string> {
    const processes = await this.#query('--query-compute-apps=pid,used_gpu_memory', signal);
    if (typeof processes === 'string') return processes;
    const gpus = await this.#query('--query-gpu=index,uuid,memory.used,utilization.gpu', signal);
    if (typeof gpus === 'string') return gpus;
    return { processes: processes.flatMap(processIn), gpus: gpus.flatMap(stateIn) };
  }

  async #query(query: string, signal: AbortSignal): Promise<readonly string[][] | string> {
    const { how, code, stdout, stderr } = await callTool({
      program: PROGRAM,
      args: [query, FORMAT],
      environment: this.#environment,
      timeout: limits.gpuWait,
      signal,
    });
    if (how === 'timed_out') return `${PROGRAM} did not answer within ${limits.gpuWait / 1_000} s`;
    if (how === 'not_started') return stderr;
    if (code !== 0)
      return `${PROGRAM} ended with ${code}: ${firstLine(stdout) || firstLine(stderr)}`;
    const lines = stdout.split('\n').filter((line) => line.trim() !== '');
    return lines.map((line) => line.split(',').map((field) => field.trim()));
  }
}

/** False when it was told to stop meanwhile. */
const pause = (wait: number, signal: AbortSignal): Promise<boolean> =>
  setTimeout(wait, true, { signal }).catch(() => false);

const firstLine = (text: string): string => (text.trim().split('\n')[0] ?? '').slice(0, 200);

/** What has no figure, `[N/A]` or `[Insufficient Permissions]`, is none. */
function figure(field: string | undefined): number | undefined {
  return field !== undefined && /^\d+$/.test(field) ? Number(field) : undefined;
}

function processIn([pid, mebibytes]: readonly string[]): readonly GpuProcess[] {
  const [found, used] = [figure(pid), figure(mebibytes)];
  return found === undefined || used === undefined ? [] : [{ pid: found, bytes: used * MIB }];
}

function stateIn([index = '', uuid = '', used, percent]: readonly string[]): readonly GpuState[] {
  const names = [index, uuid].filter((name) => name !== '');
  return [{ names, bytes: (figure(used) ?? 0) * MIB, percent: figure(percent) }];
}
