import { decode, encode, utf8Of, withoutFinalNewline } from '../codec.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { readAll } from '../read-stdin.ts';

export async function encodeText(context: Context, text: string | undefined): Promise<ExitCode> {
  const given = text ?? withoutFinalNewline(await standardInput(context));
  if (context.json) context.sayJson({ encoded: encode(given) });
  else context.say(encode(given));
  return EXIT.done;
}

/** In a terminal a line ends; elsewhere nothing is added to what was encoded. */
export async function decodeText(context: Context, text: string | undefined): Promise<ExitCode> {
  const given = text ?? withoutFinalNewline(await standardInput(context));
  if (context.json) {
    context.sayJson({ decoded: decode(given) });
    return EXIT.done;
  }
  const { stdout } = context.host;
  stdout.write(decode(given) + (stdout.isTerminal ? '\n' : ''));
  return EXIT.done;
}

async function standardInput(context: Context): Promise<string> {
  return utf8Of(await readAll(context), 'standard input is no UTF-8 text');
}
