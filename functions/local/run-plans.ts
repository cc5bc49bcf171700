// The plans of a run as they are stored: folders in the place of operators that are worked on, files of this machine where sub-pipelines
// are given files by name. A plan that changes has another digest, which is named in the plans above it.
import { dirname, resolve } from 'node:path';
import { canonical, digestOf } from '#core/compile/canonical.ts';
import { spellingsOf } from '#core/compile/operator.ts';
import type { Decoded } from '#core/layers/decode.ts';
import { message, problemOf } from '#core/messages.ts';
import type { OperatorSource, Plan, PlanNode } from '#schemas/plan.ts';
import type { Problem } from '#schemas/problems.ts';
import type { Json } from '#schemas/values.ts';
import type { CompiledFile, CompiledPipeline } from '#service/pipeline-files.ts';
import { subFile } from './pipeline-files.ts';
import { type FileAt, fileAt } from './run-inputs.ts';

/** A plan and the file that it was written in. */
export interface FilePlan {
  readonly plan: Plan;
  readonly digest: string;
  /** Absolute. */
  readonly file: string;
  /** What its configuration holds encoded. */
  readonly decoded?: Decoded;
  /** What it says beside the plan. */
  readonly settings?: CompiledFile['compiled']['settings'];
  /** Its operators, as the nodes that prepare them are ordered. */
  readonly operators?: CompiledFile['compiled']['operators'];
}

export interface RunPlans {
  readonly main: FilePlan;
  /** Of the pipelines below, each file once. */
  readonly below: readonly FilePlan[];
  readonly problems: readonly Problem[];
}

type Folders = Readonly<Record<string, string>>;

/** The plans of a compiled pipeline with these working trees, bottom up. */
export async function plansOfRun(
  compiled: Extract<CompiledPipeline, { ok: true }>,
  folders: Folders,
  place: FileAt = fileAt,
): Promise<RunPlans> {
  const problems: Problem[] = [];
  const made = new Map<string, FilePlan>();
  const make = async (of: CompiledFile): Promise<FilePlan> => {
    const known = made.get(of.file);
    if (known !== undefined) return known;
    const nodes: PlanNode[] = [];
    const before = withWorkingTrees(of, folders);
    for (const node of before.nodes) {
      const { executor } = node;
      const at = executor.kind === 'pipeline' ? subFile(of.file, executor.file ?? '') : '';
      const below = compiled.files.get(at);
      if (executor.kind !== 'pipeline' || below === undefined) {
        nodes.push(node);
        continue;
      }
      const child = await make(below);
      const given = await fileInputs(executor.inputs ?? {}, { child, parent: of.file, place });
      problems.push(...given.problems);
      const inputs = given.inputs === undefined ? {} : { inputs: given.inputs };
      nodes.push({ ...node, executor: { ...executor, digest: child.digest, ...inputs } });
    }
    const plan = { ...before, nodes };
    const { decoded, settings, operators } = of.compiled;
    const file = {
      plan,
      digest: digestOf(plan),
      file: of.file,
      decoded,
      operators,
      ...(settings === undefined ? {} : { settings }),
    };
    made.set(of.file, file);
    return file;
  };
  const main = await make(compiled.main);
  made.delete(main.file);
  return { main, below: [...made.values()], problems };
}

/** Files that are named by a path: by the parent, relative to its folder, or by a default of the child, relative to that one's. */
async function fileInputs(
  given: Readonly<Record<string, Json>>,
  { child, parent, place }: { child: FilePlan; parent: string; place: FileAt },
): Promise<{ inputs?: Record<string, Json>; problems: readonly Problem[] }> {
  const inputs: Record<string, Json> = { ...given };
  const problems: Problem[] = [];
  for (const [name, input] of Object.entries(child.plan.inputs)) {
    if (input.type !== 'file') continue;
    const own = Object.hasOwn(given, name);
    const written = own ? given[name] : input.default;
    if (typeof written !== 'string' || written.includes('{{')) continue;
    const full = resolve(dirname(own ? parent : child.file), written);
    const file = await place(full);
    if (file === undefined)
      problems.push(
        problemOf(
          message('input_file_missing', 'input', { file: full, name }),
          `pipeline.inputs.${name}`,
        ),
      );
    else inputs[name] = file as Json;
  }
  return { ...(Object.keys(inputs).length === 0 ? {} : { inputs }), problems };
}

/** The plan with folders in the place of the operators that are named. */
function withWorkingTrees({ compiled }: CompiledFile, folders: Folders): Plan {
  const replaced = new Map<string, OperatorSource>();
  for (const operator of compiled.operators) {
    const folder = spellingsOf(operator)
      .map((name) => folders[name])
      .find((each) => each !== undefined);
    if (folder !== undefined)
      replaced.set(canonical({ source: operator.source, environment: operator.environment }), {
        path: resolve(folder),
      });
  }
  return replaced.size === 0 ? compiled.plan : replaceIn(compiled.plan, replaced);
}

function replaceIn(plan: Plan, replaced: ReadonlyMap<string, OperatorSource>): Plan {
  const nodes = plan.nodes.map((node): PlanNode => {
    const { executor } = node;
    if (executor.kind === 'steps')
      return { ...node, executor: { ...executor, plan: replaceIn(executor.plan, replaced) } };
    if (
      (executor.kind !== 'command' && executor.kind !== 'prepare') ||
      executor.operator === undefined
    )
      return node;
    const operator = replaced.get(
      canonical({ source: executor.operator, environment: executor.environment }),
    );
    return operator === undefined ? node : { ...node, executor: { ...executor, operator } };
  });
  return { ...plan, nodes };
}
