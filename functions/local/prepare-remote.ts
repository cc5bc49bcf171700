// Prepares a run that other machines will work on: compiles and checks here, where the files and the user's git are, and brings along
// what they could not get. What is wrong is told all at once, before anything is brought.
import { basename } from 'node:path';
import { message, problemOf } from '#core/messages.ts';
import { Rejected } from '#errors/families.ts';
import type { Problem } from '#schemas/problems.ts';
import type { FileValue, Json } from '#schemas/values.ts';
import type { Control } from '#service/control.ts';
import { fileValueOf } from '#service/given-files.ts';
import { toldWarnings } from '#service/run-warnings.ts';
import { travels } from '#service/travels.ts';
import { compilePipeline } from './pipeline-files.ts';
import type { Prepared, PrepareOptions } from './prepare-run.ts';
import { operatorsOfPlans, type ResolvedOperators } from './resolve-operators.ts';
import { fileAt, runInputs } from './run-inputs.ts';
import { type FilePlan, plansOfRun } from './run-plans.ts';
import { type LocalFile, uploadFiles } from './upload.ts';

export interface Remote {
  readonly control: Pick<Control, 'file'>;
  readonly namespace: string;
}

/** The request for a run of a pipeline file on a server, its files uploaded; or every problem that was found. */
export async function prepareRemote(options: PrepareOptions, remote: Remote): Promise<Prepared> {
  refuseLocalOptions(options);
  const compiled = compilePipeline(options.file, { cwd: process.cwd() });
  if (!compiled.ok) return { problems: compiled.problems };
  const files = new Map<string, LocalFile>();
  const place = async (path: string): Promise<FileValue | undefined> => {
    const found = await fileAt(path);
    if (found === undefined) return undefined;
    const { name, size, sha256 } = found.$file;
    const value = fileValueOf(remote.namespace, { name, size, sha256 });
    files.set(`${sha256}/${name}`, { path, name, size, sha256 });
    return value;
  };
  const plans = await plansOfRun(compiled, {}, place);
  const all = [plans.main, ...plans.below];
  const inputs = await runInputs(plans.main.plan, { ...options, fileAt: place });
  const stays = [...travels(all.map(({ plan }) => plan)), ...encodedIn(all)];
  const resolved = stays.length > 0 ? NOTHING : await operatorsOfPlans(all, options);
  const { warnings } = compiled;
  const problems = [...plans.problems, ...inputs.problems, ...stays, ...resolved.problems];
  if (problems.length > 0) return { problems: [...warnings, ...problems] };
  await uploadFiles([...files.values()], remote.control);
  const told = toldWarnings([...resolved.warnings, ...warnings]);
  return {
    plan: plans.main.plan,
    below: plans.below,
    warnings: [...warnings, ...resolved.warnings],
    request: {
      plan: plans.main.plan as Json,
      ...(plans.below.length === 0 ? {} : { plans: plans.below.map(({ plan }) => plan as Json) }),
      inputs: inputs.values,
      sources: resolved.sources,
      file: basename(options.file),
      ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
      ...(told.length === 0 ? {} : { warnings: told }),
    },
  };
}

/** What is stored nowhere cannot wait for a program on another machine. */
const encodedIn = (plans: readonly FilePlan[]): readonly Problem[] =>
  plans
    .filter(({ decoded }) => decoded !== undefined && decoded.size > 0)
    .map(({ file }) =>
      problemOf(message('stays_here', 'encoded', { file: basename(file) }), basename(file)),
    );

const NOTHING: ResolvedOperators = { sources: {}, problems: [], warnings: [] };

/** What says something of this machine, on which nothing of the run will happen. */
function refuseLocalOptions(options: PrepareOptions): void {
  const given = [
    ...(Object.keys(options.with).length > 0 ? ['--with'] : []),
    ...(options.allowEnv.includes('*')
      ? ['--allow-all-env']
      : options.allowEnv.length > 0
        ? ['--allow-env']
        : []),
    ...(options.offline ? ['--offline'] : []),
  ];
  if (given.length > 0)
    throw new Rejected(
      'invalid',
      `${given.join(', ')}: good for runs on this machine only; a server's run takes code from repositories, and nothing of this machine's environment`,
    );
}
