// Walks the steps of one node on this machine, with the walk that decides over machines too.
import { type Graph, link } from '#core/walk/graph.ts';
import { initialState, type State } from '#core/walk/state.ts';
import { type NodeView, nodeView, view } from '#core/walk/view.ts';
import { walk } from '#core/walk/walk.ts';
import { limits } from '#schemas/limits.ts';
import type { Plan, PlanNode } from '#schemas/plan.ts';
import type { AttemptResult, Command, Fact, StepReport, WalkEvent } from '#schemas/run.ts';
import type { Outputs } from '#schemas/values.ts';
import { alarmAt } from './alarm.ts';
import { Halter } from './halt.ts';
import type { LogWriter, StepLog } from './log-writer.ts';
import { oneStep, type Prepared, prepareSteps, type StepsOrder } from './start-step.ts';
import { joinPeaks, type World } from './world.ts';

export interface StepsOutcome {
  readonly result: AttemptResult;
  readonly steps: readonly StepReport[];
  /** How many programs were started, those that were tried again included. */
  readonly turns: number;
}

/** Resolves when no step runs and none can start any more. */
export function walkSteps(world: World, node: NodeOrder): Promise<StepsOutcome> {
  return new StepsWalk(world, node).run();
}

/** The whole log of the node is where its steps get theirs from. */
type NodeOrder = StepsOrder & { readonly log: LogWriter };

interface Live {
  readonly attempt: number;
  readonly halter: Halter;
  readonly silence: () => void;
}

class StepsWalk {
  readonly #world: World;
  readonly #node: NodeOrder;
  readonly #graph: Graph;
  readonly #prepared: Prepared;
  readonly #steps: ReadonlyMap<string, PlanNode>;
  readonly #outputs = new Map<string, Outputs>();
  readonly #reports = new Map<string, StepReport>();
  readonly #ready = new Map<string, number>();
  readonly #queued = new Map<string, number>();
  readonly #live = new Map<string, Live>();
  readonly #ended = Promise.withResolvers<void>();
  #state: State;
  #events: WalkEvent[] = [];
  /** What ended the whole node from outside: its timeout, or somebody who stopped it. */
  #halted: AttemptResult | undefined;
  /** What steps came to that did not complete, in the order in which they ended. */
  readonly #failures = new Map<string, AttemptResult>();
  #turns = 0;
  #cancelAlarm: () => void = () => {};
  #soon: NodeJS.Immediate | undefined;

