// One step: its program from the rendered command to what it left.
import { bytes } from '#core/failures.ts';
import { limits } from '#schemas/limits.ts';
import type { PlanNode } from '#schemas/plan.ts';
import type { Reason } from '#schemas/reasons.ts';
import type { AttemptResult, StepReport } from '#schemas/run.ts';
import type { Outputs } from '#schemas/values.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import type { Cage } from './cage.ts';
import { readOutputs, type StepFiles } from './contract.ts';
import { bounded, reasonOf } from './failure.ts';
import type { Halt, Halter } from './halt.ts';
import type { Variables } from './host-environment.ts';
import { keepOutputs } from './keep.ts';
import { LogStream, type StepLog } from './log-writer.ts';
import type { Mask } from './mask.ts';
import { Program, type ProgramEnd } from './program.ts';
import { Progress } from './progress.ts';
import type { GivenGpus, MemoryShare } from './watch.ts';
import type { Places } from './workspaces.ts';
import type { World } from './world.ts';

export interface StepOrder {
  readonly order: WorkOrder;
  readonly step: PlanNode;
  readonly command: string;
  readonly folder: string;
  readonly environment: Variables;
  readonly files: StepFiles;
  readonly places: Places;
  /** Of all programs of the attempt. */
  readonly cage?: Cage | undefined;
  /** Marks every process of the attempt. */
  readonly mark: string;
  readonly mask: Mask;
  readonly log: StepLog;
  readonly halter: Halter;
  /** Its graphics processors; undefined where all of the machine are its own. */
  readonly gpus: readonly string[] | undefined;
  /** What a program of ours says of its failure, when it exited with a code other than 0. */
  readonly told?:
    | (() => { readonly reason: Reason; readonly message: string } | undefined)
    | undefined;
}

export interface StepEnd {
  readonly report: StepReport;
  /** What the attempt comes to when this step decides it. */
  readonly result: AttemptResult;
}

/** What a program's end means. `halted` stands above all: what was told to stop did not complete. */
interface Ended {
  readonly end: ProgramEnd;
  readonly halted: Halt | undefined;
  readonly lastError: string;
}

export async function runStep(world: World, step: StepOrder): Promise<StepEnd> {
  const startedAt = Date.now();
  const ended = await runProgram(world, step);
  const result = bound(await resultOf(world, step, ended), step.mask);
  return {
    result,
    report: {
      ...logTrouble(step.log),
      ...stepReport(step.step, result),
      startedAt,
      endedAt: Date.now(),
      ...(ended.end.how === 'exit' ? { exitCode: ended.end.code } : {}),
      ...(ended.end.how === 'signal' ? { signal: ended.end.signal } : {}),
      ...(Object.keys(ended.end.peaks).length === 0 ? {} : { peaks: ended.end.peaks }),
    },
  };
}

/** A log that could not be written is said where nothing worse is to say. */
function logTrouble(log: StepLog): { message?: string } {
  return log.broken === undefined ? {} : { message: `its log is not whole: ${log.broken}` };
}

/** The part of a step's report that its result tells. */
export function stepReport(step: PlanNode, result: AttemptResult): StepReport {
  const status = result.result === 'interrupted' ? 'failed' : result.result;
  return {
    id: step.id,
    ...(step.label === undefined ? {} : { label: step.label }),
    status,
    ...('message' in result && result.message !== undefined ? { message: result.message } : {}),
  };
}

async function runProgram(world: World, step: StepOrder): Promise<Ended> {
  const { log, mask } = step;
  const name = step.step.label ?? step.step.id;
  const stdout = new LogStream(log, { step: name, stream: 'stdout', mask });
  const stderr = new LogStream(log, { step: name, stream: 'stderr', mask });
  let pid: number | undefined;
  const cage = step.cage?.within();
  const program = new Program({
    command: step.command,
    folder: step.folder,
    environment: step.environment,
    cage,
    share: cage === undefined ? shareOf(step) : undefined,
    watch: world.watch,
    gpus: gpusOf(step),
    endStrays: () => world.sweeper.endStrays({ mark: step.mark, step: name }),
    pipes: world.pipes,
    standby: world.standby,
    onOutput: (stream, chunk) => (stream === 'stdout' ? stdout : stderr).push(chunk),
    onSpawn: (mark) => {
      pid = mark.pid;
      world.spool.spawned(step.order.name, mark);
      world.started();
    },
  });
  const progress = new Progress(step.files.progress, (share, text) =>
    world.progress(step.order.name, share, mask.text(text)),
  );
  let halted: Halt | undefined;
  const silence = step.halter.listen((halt) => {
    halted = halt;
    program.stop(halt.grace);
  });
  const timer = stepTimer(step, (halt) => {
    halted ??= halt;
    program.stop(halt.grace);
  });
  const end = await program.ended;
  clearTimeout(timer);
  silence();
  progress.close();
  stdout.end();
  stderr.end();
  if (pid !== undefined) world.spool.ended(pid);
  return { end, halted, lastError: stderr.last };
}

