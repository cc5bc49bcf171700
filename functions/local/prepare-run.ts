// Prepares a run before it exists: compiles the file, resolves inputs, secrets, tags and room on this machine. What is wrong is
// told all at once, and nothing has happened yet.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { canonical } from '#core/compile/canonical.ts';
import { type Compiled, compile } from '#core/compile/compile.ts';
import { decodeSource } from '#core/compile/decode.ts';
import { type Message, message, problemOf } from '#core/messages.ts';
import { readDataDirectory } from '#embedded/data-directory.ts';
import { createSecrets } from '#embedded/secrets.ts';
import type { OperatorSource, Plan, PlanNode } from '#schemas/plan.ts';
import type { Problem } from '#schemas/problems.ts';
import type { RunStart } from '#schemas/run.ts';
import type { Json } from '#schemas/values.ts';
import type { RunRequest } from '#service/control.ts';
import { type Machine, thisMachine } from './machine.ts';
import { NAMESPACE } from './names.ts';
import { resolveOperators } from './resolve-operators.ts';
import { runInputs } from './run-inputs.ts';
import { cacheDirectory } from './settings.ts';

export interface PrepareOptions {
  readonly file: string;
  /** `key=value` */
  readonly inputs: readonly string[];
  readonly inputsFile?: string;
  /** Working trees in place of operators: operator → folder. */
  readonly with: Readonly<Record<string, string>>;
  readonly allowEnv: readonly string[];
  readonly offline: boolean;
  readonly dataDir: string;
  readonly timeout?: number;
}

export type Prepared =
  | { readonly request: RunRequest; readonly plan: Plan; readonly warnings: readonly Problem[] }
  | { readonly problems: readonly Problem[] };

/** The request for a run of a pipeline file, or every problem that was found. */
export async function prepareRun(options: PrepareOptions): Promise<Prepared> {
  const file = resolve(options.file);
  const decoded = decodeSource(await readFile(file));
  if (!decoded.ok) return { problems: decoded.problems };
  const compiled = compile(
    { text: decoded.text, file: options.file },
    { with: Object.keys(options.with) },
  );
  if (!compiled.ok) return { problems: compiled.problems };
  const folder = dirname(file);
  const plan = withWorkingTrees(compiled, options.with);
  const [inputs, secrets, resolved] = await Promise.all([
    runInputs(plan, options),
    missingSecrets(compiled.secrets, options.dataDir),
    resolveOperators(plan, { folder, offline: options.offline, cacheDir: cacheDirectory() }),
  ]);
  const problems = [
    ...inputs.problems,
    ...missingTrees(options.with),
    ...secrets,
    ...resolved.problems,
    ...whatCannotFit(plan, thisMachine()),
  ];
  if (problems.length > 0) return { problems: [...compiled.warnings, ...problems] };
  const request = requestOf(plan, {
    options,
    file,
    folder,
    inputs: inputs.values,
    sources: resolved.sources,
  });
  return { plan, warnings: [...compiled.warnings, ...resolved.warnings], request };
}

interface Found {
  readonly options: PrepareOptions;
  readonly file: string;
  readonly folder: string;
  readonly inputs: Readonly<Record<string, Json>>;
  readonly sources: RunStart['sources'];
}

function requestOf(plan: Plan, found: Found): RunRequest {
  const { options } = found;
  return {
    plan: plan as Json,
    inputs: found.inputs,
    sources: found.sources,
    folder: found.folder,
    file: found.file,
    ...(options.allowEnv.length === 0 ? {} : { allowEnv: options.allowEnv }),
    ...(options.offline ? { offline: true } : {}),
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
  };
}

/** The plan with folders in the place of the operators that are named. */
function withWorkingTrees(compiled: Compiled, folders: Readonly<Record<string, string>>): Plan {
  const replaced = new Map<string, OperatorSource>();
  for (const operator of compiled.operators) {
    const folder = folders[operator.name];
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

function missingTrees(folders: Readonly<Record<string, string>>): Problem[] {
  return Object.entries(folders)
    .filter(([, folder]) => !existsSync(folder))
    .map(([name, folder]) =>
      problemOf(message('path_missing', 'tree', { folder, name }), `--with ${name}`),
    );
}

async function missingSecrets(names: readonly string[], dataDir: string): Promise<Problem[]> {
  if (names.length === 0) return [];
  const known = new Set(await knownSecrets(dataDir));
  return names
    .filter((name) => !known.has(name))
    .map((name) =>
      problemOf(
        message('secret_missing', 'names', { name }),
        `secret.${name}`,
        `millrace secret set ${name}`,
      ),
    );
}

async function knownSecrets(dataDir: string): Promise<readonly string[]> {
  if (!existsSync(dataDir)) return [];
  const directory = readDataDirectory(dataDir);
  return createSecrets({ file: directory.secrets, keyFile: directory.secretKey }).names(NAMESPACE);
}

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** Nodes that ask for more than this machine has: they would wait for ever. */
export function whatCannotFit(plan: Plan, machine: Machine): Problem[] {
  const problems: Problem[] = [];
  for (const [index, { label, id, resources }] of plan.nodes.entries()) {
    const asks = (said: Message): number =>
      problems.push(problemOf(said, `nodes[${index}].resources`));
    const node = label ?? id;
    const { cpu, memory, gpu } = resources ?? {};
    if (cpu !== undefined && cpu > machine.cpu)
      asks(message('does_not_fit', 'cpu', { node, wanted: cpu, has: machine.cpu }));
    if (memory !== undefined && memory > machine.memory) {
      const filling = { node, wanted: gib(memory), has: gib(machine.memory) };
      asks(message('does_not_fit', 'memory', filling));
    }
    if (gpu !== undefined && gpu > machine.gpu)
      asks(message('does_not_fit', 'gpu', { node, wanted: gpu, has: machine.gpu }));
  }
  return problems;
}
