// Walks the steps of one node on this machine, with the walk that decides over machines too.
import { type Graph, link } from '#core/walk/graph.ts';
import { initialState, type State } from '#core/walk/state.ts';
import { nodeView, view } from '#core/walk/view.ts';
import { walk } from '#core/walk/walk.ts';
import { limits } from '#schemas/limits.ts';
import type { Plan, PlanNode } from '#schemas/plan.ts';
import type { AttemptResult, Command, StepReport, WalkEvent } from '#schemas/run.ts';
import type { Outputs } from '#schemas/values.ts';
import { alarmAt } from './alarm.ts';
import { Halter } from './halt.ts';
import { oneStep, type Prepared, prepareSteps, type StepsOrder } from './start-step.ts';
import type { World } from './world.ts';

export interface StepsOutcome {
  readonly result: AttemptResult;
  readonly steps: readonly StepReport[];
  /** How many programs were started, those that were tried again included. */
  readonly turns: number;
}

/** Resolves when no step runs and none can start any more. */
export function walkSteps(world: World, node: StepsOrder): Promise<StepsOutcome> {
  return new StepsWalk(world, node).run();
}

interface Live {
  readonly attempt: number;
  readonly halter: Halter;
  readonly silence: () => void;
}

class StepsWalk {
  readonly #world: World;
  readonly #node: StepsOrder;
  readonly #graph: Graph;
  readonly #prepared: Prepared;
  readonly #steps: ReadonlyMap<string, PlanNode>;
  readonly #outputs = new Map<string, Outputs>();
  readonly #reports = new Map<string, StepReport>();
  readonly #live = new Map<string, Live>();
  readonly #ended = Promise.withResolvers<void>();
  #state: State;
  #events: WalkEvent[] = [];
  /** What the attempt comes to when it does not complete: the first that went wrong. */
  #decided: AttemptResult | undefined;
  #turns = 0;
  #cancelAlarm: () => void = () => {};
  #soon: NodeJS.Immediate | undefined;

  constructor(world: World, node: StepsOrder) {
    this.#world = world;
    this.#node = node;
    const { plan } = node.work;
    this.#graph = link(skeleton(plan));
    this.#state = initialState(this.#graph, {});
    this.#steps = new Map(plan.nodes.map((step) => [step.id, step]));
    this.#prepared = prepareSteps(world, node, this.#outputs);
  }

  async run(): Promise<StepsOutcome> {
    const silence = this.#node.halter.listen((halt) => {
      this.#decided ??= { result: halt.kind, message: halt.message };
      this.#tell({ event: 'wanted', wanted: 'cancel' });
    });
    this.#go();
    await this.#ended.promise;
    silence();
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
    oneStep(this.#world, this.#node, this.#prepared, turn).then(
      ({ result, report }) => this.#end(step, result, report),
      (error: unknown) => this.#ended.reject(error),
    );
  }

  #end(step: PlanNode, result: AttemptResult, report: StepReport): void {
    const live = this.#live.get(step.id);
    live?.silence();
    this.#live.delete(step.id);
    this.#reports.set(step.id, report);
    if (result.result === 'completed') this.#outputs.set(step.id, result.outputs);
    this.#events.push({
      event: 'outcome',
      node: step.id,
      attempt: live?.attempt ?? 1,
      result,
    });
    this.#walk();
    // A failure that is tried again decides nothing.
    if (result.result !== 'completed' && !this.#isRetrying(step.id)) this.#decided ??= result;
    this.#finishIfEnded();
  }

  #isRetrying(id: string): boolean {
    return this.#live.has(id) || nodeView(this.#graph, this.#state, id).status === 'retrying';
  }

  #outcome(): StepsOutcome {
    const plan = this.#node.work.plan.nodes;
    const steps = plan.map((step): StepReport => this.#reports.get(step.id) ?? notRun(step));
    let joined: Outputs = {};
    // In the order of the plan, whatever ended first.
    for (const { id } of plan) joined = { ...joined, ...this.#outputs.get(id) };
    const end = view(this.#graph, this.#state).end;
    const result: AttemptResult =
      end === 'completed'
        ? { result: 'completed', outputs: joined }
        : (this.#decided ?? { result: 'cancelled' });
    return { result, steps, turns: this.#turns };
  }
}

function notRun(step: PlanNode): StepReport {
  return {
    id: step.id,
    ...(step.label === undefined ? {} : { label: step.label }),
    status: 'skipped',
  };
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