function shareOf({ order, mark }: StepOrder): MemoryShare | undefined {
  const bytes = order.resources?.limits?.memory;
  return bytes === undefined ? undefined : { mark, bytes };
}

/** Undefined where it asked for none: then nobody looks at them. */
function gpusOf({ order, gpus, log }: StepOrder): GivenGpus | undefined {
  if ((order.resources?.gpu ?? 0) === 0) return undefined;
  const unknown = (why: string): void =>
    log.say('', `peaks of graphics processors are not known: ${why}`, 'DEBUG');
  return { names: gpus, unknown };
}

/** A step's own timeout; the node's is counted by the attempt. */
function stepTimer(step: StepOrder, up: (halt: Halt) => void): NodeJS.Timeout | undefined {
  const { timeout, id, label, grace } = step.step;
  if (timeout === undefined) return undefined;
  const message = `step "${label ?? id}" took longer than its timeout of ${timeout / 1000} s`;
  const halt: Halt = { kind: 'timed_out', message, grace: grace ?? step.order.grace, step: id };
  return setTimeout(() => up(halt), Math.min(timeout, 2 ** 31 - 1));
}

async function resultOf(world: World, step: StepOrder, ended: Ended): Promise<AttemptResult> {
  const { end, halted } = ended;
  const { id } = step.step;
  if (end.how === 'not_started')
    return {
      result: 'failed',
      reason: 'start_failed',
      message: `step "${step.step.label ?? id}" could not be started: ${end.message}`,
      step: id,
    };
  if (halted !== undefined) {
    if (halted.kind === 'cancelled') return { result: 'cancelled', message: halted.message };
    return { result: 'timed_out', message: halted.message, step: halted.step ?? id };
  }
  if (end.how === 'exit' && end.code === 0) return completed(world, step);
  return failed(step, end, ended.lastError);
}

async function completed(world: World, step: StepOrder): Promise<AttemptResult> {
  try {
    const raw = readOutputs(step.files);
    const keeper = { dataDir: world.dataDir, places: step.places, mask: step.mask };
    const outputs: Outputs = raw.size === 0 ? {} : await keepOutputs(raw, keeper);
    return { result: 'completed', outputs };
  } catch (error) {
    const found = reasonOf(error);
    const message = `step "${step.step.label ?? step.step.id}": ${found.message}`;
    return { result: 'failed', reason: found.reason, message, step: step.step.id };
  }
}

function failed(
  step: StepOrder,
  end: Exclude<ProgramEnd, { how: 'not_started' }>,
  lastError: string,
): AttemptResult {
  const name = `step "${step.step.label ?? step.step.id}"`;
  const last =
    lastError === '' ? '' : `; its last line of errors: ${lastError.trim().slice(0, 500)}`;
  const base = { result: 'failed', step: step.step.id } as const;
  switch (end.how) {
    case 'exit': {
      const told = step.told?.();
      if (told !== undefined) return { ...base, ...told };
      return {
        ...base,
        reason: 'exit',
        exitCode: end.code,
        message: `${name} exited with code ${end.code}${meaning(end.code)}${last}`,
      };
    }
    case 'signal':
      return {
        ...base,
        reason: 'signal',
        signal: end.signal,
        message: `${name} was ended by signal ${end.signal}, which Millrace did not send${last}`,
      };
    case 'memory':
      return { ...base, reason: 'out_of_memory', message: memoryMessage(step, name, end.found) };
    case 'processes':
      return {
        ...base,
        reason: 'exit',
        message: `${name} had ${end.found} processes at once and was killed; at most ${limits.stepProcesses} are allowed`,
      };
  }
}

/** Who had less of the limit than this was not alone in using it up. */
const MOST_OF_IT = 0.9;

function memoryMessage(step: StepOrder, name: string, peak: number): string {
  const limit = step.order.resources?.limits?.memory;
  if (limit !== undefined && peak < limit * MOST_OF_IT)
    return `${name} was killed for memory: it used ${bytes(peak)} at its peak, and the programs of its node together have a limit of ${bytes(limit)}`;
  const bound = limit === undefined ? '' : `; its limit is ${bytes(limit)}`;
  return `${name} used ${bytes(peak)} of memory at its peak and was killed${bound}`;
}

/** Codes that a shell gives for its own reasons. */
function meaning(code: number): string {
  if (code === 126) return ' (a program was found but is not executable)';
  if (code === 127) return ' (a program was not found)';
  if (code > 128 && code < 160) return ` (a program inside was ended by signal ${code - 128})`;
  return '';
}

function bound(result: AttemptResult, mask: Mask): AttemptResult {
  if (!('message' in result) || result.message === undefined) return result;
  return { ...result, message: bounded(mask.text(result.message)) };
}
