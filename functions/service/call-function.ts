// Has a function do the work of a node where functions are called by a service: what it is called with, and what comes of it.
import { keptKeys } from '#core/attempt-names.ts';
import { digester } from '#core/digest.ts';
import { bytes, MalformedOutputs, OutputsTooLarge, StepFailure } from '#core/failures.ts';
import { namedOutputs } from '#core/function-output.ts';
import { plainInputs, type Rendering, renderConfig, renderInputs } from '#core/rendering.ts';
import { Defect, Rejected } from '#errors/families.ts';
import type { NodeFunctions } from '#ports/machines.ts';
import type { FunctionCall } from '#schemas/function-call.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { FunctionRecord } from '#schemas/outcome-event.ts';
import type { Reason } from '#schemas/reasons.ts';
import type { AttemptResult } from '#schemas/run.ts';
import type { Submission } from '#schemas/submission.ts';
import type { Json, Outputs } from '#schemas/values.ts';
import { type AttemptName, type WorkOrder, workOrder } from '#schemas/work-order.ts';
import type { AttemptTokens } from './attempt-token.ts';
import { claimAttempt, FUNCTION_CALL, firstBeat } from './keep-report.ts';
import { keptBeside } from './kept-beside.ts';
import { reportAttempt } from './report-attempt.ts';
import type { Service } from './service.ts';

export interface Caller {
  readonly service: Service;
  readonly functions: NodeFunctions;
  readonly tokens: Pick<AttemptTokens, 'issue'>;
  /** Where a function may speak for its attempt. */
  readonly attemptsUrl: string;
}

type FunctionWork = Extract<WorkOrder['work'], { kind: 'function' }>;

const encoder = new TextEncoder();
const NO_STEPS: Rendering['steps'] = new Map();

/**
 * Begins the call. Its job is named by the message, so that the message may come twice; the function is told a key by which it can
 * tell that it was called before.
 *
 * @throws Transient where it may go well later
 */
export async function callFunction(
  caller: Caller,
  submission: Submission,
  { id, until }: { readonly id: string; readonly until: number },
): Promise<'called' | 'over' | 'refused'> {
  const { service, functions, tokens, attemptsUrl } = caller;
  const order = await orderOf(service, submission);
  const { name } = order;
  const job = FUNCTION_CALL + id;
  // Nothing is heard of it while it works: its lease ends when the service would have ended it. A message that comes again begins
  // another call, and with it the lease.
  const beatAt = firstBeat(job, service.clock.now());
  if (!(await claimAttempt(service, job, name, { beat: 0, beatAt }))) return 'over';
  try {
    const work = workOf(order);
    const given = await givenTo(service, name.namespace, work);
    const call: FunctionCall = {
      ...{ v: FORMAT, namespace: name.namespace, run: name.run, node: order.node },
      ...{ address: name.address, attempt: name.attempt },
      ...(order.instance === undefined ? {} : { instance: order.instance }),
      ...given,
      idempotencyKey: `${name.run}/${name.address}/${name.attempt}`,
      runner: { url: attemptsUrl, token: await tokens.issue(name, until), job },
    };
    demandSmall(call);
    await functions.call(work.name, call);
    return 'called';
  } catch (error) {
    const result = whyNotCalled(error);
    if (result === undefined) throw error;
    await reportAttempt(service, { job, name, report: { result, endedAt: service.clock.now() } });
    return 'refused';
  }
}

async function orderOf(service: Service, { orders }: Submission): Promise<WorkOrder> {
  if ('order' in orders) return orders.order;
  const content = await service.objects.get(orders.key);
  if (content === undefined) throw new Defect(`the order ${orders.key} is gone`);
  const [line = ''] = new TextDecoder().decode(content).split('\n', 1);
  return workOrder.parse(JSON.parse(line));
}

function workOf({ work, node }: WorkOrder): FunctionWork {
  if (work.kind !== 'function')
    throw new Defect(`node "${node}" is ${work.kind}: no function does that`);
  if (work.secrets.length === 0) return work;
  // What it is called with is kept by the service, and told again with what came of it.
  throw new StepFailure(
    'start_failed',
    `node "${node}" hands secret.${work.secrets[0]} to a function; on AWS a function gets its secrets by itself, with the token of its attempt or with a role of its own`,
  );
}

async function givenTo(
  service: Service,
  namespace: string,
  { inputs: bound, config, scope }: FunctionWork,
): Promise<Pick<FunctionCall, 'input' | 'config'>> {
  const kept = await keptBeside(service, namespace, [scope, bound, config] as unknown as Json);
  const rendering: Rendering = { kept, scope, secrets: {}, steps: NO_STEPS };
  const inputs = renderInputs(bound, rendering);
  return { input: plainInputs(inputs, kept), config: renderConfig(config, rendering, inputs) };
}

