// Pipelines that run each other, compiled from texts by file name, without files.

import { type Compiled, compile, type Refused } from '#core/compile/compile.ts';
import type { FindPipeline, LookUp } from '#core/compile/link-pipelines.ts';
import { message } from '#core/messages.ts';
import { Defect } from '#errors/families.ts';
import type { Plan } from '#schemas/plan.ts';
import type { Json } from '#schemas/values.ts';

export type Texts = { readonly [file: string]: string };

/** Compiles a file with all that it runs. Files name each other as they are called here: `child.yaml`. */
export function compileTexts(
  texts: Texts,
  main: string,
  seen: Map<string, Plan> = new Map(),
): Compiled | Refused {
  const find: FindPipeline = (reference): LookUp => {
    const file = 'file' in reference ? reference.file.replace(/^\.\//, '') : `${reference.id}.yaml`;
    if (texts[file] === undefined)
      return { is: 'missing', said: message('unknown_pipeline', 'absent') };
    const compiled = compileTexts(texts, file, seen);
    if (!compiled.ok) return { is: 'refused', problems: compiled.problems };
    seen.set(compiled.digest, compiled.plan);
    const { plan, digest, depth } = compiled;
    return { is: 'found', plan, digest, file, depth };
  };
  return compile({ text: texts[main] ?? '', file: main }, { subPipeline: find });
}

/** What a run of `main` is started with. */
export function requestOf(texts: Texts, main = 'main.yaml'): { plan: Json; plans: Json[] } {
  const seen = new Map<string, Plan>();
  const compiled = compileTexts(texts, main, seen);
  if (!compiled.ok) throw new Defect(compiled.problems.map(({ message }) => message).join('\n'));
  return { plan: compiled.plan as Json, plans: [...seen.values()] as Json[] };
}