  constructor(world: World, node: NodeOrder) {
    this.#world = world;
    this.#node = node;
    const { plan } = node.work;
    this.#graph = link(skeleton(plan));
    this.#steps = new Map(plan.nodes.map((step) => [step.id, step]));
    const seeds = (node.work.done ?? []).map(({ step, run }) => ({ node: step, run }));
    this.#state = initialState(this.#graph, { seeds });
    for (const { step, run, outputs } of node.work.done ?? []) {
      this.#outputs.set(step, outputs);
      this.#reports.set(step, {
        ...notRun(this.#steps.get(step) ?? { id: step }),
        status: 'completed',
        seededFrom: run,
      });
    }
    this.#prepared = prepareSteps(world, node, this.#outputs);
  }

  async run(): Promise<StepsOutcome> {
    const silence = this.#node.halter.listen((halt) => {
      this.#halted ??= { result: halt.kind, message: halt.message };
      this.#tell({ event: 'wanted', wanted: 'cancel' });
    });
    // Operators are told apart by whoever pauses their run; other steps are one piece of work with their node.
    const goOn =
      this.#node.work.plan.dialect === 'operators'
        ? this.#node.pauser.listen((paused) =>
            this.#tell({ event: 'wanted', wanted: paused ? 'pause' : 'run' }),
          )
        : undefined;
    this.#go();
    await this.#ended.promise;
    silence();
    goOn?.();
    this.#cancelAlarm();
    clearImmediate(this.#soon);
    return this.#outcome();
  }

  /** Events of one turn are walked together. */
  #tell(event: WalkEvent): void {
    this.#events.push(event);
    this.#soon ??= setImmediate(() => this.#go());
  }

  #walk(): void {
    this.#soon = undefined;
    let more = true;
    while (more) {
      const events = this.#events;
      this.#events = [];
      const { scope } = this.#node.work;
      const result = walk(this.#graph, this.#state, events, {
        now: Date.now(),
        run: this.#node.order.name.run,
        namespace: this.#node.order.name.namespace,
        inputs: scope.input,
        system: scope.system,
        outputs: (step) => this.#outputs.get(step) ?? {},
        bounds: { starts: limits.advanceStarts, changes: limits.advanceChanges },
      });
      this.#state = result.state;
      this.#note(result.facts);
      for (const command of result.commands) this.#perform(command);
      more = result.more;
    }
  }

  /** Walks on, and ends when there is nothing left. */
  #go(): void {
    this.#walk();
    this.#finishIfEnded();
  }

  #finishIfEnded(): void {
    const { end } = view(this.#graph, this.#state);
    if (end !== undefined && this.#live.size === 0) this.#ended.resolve();
  }

  #perform(command: Command): void {
    switch (command.command) {
      case 'start-node':
        this.#start(command.node, command.attempt);
        break;
      case 'stop-node':
        this.#stop(command.node);
        break;
      case 'wake-at':
        this.#cancelAlarm();
        this.#cancelAlarm = alarmAt(command.at, () => this.#go());
        break;
      case 'finish-run':
        break;
      case 'tell-runs':
        // No step is a run of its own.
        break;
    }
  }

  /** The end of the whole node is told to each step directly, with what was said of it. */
  #stop(id: string): void {
    const { halter, order } = this.#node;
    if (halter.halt !== undefined) return;
    const message = 'another step of the node failed';
    this.#live.get(id)?.halter.now({ kind: 'cancelled', grace: order.grace, message });
  }

  #start(id: string, attempt: number): void {
    const step = this.#steps.get(id);
    if (step === undefined) return;
    const halter = new Halter();
    const silence = this.#node.halter.listen((halt) => halter.now(halt));
    this.#live.set(id, { attempt, halter, silence });
    const turn = { step, turn: this.#turns, halter };
    this.#turns += 1;
    oneStep(
      this.#world,
      { ...this.#node, log: this.#logOf(id, attempt) },
      this.#prepared,
      turn,
    ).then(
      ({ result, report }) => this.#end(step, result, report),
      (error: unknown) => this.#ended.reject(error),
    );
  }

  /** Lines say which try of the operator they are of, those in earlier attempts of the node included. */
  #logOf(id: string, attempt: number): StepLog {
    const { log, order, work } = this.#node;
    const number = (work.tries?.[id] ?? 0) + attempt;
    return number === order.name.attempt ? log : log.forTry(number);
  }

  #end(step: PlanNode, result: AttemptResult, report: StepReport): void {
    const live = this.#live.get(step.id);
    live?.silence();
    this.#live.delete(step.id);
    this.#reports.set(step.id, joined(this.#reports.get(step.id), report));
    if (result.result === 'completed') this.#outputs.set(step.id, result.outputs);
    this.#events.push({
      event: 'outcome',
      node: step.id,
      attempt: live?.attempt ?? 1,
      result,
    });
    this.#walk();
    if (result.result === 'completed') this.#failures.delete(step.id);
    else this.#failures.set(step.id, result);
    this.#finishIfEnded();
  }

  /** How long steps that could have begun waited for a place; only waiting of the first attempt is for that. */
  #note(facts: readonly Fact[]): void {
    const { nodes } = this.#node.work.plan;
    for (const fact of facts) {
      if (fact.fact === 'ready')
        for (let at = fact.nodes[0]; at <= fact.nodes[1]; at += 1) {
          const id = nodes[at]?.id;
          if (id !== undefined && !this.#ready.has(id)) this.#ready.set(id, fact.at);
        }
      if (fact.fact === 'retrying') this.#sayRetrying(fact);
      if (fact.fact === 'started' && fact.attempt === 1)
        this.#queued.set(fact.node, fact.at - (this.#ready.get(fact.node) ?? fact.at));
    }
  }

  /** The report tells of the last try only; the log of each that was followed by another. */
  #sayRetrying({ node, attempt, message, at, next }: Extract<Fact, { fact: 'retrying' }>): void {
    const wait = next > at ? `, in ${(next - at) / 1_000} s` : '';
    const why = message === undefined ? '' : `: ${message}`;
    const text = `tried again${wait}${why}`;
    this.#logOf(node, attempt).say(this.#steps.get(node)?.label ?? node, text);
  }

  #outcome(): StepsOutcome {
    const plan = this.#node.work.plan.nodes;
    const steps = plan.map((step) => this.#reportOf(step));
    let all: Outputs = {};
    // In the order of the plan, whatever ended first.
    for (const { id } of plan) all = { ...all, ...this.#outputs.get(id) };
    const end = view(this.#graph, this.#state).end;
    if (end === 'completed')
      return { result: { result: 'completed', outputs: all }, steps, turns: this.#turns };
    return { result: this.#worst(), steps: this.#withOutputs(steps), turns: this.#turns };
  }

  /** An operator that completed need not run again because another failed, if what it gave is not too much to be kept for that. */
  #withOutputs(steps: readonly StepReport[]): readonly StepReport[] {
    if (this.#node.work.plan.dialect !== 'operators') return steps;
    let room: number = limits.outputsBytes;
    return steps.map((step) => {
      const outputs = this.#outputs.get(step.id) ?? {};
      const size = JSON.stringify(outputs).length;
      if (step.status !== 'completed' || size > room) return step;
      room -= size;
      return { ...step, outputs };
    });
  }

  /**
   * What the node comes to: what ended it, else the worst of what no other step made good. Of these one that stops the run goes before those
   * that let it go on, and then the first.
   */
  #worst(): AttemptResult {
    if (this.#halted !== undefined) return this.#halted;
    const open = [...this.#failures].filter(([id, { result }]) => {
      const { status, handled } = this.#viewOf(id);
      // One that was to be tried again and was stopped first decides nothing.
      return !handled && (status !== 'cancelled' || result === 'cancelled');
    });
    const stopping = open.filter(([id]) => this.#steps.get(id)?.failFast !== false);
    const goesOn = stopping.length === 0;
    const ranked = [...stopping, ...open].map(([, result]) => result);
    for (const kind of WORST_FIRST) {
      const result = ranked.find((each) => each.result === kind);
      if (result?.result === 'failed' || result?.result === 'timed_out')
        return goesOn ? { ...result, goesOn } : result;
      if (result !== undefined) return result;
    }
    return { result: 'cancelled' };
  }

  #viewOf(id: string): NodeView {
    return nodeView(this.#graph, this.#state, id);
  }

  #reportOf(step: PlanNode): StepReport {
    const report = this.#reports.get(step.id) ?? notRun(step);
    const { reason, status } = this.#viewOf(step.id);
    const queued = this.#queued.get(step.id) ?? 0;
    const stopped = status === 'cancelled' && this.#halted === undefined;
    return {
      ...report,
      ...(stopped ? { status } : {}),
      ...(report.status === 'completed' || reason === undefined ? {} : { reason }),
      ...(queued > 0 ? { queued } : {}),
    };
  }
}

const WORST_FIRST = ['failed', 'timed_out', 'interrupted', 'cancelled'] as const;

/** One report for all attempts of a step: the last one's, from when the first began. */
function joined(before: StepReport | undefined, last: StepReport): StepReport {
  if (before === undefined) return last;
  const peaks = joinPeaks([before.peaks, last.peaks]);
  return {
    ...last,
    ...(before.startedAt === undefined ? {} : { startedAt: before.startedAt }),
    attempts: (before.attempts ?? 1) + 1,
    worked: (before.worked ?? spanOf(before)) + spanOf(last),
    ...(Object.keys(peaks).length === 0 ? {} : { peaks }),
  };
}

const spanOf = ({ startedAt, endedAt }: StepReport): number =>
  startedAt === undefined || endedAt === undefined ? 0 : Math.max(0, endedAt - startedAt);

function notRun({ id, label }: Pick<PlanNode, 'id' | 'label'>): StepReport {
  return { id, ...(label === undefined ? {} : { label }), status: 'skipped' };
}

/**
 * The plan without its templates: they name variables of the node, which this walk does not know, and are filled in where a
 * step starts.
 */
function skeleton(plan: Plan): Plan {
  return {
    ...plan,
    groups: plan.groups.map(({ env: _, ...group }) => group),
    nodes: plan.nodes.map(({ env: _, inputs: __, ...node }) => ({
      ...node,
      executor: bare(node.executor),
    })),
  };
}

function bare(executor: PlanNode['executor']): PlanNode['executor'] {
  if (executor.kind === 'command') return { ...executor, command: '' };
  return executor.kind === 'sql' ? { kind: 'sql', query: '' } : executor;
}