function demandSmall(call: FunctionCall): void {
  const size = encoder.encode(JSON.stringify(call)).length;
  if (size <= limits.functionCallBytes) return;
  throw new StepFailure(
    'start_failed',
    `what function of node "${call.node}" is called with takes ${bytes(size)}; at most ${bytes(limits.functionCallBytes)} can be. Hand large data over as a file`,
  );
}

/** Undefined where nobody knows whether the next try would go better. */
function whyNotCalled(error: unknown): AttemptResult | undefined {
  if (error instanceof StepFailure) return failed(error.reason, error.message);
  return error instanceof Rejected ? failed('start_failed', error.message) : undefined;
}

const failed = (reason: Reason, message: string): AttemptResult => ({
  ...{ result: 'failed', reason, message: message.slice(0, limits.messageLength) },
});

/**
 * Takes in what came of a call. Doubled, late and in any order it comes to the same: only the call that holds the claim counts.
 *
 * @param tokens tell by the token that the call was given which attempt it was made for, whoever tells of it
 */
export async function endCall(
  service: Service,
  tokens: Pick<AttemptTokens, 'verify'>,
  record: FunctionRecord,
): Promise<'told' | 'ignored'> {
  const { job, token } = record.requestPayload.runner;
  const { namespace, run, address, attempt, instances } = await tokens.verify(token);
  if (instances !== undefined || !job.startsWith(FUNCTION_CALL)) return 'ignored';
  const name: AttemptName = { namespace, run, address, attempt };
  const result = await resultOf(service, name, record);
  const report = { result, endedAt: service.clock.now() };
  const told = await reportAttempt(service, { job, name, report });
  return told === 'ignored' ? 'ignored' : 'told';
}

async function resultOf(
  service: Service,
  name: AttemptName,
  record: FunctionRecord,
): Promise<AttemptResult> {
  const { requestContext, responseContext, responsePayload } = record;
  const isError = typeof responseContext?.functionError === 'string';
  if (isError) return thrown(responsePayload);
  if (requestContext.condition !== 'Success')
    return {
      result: 'interrupted',
      message: `the function was not begun (${requestContext.condition})`,
    };
  try {
    const outputs = await keepOutputs(service, name, namedOutputs(responsePayload));
    return { result: 'completed', outputs };
  } catch (error) {
    if (error instanceof MalformedOutputs) return failed('malformed_outputs', error.message);
    if (error instanceof OutputsTooLarge) return failed('outputs_too_large', error.message);
    throw error;
  }
}

/** What the service tells of an error: `{ errorType, errorMessage }`. */
function thrown(payload: Json | undefined): AttemptResult {
  const member = (name: string): string => {
    const found =
      payload !== null && typeof payload === 'object' && Object.hasOwn(payload, name)
        ? (payload as { readonly [name: string]: Json })[name]
        : undefined;
    return typeof found === 'string' ? found : '';
  };
  const type = member('errorType');
  const message = member('errorMessage') || type || 'the function failed and did not say why';
  if (type === 'Sandbox.Timedout' || /Task timed out after [\d.]+ seconds/.test(message))
    return { result: 'timed_out', message: message.slice(0, limits.messageLength) };
  return failed('function_failed', message);
}

/** Values over the bound become objects, as those of a runner do. */
async function keepOutputs(
  service: Service,
  name: AttemptName,
  returned: ReadonlyMap<string, Json>,
): Promise<Outputs> {
  const kept: Record<string, Json> = {};
  for (const [output, value] of returned)
    kept[output] = await keepLarge(service, name, [output, value]);
  const size = encoder.encode(JSON.stringify(kept)).length;
  if (size > limits.outputsBytes)
    throw new OutputsTooLarge(
      `the outputs take ${bytes(size)}; at most ${bytes(limits.outputsBytes)} are allowed. Write large data to a store, and return where it is`,
    );
  return kept;
}

async function keepLarge(
  { objects }: Service,
  name: AttemptName,
  [output, value]: readonly [string, Json],
): Promise<Json> {
  const content = encoder.encode(JSON.stringify(value));
  if (content.length <= limits.inlineValueBytes) return value;
  const digest = digester();
  digest.add(output);
  const key = `${keptKeys(name).values}/${digest.hex().slice(0, 32)}.json`;
  const { size, sha256 } = await objects.put(key, content, { mediaType: 'application/json' });
  const reference = { key, size, sha256, mediaType: 'application/json' };
  return { $ref: Array.isArray(value) ? { ...reference, count: value.length } : reference };
}
