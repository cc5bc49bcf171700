// The lines of a spool file.
import { type SpoolLine, spoolLine } from '#schemas/runner-files.ts';

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
