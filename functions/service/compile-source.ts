// Compiles the text of a pipeline with what comes along with it and what is stored.
import type { LookUp } from '#core/compile/link-pipelines.ts';
import { HasProblems, Rejected } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { Plan } from '#schemas/plan.ts';
import type { Problem } from '#schemas/problems.ts';
import type { Source } from './control.ts';
import type { CompiledPipeline } from './pipeline-files.ts';
import { filesOf } from './source-files.ts';
import { lookUpStored, type Shelf } from './stored-pipelines.ts';

/** What a pipeline is called whose name nobody said. */
const UNNAMED = 'pipeline.yaml';

/** Compiles a text with the files that come along, and the stored pipelines that it names. */
export async function compileSource(shelf: Shelf, source: Source): Promise<CompiledPipeline> {
  const { name = UNNAMED, files = {} } = source;
  // Taken when it is needed: most of what a server is asked needs no compiler, and should not wait for one to be loaded.
  const { compileFiles } = await import('./pipeline-files.ts');
  const tree = filesOf(files);
  const main = {
    file: tree.path.resolve('/', name),
    bytes: new TextEncoder().encode(source.source),
  };
  const stored = new Map<string, LookUp | undefined>();
  // Compiling cannot wait for a store: what it asks for is looked up, and it is compiled again.
  for (let round = 0; round <= limits.subPipelines; round += 1) {
    const missing = new Set<string>();
    const compiled = compileFiles(tree, main, {
      stored: (id) => {
        if (!stored.has(id)) missing.add(id);
        return stored.get(id);
      },
    });
    if (missing.size === 0) return compiled;
    for (const id of missing) stored.set(id, await lookUpStored(shelf, id));
  }
  throw new Rejected('too_large', `${name} names more than ${limits.subPipelines} pipelines`);
}

/** The plans of what compiled; rejects with HasProblems where it does not. */
export async function compiledOf(
  shelf: Shelf,
  source: Source,
): Promise<{ plan: Plan; depth: number; below: readonly Plan[]; warnings: readonly Problem[] }> {
  const compiled = await compileSource(shelf, source);
  if (!compiled.ok) throw new HasProblems(compiled.problems);
  const [plan, ...below] = plansOf(compiled);
  return { plan, below, depth: compiled.main.compiled.depth, warnings: compiled.warnings };
}

export const plansOf = ({
  main,
  files,
}: Extract<CompiledPipeline, { ok: true }>): readonly [Plan, ...Plan[]] => [
  main.compiled.plan,
  ...[...files.values()].map(({ compiled }) => compiled.plan),
];
