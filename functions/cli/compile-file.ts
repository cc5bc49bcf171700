// A pipeline file, compiled with all that it runs: its plan, or all that is wrong.
import type { Decoded } from '#core/layers/decode.ts';
import { compilePipeline } from '#local/pipeline-files.ts';
import type { Plan } from '#schemas/plan.ts';
import type { Problem } from '#schemas/problems.ts';

interface FilePlan {
  readonly plan: Plan;
  readonly file: string;
  readonly decoded: Decoded;
}

export type Compiled =
  | {
      readonly ok: true;
      readonly plan: Plan;
      /** Absolute; of several that are one configuration the first. */
      readonly file: string;
      /** Plans of the pipelines that its nodes run, and of those that these run, each with its file. */
      readonly below: readonly FilePlan[];
      /** What its configuration holds encoded. */
      readonly decoded: Decoded;
      readonly digest: string;
      readonly problems: readonly Problem[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Problems of files that compile are warnings. */
export async function compileFile(cwd: string, file: string): Promise<Compiled> {
  const compiled = compilePipeline(file, { cwd });
  if (!compiled.ok) return { ok: false, problems: compiled.problems };
  const { plan, digest, decoded } = compiled.main.compiled;
  const below = [...compiled.files.values()].map((each) => ({
    plan: each.compiled.plan,
    file: each.file,
    decoded: each.compiled.decoded,
  }));
  return {
    ok: true,
    plan,
    file: compiled.main.file,
    below,
    decoded,
    digest,
    problems: compiled.warnings,
  };
}
