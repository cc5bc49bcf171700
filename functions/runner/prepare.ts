// A prepare order: fetches an operator and builds its environment, for all the nodes that will use it.
import { StepFailure } from '#core/failures.ts';
import { limits } from '#schemas/limits.ts';
import type { AttemptReport } from '#schemas/run.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { operatorCode } from './code/operator-code.ts';
import { MARK_VARIABLE } from './contract.ts';
import { activation, prepareEnvironment } from './environments/build.ts';
import type { Tools } from './environments/kind.ts';
import type { Halter } from './halt.ts';
import { LogStream, type LogWriter } from './log-writer.ts';
import { Mask } from './mask.ts';
import { fillWorkDir } from './work-dir.ts';
import type { World } from './world.ts';

export interface PrepareOrder {
  readonly order: WorkOrder;
  readonly work: Extract<WorkOrder['work'], { kind: 'prepare' }>;
  readonly log: LogWriter;
  readonly halter: Halter;
  readonly mark: string;
}

export async function runPrepare(
  world: World,
  prepare: PrepareOrder,
): Promise<Omit<AttemptReport, 'endedAt'>> {
  const { order, work, halter } = prepare;
  const stream = new LogStream(prepare.log, {
    step: 'prepare',
    stream: 'stderr',
    mask: new Mask([]),
  });
  const warnings: string[] = [];
  const warn = (text: string): void => {
    if (warnings.length < limits.warnings) warnings.push(text.slice(0, limits.messageLength));
    prepare.log.say('prepare', text);
  };
  const tools = {
    ...toolsOf(world, { ...prepare, onOutput: (chunk) => stream.push(chunk) }),
    onWait: (why: string) => world.progress(order.name, undefined, why),
    onWarning: warn,
    onRemoved: (line: string) => prepare.log.say('prepare', line, 'INFO'),
  };
  try {
    const code = await operatorCode(tools, { ...order, operator: work.operator });
    const ensured = await prepareEnvironment(work.environment, code, tools);
    const active = activation(work.environment, ensured, {});
    const notes = await fillWorkDir(tools, prepare, {
      commit: code.dirty === undefined ? code.commit : undefined,
      environment: active['VIRTUAL_ENV'] ?? active['CONDA_PREFIX'] ?? ensured?.folder,
    });
    for (const note of notes) warn(note);
    return {
      result: { result: 'completed', outputs: {} },
      prepared: {
        ...(code.commit === undefined ? {} : { commit: code.commit }),
        ...(code.dirty === undefined ? {} : { dirty: code.dirty }),
        ...(ensured === undefined
          ? {}
          : { environment: ensured.key, built: ensured.built, seconds: ensured.seconds }),
        ...(warnings.length === 0 ? {} : { warnings }),
      },
    };
  } catch (error) {
    const { halt } = halter;
    if (halt !== undefined) return { result: { result: halt.kind, message: halt.message } };
    throw new StepFailure(
      'environment_failed',
      error instanceof Error ? error.message : String(error),
    );
  } finally {
    stream.end();
  }
}

/** What git and uv run with on behalf of this attempt. */
export function toolsOf(
  world: World,
  use: {
    readonly order: WorkOrder;
    readonly halter: Halter;
    readonly mark: string;
    readonly onOutput?: (chunk: Buffer) => void;
  },
): Tools {
  return {
    cacheDir: world.cacheDir,
    archive: world.archive,
    cacheBytes: world.cacheBytes(),
    // Marked like programs: what a killed runner leaves of git and uv is found and ended, too.
    host: { ...world.host, [MARK_VARIABLE]: use.mark },
    offline: use.order.offline,
    signal: use.halter.signal,
    onOutput: use.onOutput,
    secrets: async (names) => (await world.secrets(use.order.name, names)).values,
  };
}
