// Walks a state machine written in JSONata, by the rules of the Amazon States Language that ours uses. What tasks do is told by the test;
// `$states` and variables are bound as Step Functions binds them.
import jsonata from 'jsonata';
import * as z from 'zod';

const assignments = z.record(z.string(), z.unknown());
const names = z.array(z.string());
const step = {
  Assign: assignments.optional(),
  Output: z.unknown().optional(),
};
const retrier = z.object({ ErrorEquals: names, MaxAttempts: z.number() });
const catcher = z.object({ ErrorEquals: names, Next: z.string(), ...step });
const task = z.object({
  Type: z.literal('Task'),
  Resource: z.string(),
  Arguments: z.unknown(),
  TimeoutSeconds: z.number(),
  Retry: z.array(retrier),
  Catch: z.array(catcher),
  Next: z.string(),
  ...step,
});
const state = z.discriminatedUnion('Type', [
  z.object({ Type: z.literal('Pass'), Next: z.string(), ...step }),
  task,
  z.object({
    Type: z.literal('Choice'),
    Choices: z.array(z.object({ Condition: z.string(), Next: z.string() })),
    Default: z.string(),
  }),
  z.object({ Type: z.literal('Succeed') }),
  z.object({ Type: z.literal('Fail'), Error: z.string(), Cause: z.string() }),
]);
const machine = z.object({
  QueryLanguage: z.literal('JSONata'),
  StartAt: z.string(),
  States: z.record(z.string(), state),
});
type Task = z.infer<typeof task>;

export class TaskError extends Error {
  readonly error: string;
  constructor(error: string, cause = '') {
    super(cause);
    this.error = error;
  }
}

/** What a task is asked for; answers its result or throws a TaskError. */
export type Perform = (resource: string, given: unknown) => unknown;

export interface Ending {
  readonly status: 'SUCCEEDED' | 'FAILED';
  readonly error?: string;
  readonly cause?: string;
  /** States entered and retries: what is paid for. */
  readonly transitions: number;
  readonly entered: readonly string[];
}

type Bindings = { states: Record<string, unknown>; variables: Record<string, unknown> };

const compiled = new Map<string, ReturnType<typeof jsonata>>();

function compile(text: string): ReturnType<typeof jsonata> {
  const known = compiled.get(text) ?? jsonata(text);
  compiled.set(text, known);
  return known;
}

async function evaluate(value: unknown, { states, variables }: Bindings): Promise<unknown> {
  if (typeof value === 'string') {
    const match = /^\{%(.*)%\}$/s.exec(value);
    if (match === null) return value;
    const result: unknown = await compile(match[1] ?? '').evaluate({}, { states, ...variables });
    // Step Functions fails a state whose expression comes to nothing.
    if (result === undefined) throw new TaskError('States.QueryEvaluationError', value);
    return structuredClone(result);
  }
  if (Array.isArray(value))
    return await Promise.all(
      value.map(async (each) => await evaluate(each, { states, variables })),
    );
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(
    async ([name, each]) => [name, await evaluate(each, { states, variables })] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

const matches = (wanted: readonly string[], error: string): boolean =>
  wanted.includes(error) || wanted.includes('States.ALL');

export async function execute(
  definition: string,
  input: unknown,
  perform: Perform,
): Promise<Ending> {
  const { States, StartAt } = machine.parse(JSON.parse(definition));
  const variables: Record<string, unknown> = {};
  const entered: string[] = [];
  let retries = 0;
  const context: Record<string, unknown> = {
    StateMachine: { Id: 'arn:aws:states:us-east-1:000000000000:stateMachine:walker' },
    Execution: { Id: 'arn:aws:states:us-east-1:000000000000:execution:walker:one' },
  };

  /** All expressions of an assignment see the variables as they were. */
  const leave = async (
    { Assign, Output }: { Assign?: Record<string, unknown> | undefined; Output?: unknown },
    states: Record<string, unknown>,
    otherwise: unknown,
  ): Promise<unknown> => {
    const bindings = { states, variables: { ...variables } };
    const output = Output === undefined ? otherwise : await evaluate(Output, bindings);
    Object.assign(variables, await evaluate(Assign ?? {}, bindings));
    return output;
  };

  const attempt = async (doing: Task, at: unknown): Promise<{ next: string; output: unknown }> => {
    const tries = doing.Retry.map(() => 0);
    for (let count = 0; ; count++) {
      const now = { ...context, State: { RetryCount: count }, Task: { Token: `token-${count}` } };
      const states = { input: at, context: now };
      try {
        const given = await evaluate(doing.Arguments, { states, variables });
        const result = perform(doing.Resource, given);
        const output = await leave(doing, { ...states, result }, result);
        return { next: doing.Next, output };
      } catch (problem) {
        if (!(problem instanceof TaskError)) throw problem;
        const { error, message: Cause } = problem;
        const which = doing.Retry.findIndex((each) => matches(each.ErrorEquals, error));
        const used = tries[which] ?? 0;
        if (used < (doing.Retry[which]?.MaxAttempts ?? 0)) {
          tries[which] = used + 1;
          retries += 1;
          continue;
        }
        const found = doing.Catch.find((each) => matches(each.ErrorEquals, error));
        if (found === undefined) throw problem;
        const errorOutput = { Error: error, Cause };
        return { next: found.Next, output: await leave(found, { ...states, errorOutput }, at) };
      }
    }
  };

  let name = StartAt;
  let at: unknown = input;
  const ending = (rest: Omit<Ending, 'transitions' | 'entered'>): Ending => ({
    ...rest,
    // The start of an execution is one, too.
    transitions: entered.length + retries + 1,
    entered,
  });
  for (;;) {
    entered.push(name);
    const here = state.parse(States[name]);
    const states = { input: at, context };
    switch (here.Type) {
      case 'Pass':
        at = await leave(here, states, at);
        name = here.Next;
        break;
      case 'Task': {
        const { next, output } = await attempt(here, at);
        at = output;
        name = next;
        break;
      }
      case 'Choice': {
        const { Choices, Default } = here;
        name = Default;
        for (const choice of Choices)
          if ((await evaluate(choice.Condition, { states, variables })) === true) {
            name = choice.Next;
            break;
          }
        break;
      }
      case 'Succeed':
        return ending({ status: 'SUCCEEDED' });
      case 'Fail': {
        const bindings = { states, variables };
        const [error, cause] = await Promise.all([
          evaluate(here.Error, bindings),
          evaluate(here.Cause, bindings),
        ]);
        return ending({ status: 'FAILED', error: String(error), cause: String(cause) });
      }
      // no default
    }
  }
}
