// Prepares a run before it exists: compiles the file, resolves inputs, secrets, tags and room on this machine. What is wrong is
// told all at once, and nothing has happened yet.
import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Message, message, problemOf } from '#core/messages.ts';
import { readDataDirectory } from '#embedded/data-directory.ts';
import { createSecrets } from '#embedded/secrets.ts';
import type { Plan } from '#schemas/plan.ts';
import type { Problem } from '#schemas/problems.ts';
import type { RunStart } from '#schemas/run-start.ts';
import type { Json } from '#schemas/values.ts';
import type { WorkDir } from '#schemas/work-dir.ts';
import type { RunRequest } from '#service/control.ts';
import type { CompiledPipeline } from '#service/pipeline-files.ts';
import { toldWarnings } from '#service/run-warnings.ts';
import { type Machine, thisMachine } from './machine.ts';
import { missingPackages } from './missing-packages.ts';
import { NAMESPACE } from './names.ts';
import { compilePipeline } from './pipeline-files.ts';
import { operatorsOfPlans } from './resolve-operators.ts';
import { runInputs } from './run-inputs.ts';
import { type FilePlan, plansOfRun, type RunPlans } from './run-plans.ts';
import { logWarnings, workDirsOf } from './work-dir.ts';

export interface PrepareOptions {
  readonly file: string;
  /** `key=value` */
  readonly inputs: readonly string[];
  readonly inputsFile?: string;
  /** Inputs as values, in place of those from elsewhere. */
  readonly values?: Readonly<Record<string, Json>>;
  /** What stands in the file, where it is none on the disk. */
  readonly text?: string;
  /** Working trees in place of operators: operator → folder. */
  readonly with: Readonly<Record<string, string>>;
  readonly allowEnv: readonly string[];
  readonly offline: boolean;
  readonly dataDir: string;
  readonly namespace?: string;
  readonly cacheDir?: string;
  readonly timeout?: number;
  /** Variables that configurations may name; those of this process when nothing is said. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

export type Prepared =
  | {
      readonly request: RunRequest;
      readonly plan: Plan;
      /** Plans of the pipelines that its nodes run, and of those that these run. */
      readonly below?: readonly FilePlan[];
      readonly warnings: readonly Problem[];
    }
  | { readonly problems: readonly Problem[] };

/** The request for a run of a pipeline file, or every problem that was found. */
export async function prepareRun(options: PrepareOptions): Promise<Prepared> {
  const { text, environment } = options;
  const compiled = compilePipeline(options.file, {
    cwd: process.cwd(),
    with: Object.keys(options.with),
    ...(text === undefined ? {} : { text }),
    ...(environment === undefined ? {} : { environment }),
  });
  if (!compiled.ok) return { problems: compiled.problems };
  const plans = await plansOfRun(compiled, options.with);
  return preparePlans(
    plans,
    { warnings: compiled.warnings, secrets: secretsIn(compiled) },
    options,
  );
}

/** The same for what was compiled before. */
export async function preparePlans(
  plans: RunPlans,
  compiled: { readonly warnings: readonly Problem[]; readonly secrets: readonly string[] },
  options: PrepareOptions,
): Promise<Prepared> {
  const { plan } = plans.main;
  const all = [plans.main, ...plans.below];
  const [inputs, secrets, resolved] = await Promise.all([
    runInputs(plan, options),
    missingSecrets(compiled.secrets, options),
    operatorsOfPlans(all, options),
  ]);
  const problems = [
    ...plans.problems,
    ...inputs.problems,
    ...missingTrees(options.with),
    ...secrets,
    ...resolved.problems,
    ...all.flatMap((each) => whatCannotFit(each.plan, thisMachine())),
    ...all.flatMap((each) => missingPackages(each.plan)).slice(0, 1),
  ];
  if (problems.length > 0) return { problems: [...compiled.warnings, ...problems] };
  const workDirs = workDirsOf(all);
  const found = [...resolved.warnings, ...logWarnings(Object.values(workDirs))];
  const request = requestOf(plans, {
    ...{ options, workDirs, warnings: toldWarnings([...found, ...compiled.warnings]) },
    // Several files of a folder are read again by the folder.
    file: isFolder(options) ? options.file : plans.main.file,
    folder: dirname(plans.main.file),
    inputs: inputs.values,
    sources: resolved.sources,
  });
  return {
    plan,
    below: plans.below,
    warnings: [...compiled.warnings, ...found],
    request,
  };
}

function secretsIn({ main, files }: Extract<CompiledPipeline, { ok: true }>): readonly string[] {
  const all = [main, ...files.values()].flatMap(({ compiled }) => compiled.secrets);
  return [...new Set(all)].sort();
}

interface Found {
  readonly options: PrepareOptions;
  readonly file: string;
  readonly folder: string;
  readonly inputs: Readonly<Record<string, Json>>;
  readonly sources: RunStart['sources'];
  readonly workDirs: Readonly<Record<string, WorkDir>>;
  readonly warnings: readonly string[];
}

function requestOf({ main, below }: RunPlans, found: Found): RunRequest {
  const { options, warnings } = found;
  const { [main.file]: workDir, ...workDirs } = found.workDirs;
  return {
    plan: main.plan as Json,
    ...(below.length === 0 ? {} : { plans: below.map(({ plan }) => plan as Json) }),
    inputs: found.inputs,
    sources: found.sources,
    folder: found.folder,
    // What stands nowhere on the disk is not said to.
    ...(options.text === undefined ? { file: found.file } : {}),
    ...(options.allowEnv.length === 0 ? {} : { allowEnv: options.allowEnv }),
    ...(options.offline ? { offline: true } : {}),
    ...(workDir === undefined ? {} : { workDir }),
    ...(Object.keys(workDirs).length === 0 ? {} : { workDirs }),
    ...(warnings.length === 0 ? {} : { warnings }),
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
    ...decodedOf([main, ...below]),
  };
}

function decodedOf(plans: readonly FilePlan[]): Pick<RunRequest, 'decoded'> {
  const found = plans.flatMap(({ digest, decoded }) =>
    decoded === undefined || decoded.size === 0 ? [] : [[digest, Object.fromEntries(decoded)]],
  );
  return found.length === 0 ? {} : { decoded: Object.fromEntries(found) };
}

function isFolder({ file, text }: PrepareOptions): boolean {
  return text === undefined && statSync(file, { throwIfNoEntry: false })?.isDirectory() === true;
}

function missingTrees(folders: Readonly<Record<string, string>>): Problem[] {
  return Object.entries(folders)
    .filter(([, folder]) => !existsSync(folder))
    .map(([name, folder]) =>
      problemOf(message('path_missing', 'tree', { folder, name }), `--with ${name}`),
    );
}

async function missingSecrets(
  names: readonly string[],
  { dataDir, namespace = NAMESPACE }: PrepareOptions,
): Promise<Problem[]> {
  if (names.length === 0) return [];
  const known = new Set(await knownSecrets(dataDir, namespace));
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

async function knownSecrets(dataDir: string, namespace: string): Promise<readonly string[]> {
  if (!existsSync(dataDir)) return [];
  const directory = readDataDirectory(dataDir);
  return createSecrets({ file: directory.secrets, keyFile: directory.secretKey }).names(namespace);
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
