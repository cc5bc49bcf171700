// One attempt of one node: makes its places, walks its steps, reports what it came to, and takes its places away.
import { StepFailure } from '#core/failures.ts';
import { Defect } from '#errors/families.ts';
import type { AttemptReport, AttemptResult, StepReport } from '#schemas/run.ts';
import type { Outputs } from '#schemas/values.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import type { Cage } from './cage.ts';
import { bounded, reasonOf } from './failure.ts';
import { Halter } from './halt.ts';
import { checkSize } from './keep.ts';
import { LogWriter } from './log-writer.ts';
import { Mask } from './mask.ts';
import { logFolder } from './names.ts';
import { Pauser } from './pauser.ts';
import { pipelineLogOf } from './pipeline-log.ts';
import { runPrepare } from './prepare.ts';
import { signal } from './processes.ts';
import { type StepsOutcome, walkSteps } from './walk-steps.ts';
import { joinPeaks, type World } from './world.ts';

const LONGEST_TIMER = 2 ** 31 - 1;

/** What an attempt is given by the runner it runs in. */
export interface Given {
  readonly mark: string;
  /** Its graphics processors, none among them; undefined where the machine itself is all its own. */
  readonly gpus?: readonly string[] | undefined;
  /** Whether nothing new may begin in it yet. */
  readonly paused?: boolean;
}

export class Attempt {
  readonly order: WorkOrder;
  /** Marks every process of this attempt. */
  readonly mark: string;
  readonly #gpus: readonly string[] | undefined;
  readonly #pauser: Pauser;
  readonly #world: World;
  readonly #halter = new Halter();
  #mask = new Mask([]);

  constructor(order: WorkOrder, { mark, gpus, paused }: Given, world: World) {
    this.order = order;
    this.mark = mark;
    this.#gpus = gpus;
    this.#pauser = new Pauser(paused);
    this.#world = world;
  }

  stop(grace: number, message: string): void {
    this.#halter.now({ kind: 'cancelled', grace, message });
  }

  /** What runs goes on. */
  pause(paused: boolean): void {
    this.#pauser.set(paused);
  }

  /** Never rejects: whatever goes wrong is in the report. */
  async run(): Promise<AttemptReport> {
    const startedAt = Date.now();
    const folder = logFolder(this.#world.dataDir, this.order.name);
    const log = new LogWriter(folder, pipelineLogOf(this.order));
    const timer = this.#timer();
    try {
      const report = await this.#work(log);
      return { ...report, startedAt, endedAt: Date.now() };
    } catch (error) {
      const { reason, message: plain } = reasonOf(error);
      const message = this.#mask.text(plain);
      // Whoever shows what happens shows this as the end of the attempt; here it is for the attempt's own log.
      log.say('', message, 'DEBUG');
      const result: AttemptResult = { result: 'failed', reason, message: bounded(message) };
      return { result, startedAt, endedAt: Date.now() };
    } finally {
      clearTimeout(timer);
      log.close();
    }
  }

  async #work(log: LogWriter): Promise<Omit<AttemptReport, 'endedAt'>> {
    const { work } = this.order;
    if (work.kind === 'prepare')
      return runPrepare(this.#world, {
        order: this.order,
        work,
        log,
        halter: this.#halter,
        mark: this.mark,
      });
    if (work.kind === 'function')
      throw new Defect(`node "${this.order.node}" is a function: a runner does programs`);
    const secrets = await this.#secrets(work.secrets, work.hides ?? []);
    this.#mask = new Mask(Object.values(secrets));
    const places = this.#world.workspaces.take(this.order.name);
    const cage = this.#cage(log);
    this.#sayGpus(log);
    // Every step once, unless the walk knows better.
    let turns = work.plan.nodes.length;
    try {
      const outcome = await walkSteps(this.#world, {
        order: this.order,
        work,
        secrets,
        cage,
        log,
        places,
        mask: this.#mask,
        mark: this.mark,
        gpus: this.#gpus,
        pauser: this.#pauser,
        halter: this.#halter,
      });
      turns = outcome.turns;
      return reportOf(outcome);
    } finally {
      await removeCage(cage);
      await this.#world.workspaces.give(places, turns);
    }
  }

  /** What is only hidden may be missing: then there is nothing to hide. */
  async #secrets(
    names: readonly string[],
    hides: readonly string[],
  ): Promise<Readonly<Record<string, string>>> {
    const asked = [...new Set([...names, ...hides])];
    if (asked.length === 0) return {};
    const answer = await this.#world.secrets(this.order.name, asked);
    const missing = answer.missing.filter((name) => names.includes(name));
    if (missing.length === 0) return answer.values;
    const list = missing.map((name) => `"${name}"`).join(', ');
    throw new StepFailure(
      'secret_missing',
      `node "${this.order.node}" names ${list} of secret.*, which is not set; set it with: millrace secret set NAME`,
    );
  }

  /** Only what has limits pays for a control group. */
  #cage(log: LogWriter): Cage | undefined {
    const bounds = this.order.resources?.limits;
    if (bounds?.cpu === undefined && bounds?.memory === undefined) return undefined;
    const { cages } = this.#world;
    const cage = cages.make({ cpu: bounds.cpu, memory: bounds.memory });
    const lack = cage === undefined ? cages.lackOf(this.order.name.run) : undefined;
    if (lack !== undefined) log.say('', lack);
    return cage;
  }

  /** A run that goes on where there are fewer than it was checked for is not held up for ever, but told. */
  #sayGpus(log: LogWriter): void {
    const wanted = this.order.resources?.gpu ?? 0;
    if (this.#gpus === undefined || this.#gpus.length >= wanted) return;
    log.say('', `it asks for ${wanted} GPU, and this machine has ${this.#gpus.length}`);
  }

  #timer(): NodeJS.Timeout | undefined {
    const { timeout, grace, node, label } = this.order;
    if (timeout === undefined) return undefined;
    const message = `node "${label ?? node}" took longer than its timeout of ${timeout / 1000} s`;
    return setTimeout(
      () => this.#halter.now({ kind: 'timed_out', grace, message }),
      Math.min(timeout, LONGEST_TIMER),
    );
  }
}

function reportOf(outcome: StepsOutcome): Omit<AttemptReport, 'endedAt'> {
  const peaks = joinPeaks(outcome.steps.map((step: StepReport) => step.peaks));
  return {
    result: sized(outcome.result),
    steps: [...outcome.steps],
    ...(Object.keys(peaks).length === 0 ? {} : { peaks }),
  };
}

function sized(result: AttemptResult): AttemptResult {
  if (result.result !== 'completed') return result;
  const outputs: Outputs = result.outputs;
  checkSize(outputs);
  return result;
}

/** A control group goes when the last process in it is gone; killed ones take a moment. */
async function removeCage(cage: Cage | undefined): Promise<void> {
  if (cage === undefined) return;
  for (let round = 0; round < 50; round += 1) {
    for (const pid of cage.processes) signal(pid, 'SIGKILL');
    if (cage.remove()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
