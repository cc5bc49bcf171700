// A pipeline file, compiled: its plan, or all that is wrong with it.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { compile } from '#core/compile/compile.ts';
import { decodeSource } from '#core/compile/decode.ts';
import type { Plan } from '#schemas/plan.ts';
import type { Problem } from '#schemas/problems.ts';

export type Compiled =
  | {
      readonly ok: true;
      readonly plan: Plan;
      readonly digest: string;
      readonly problems: readonly Problem[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Problems of a file that compiles are warnings. */
export async function compileFile(cwd: string, file: string): Promise<Compiled> {
  const decoded = decodeSource(await readFile(path.resolve(cwd, file)));
  if (!decoded.ok) return { ok: false, problems: decoded.problems };
  const compiled = compile({ text: decoded.text, file });
  if (!compiled.ok) return { ok: false, problems: compiled.problems };
  const { plan, digest, warnings } = compiled;
  return { ok: true, plan, digest, problems: warnings };
}
