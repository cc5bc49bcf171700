// Standard input, whole or as one hidden line.
import { Rejected } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { Context } from './context.ts';

export async function readAll(
  { host }: Context,
  most: number = limits.sourceBytes,
): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of host.stdin) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > most) throw new Rejected('too_large', `standard input is larger than ${most} bytes`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/** One line that the terminal does not show. Undefined when the person gave up with Ctrl-C or Ctrl-D. */
export async function readHidden({ host }: Context, prompt: string): Promise<string | undefined> {
  const { stdin, stderr } = host;
  // Before it asks: what is typed early must not be shown either.
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  stderr.write(prompt);
  let line = '';
  try {
    for await (const chunk of stdin) {
      for (const character of String(chunk)) {
        if (character === '\u0003' || character === '\u0004') return undefined;
        if (character === '\r' || character === '\n') return line;
        line = character === '\u007f' || character === '\b' ? line.slice(0, -1) : line + character;
      }
    }
    return line;
  } finally {
    stdin.setRawMode(false);
    stderr.write('\n');
  }
}
