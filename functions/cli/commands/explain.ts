import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { reading } from '../reading.ts';
import { renderExplanation } from '../render/explanation.ts';

export async function explain(context: Context, name: string, node: string): Promise<ExitCode> {
  const told = await reading(context, (control) => control.explain(name, node));
  if (context.json) context.sayJson(told);
  else context.say(renderExplanation(told, context.paint));
  return EXIT.done;
}
