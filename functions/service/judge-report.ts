// Judges what a job reports, before any of it is kept: outputs that no runner would report fail the node and say why.
import { keptKeys } from '#core/attempt-names.ts';
import { Rejected } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { AttemptReport, AttemptResult } from '#schemas/run.ts';
import { fileValue, type Json, type Outputs, refValue } from '#schemas/values.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { inParallel } from './in-parallel.ts';
import type { Service } from './service.ts';

const FORBIDDEN: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
const DEPTH = 70;

type Reason = 'malformed_outputs' | 'outputs_too_large';

/** An object that outputs name. */
interface Named {
  readonly output: string;
  readonly key: string;
  readonly size: number;
  readonly sha256: string;
}

class Refused {
  readonly reason: Reason;
  readonly message: string;
  constructor(reason: Reason, message: string) {
    this.reason = reason;
    this.message = message;
  }
}

/**
 * The report as it may be kept. Bad outputs become the failure of the attempt; times that have not come yet become now.
 * Rejects with `invalid` what a job cannot report at all: a decision, or a result that was taken over.
 */
export async function judgeReport(
  service: Service,
  name: AttemptName,
  report: AttemptReport,
): Promise<AttemptReport> {
  if (report.decision !== undefined || report.reused !== undefined)
    throw new Rejected('invalid', `the report of ${name.address}: no job decides or takes over`);
  const { result, ...rest } = report;
  const now = service.clock.now();
  const { startedAt } = report;
  return {
    ...rest,
    result: await judgeResult(service, name, result),
    endedAt: Math.min(report.endedAt, now),
    ...(startedAt === undefined ? {} : { startedAt: Math.min(startedAt, now) }),
  };
}

async function judgeResult(
  service: Service,
  name: AttemptName,
  result: AttemptResult,
): Promise<AttemptResult> {
  if (result.result !== 'completed') {
    const { message } = result;
    return message === undefined
      ? result
      : { ...result, message: message.slice(0, limits.messageLength) };
  }
  const refused = await refusalOf(service, name, result.outputs);
  if (refused === undefined) return result;
  const { reason, message } = refused;
  return { result: 'failed', reason, message: message.slice(0, limits.messageLength) };
}

async function refusalOf(
  service: Service,
  name: AttemptName,
  outputs: Outputs,
): Promise<Refused | undefined> {
  const named: Named[] = [];
  const shape = sizeRefusal(outputs) ?? shapeRefusal(name, outputs, named);
  if (shape !== undefined) return shape;
  const absent = await inParallel(named, limits.callsAtOnce, async (each) => {
    const info = await service.objects.info(each.key);
    const same = info?.sha256 === each.sha256 && info.size === each.size;
    return same ? undefined : each.output;
  });
  const output = absent.find((each) => each !== undefined);
  return output === undefined
    ? undefined
    : new Refused(
        'malformed_outputs',
        `output "${output}" names a file or value that was not handed over`,
      );
}

function sizeRefusal(outputs: Outputs): Refused | undefined {
  const count = Object.keys(outputs).length;
  if (count > limits.outputsCount)
    return new Refused(
      'outputs_too_large',
      `${count} outputs; at most ${limits.outputsCount} are allowed`,
    );
  let sum = 0;
  for (const [output, value] of Object.entries(outputs)) {
    const size = bytesOf(value);
    sum += size;
    if (size > limits.inlineValueBytes)
      return new Refused(
        'outputs_too_large',
        `output "${output}" has ${size} bytes; over ${limits.inlineValueBytes} a value is kept by reference`,
      );
  }
  return sum > limits.outputsBytes
    ? new Refused(
        'outputs_too_large',
        `the outputs take ${sum} bytes; at most ${limits.outputsBytes} are allowed`,
      )
    : undefined;
}

const bytesOf = (value: Json): number => new TextEncoder().encode(JSON.stringify(value)).length;

/** Files and values of this very attempt go into `named`. */
function shapeRefusal(name: AttemptName, outputs: Outputs, named: Named[]): Refused | undefined {
  const own = keptKeys(name);
  const visit = (output: string, value: Json, depth: number): string | undefined => {
    if (depth > DEPTH) return 'is nested too deeply';
    if (value === null || typeof value !== 'object') return undefined;
    if (Object.hasOwn(value, '$file') || Object.hasOwn(value, '$ref'))
      return referenceProblem(output, value, { own, named });
    for (const [member, inner] of Object.entries(value)) {
      if (FORBIDDEN.has(member)) return `has a member ${member}, which is not allowed`;
      const problem = visit(output, inner as Json, depth + 1);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };
  for (const [output, value] of Object.entries(outputs)) {
    const isName = output !== '' && output.length <= limits.idLength && !FORBIDDEN.has(output);
    const problem = isName ? visit(output, value, 0) : 'has a name that is not allowed';
    if (problem !== undefined)
      return new Refused(
        'malformed_outputs',
        `output "${output.slice(0, limits.idLength)}" ${problem}`,
      );
  }
  if (named.length > limits.artifactFiles)
    return new Refused(
      'outputs_too_large',
      `more than ${limits.artifactFiles} files are handed over`,
    );
  return undefined;
}

function referenceProblem(
  output: string,
  value: Json,
  { own, named }: { own: ReturnType<typeof keptKeys>; named: Named[] },
): string | undefined {
  const file = fileValue.safeParse(value).data?.$file;
  const ref = refValue.safeParse(value).data?.$ref;
  const found = file ?? ref;
  if (found?.key === undefined || file?.path !== undefined)
    return 'holds what is no file and no value by reference';
  const home = file === undefined ? own.values : own.artifacts;
  if (!found.key.startsWith(`${home}/`)) return `names ${found.key}, which is not of this attempt`;
  named.push({ output, key: found.key, size: found.size, sha256: found.sha256 });
  return undefined;
}
