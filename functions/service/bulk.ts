// What is too much of a report to lie in the table: outputs and steps beyond a bound are an object of their own, unseen by the user.
// It is named by what it holds, so whoever keeps it again keeps the same; jobs cannot read it.
import { digester } from '#core/digest.ts';
import { Defect } from '#errors/families.ts';
import type { Item } from '#ports/table.ts';
import { limits } from '#schemas/limits.ts';
import { type AttemptItem, type AttemptReport, attemptItem, reportBulk } from '#schemas/run.ts';
import type { RunRef } from './keys.ts';
import type { Service } from './service.ts';

/** A report as it is kept: `bulk` is the key of what was taken out of it. */
export interface KeptReport {
  readonly report: AttemptReport;
  readonly bulk?: string;
}

/** Takes out what is too much, and makes it durable. A report below the bound stays as it is. */
export async function keepBulk(
  service: Service,
  ref: RunRef,
  whole: AttemptReport,
): Promise<KeptReport> {
  const { steps, result, ...rest } = whole;
  const outputs = result.result === 'completed' ? { outputs: result.outputs } : {};
  const text = JSON.stringify({ ...outputs, ...(steps === undefined ? {} : { steps }) });
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= limits.attemptBytes) return { report: whole };
  const digest = digester();
  digest.add(text);
  const bulk = `NS/${ref.namespace}/reports/${ref.run}/${digest.hex()}.json`;
  await service.objects.put(bulk, bytes, { mediaType: 'application/json' });
  return { report: { ...rest, result: withoutOutputs(result) }, bulk };
}

/** The same result with nothing in it. */
export const withoutOutputs = (result: AttemptReport['result']): AttemptReport['result'] =>
  result.result === 'completed' ? { ...result, outputs: {} } : result;

/** What an item of the table says of an attempt, without what lies elsewhere. */
export function attemptOf(item: Item): AttemptItem {
  const { attempt, notice, parts } = item;
  const beside = {
    ...(notice === undefined ? {} : { notice }),
    ...(parts === undefined ? {} : { parts }),
  };
  return attemptItem.parse({ ...(attempt as object), ...beside });
}

/** All that an item says of an attempt. */
export async function wholeAttempt(service: Service, item: Item): Promise<AttemptItem> {
  const attempt = attemptOf(item);
  const { bulk } = item;
  if (typeof bulk !== 'string' || attempt.report === undefined) return attempt;
  const bytes = await service.objects.get(bulk);
  if (bytes === undefined)
    throw new Defect(`what attempt ${attempt.attempt} of ${attempt.address} gave is gone: ${bulk}`);
  const { outputs, steps } = reportBulk.parse(JSON.parse(new TextDecoder().decode(bytes)));
  const { result } = attempt.report;
  const report: AttemptReport = {
    ...attempt.report,
    result:
      result.result === 'completed' && outputs !== undefined ? { ...result, outputs } : result,
    ...(steps === undefined ? {} : { steps }),
  };
  return { ...attempt, report };
}
