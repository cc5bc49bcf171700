// The lines of a spool file.
import * as z from 'zod';
import { attemptReport } from '#schemas/run.ts';
import { attemptName } from '#schemas/work-order.ts';
import { processMark } from './processes.ts';

const spooledReport = z.strictObject({
  number: z.int().positive(),
  name: attemptName,
  report: attemptReport,
});
export type SpooledReport = z.infer<typeof spooledReport>;

const spoolLine = z.discriminatedUnion('line', [
  z.strictObject({ line: z.literal('runner'), v: z.int(), job: z.string(), mark: processMark }),
  z.strictObject({ line: z.literal('spawned'), name: attemptName, mark: processMark }),
  z.strictObject({ line: z.literal('report'), ...spooledReport.shape }),
  z.strictObject({ line: z.literal('acknowledged'), upTo: z.int() }),
]);
export type SpoolLine = z.infer<typeof spoolLine>;

/** Whole lines only: the last one may have been cut by the end of the process. */
export function linesOf(text: string): SpoolLine[] {
  const lines: SpoolLine[] = [];
  for (const part of text.split('\n')) {
    const parsed = part === '' ? undefined : spoolLine.safeParse(parseJson(part));
    if (parsed?.success === true) lines.push(parsed.data);
  }
  return lines;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function encode(entry: SpoolLine): string {
  return `${JSON.stringify(entry)}\n`;
}
