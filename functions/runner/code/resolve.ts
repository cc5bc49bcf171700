// The pre-flight of an operator: what its tag means, and whether the project file is there, before anything is built.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { message } from '#core/messages.ts';
import type { Environment, OperatorSource } from '#schemas/plan.ts';
import { addressOf } from './address.ts';
import { type GitContext, git } from './git.ts';
import { fetchTag, mirrorPath } from './mirror.ts';
import { filesNamed, sourceKey } from './operator-code.ts';
import { type SourceMessage, SourceProblem } from './problem.ts';
import { fetchSubmodules } from './submodules.ts';
import { treePath } from './tree.ts';
import { workingTree } from './working-tree.ts';

export interface ResolveOptions extends GitContext {
  /** The pipeline's folder. */
  readonly folder?: string | undefined;
  readonly environment?: Environment | undefined;
  readonly with?: { readonly [operator: string]: string } | undefined;
}

export type Resolved =
  | {
      readonly ok: true;
      /** The key under which a run keeps the commit; absent for `path:`. */
      readonly source?: string;
      readonly commit?: string;
      readonly dirty?: boolean;
      readonly warning?: SourceMessage;
    }
  | {
      readonly ok: false;
      readonly code: SourceProblem['code'];
      readonly message: string;
      /** The same as a problem of the pipeline. */
      readonly said: SourceMessage;
      readonly nearest?: readonly string[];
    };

/** What an operator's code is now, or what is wrong with it. Fetches the tag; checks nothing out. */
export async function resolve(
  operator: OperatorSource,
  options: ResolveOptions,
): Promise<Resolved> {
  try {
    return await lookUp(operator, options);
  } catch (error) {
    if (!(error instanceof SourceProblem)) throw error;
    const names = error.details['nearest'];
    return {
      ok: false,
      code: error.code,
      message: error.message,
      said: error.said,
      ...(Array.isArray(names) ? { nearest: names.map(String) } : {}),
    };
  }
}

async function lookUp(operator: OperatorSource, options: ResolveOptions): Promise<Resolved> {
  if ('path' in operator) return lookAtFolder(operator.path, options);
  const source = sourceKey(operator);
  const instead = options.with?.[source] ?? options.with?.[operator.git];
  if (instead !== undefined) return { source, ...(await lookAtFolder(instead, options)) };
  const address = await addressOf(options, operator.git, options.folder);
  const { commit, movedFrom } = await fetchTag(options, address, operator.tag);
  // What was checked out before has them.
  if (!existsSync(treePath(options.cacheDir, commit)))
    await fetchSubmodules(options, { address, commit });
  const project = projectOf(options.environment);
  // A tree that is there answers without git.
  const tree = treePath(options.cacheDir, commit);
  if (project !== undefined && !existsSync(path.join(tree, project))) {
    const mirror = mirrorPath(options.cacheDir, address.url);
    await checkProject(options, {
      mirror,
      commit,
      project,
      label: `${address.shown} at ${operator.tag}`,
    });
  }
  if (movedFrom === undefined) return { ok: true, source, commit };
  const filling = { tag: operator.tag, repository: address.shown, before: movedFrom, commit };
  return { ok: true, source, commit, warning: message('tag_missing', 'moved', filling) };
}

async function lookAtFolder(
  given: string,
  options: ResolveOptions,
): Promise<Extract<Resolved, { ok: true }>> {
  const folder = path.resolve(options.folder ?? '.', given);
  const tree = await workingTree(options, folder);
  const project = projectOf(options.environment);
  if (project !== undefined && !existsSync(path.join(folder, project)))
    throw new SourceProblem(message('project_file_missing', 'tree', { folder, project }));
  return {
    ok: true,
    dirty: tree.dirty,
    ...(tree.commit === undefined ? {} : { commit: tree.commit }),
  };
}

/** The project file an environment is built from, checked to stay within the operator's tree. */
export function projectOf(environment: Environment | undefined): string | undefined {
  if (environment === undefined || !('project' in environment)) return undefined;
  const normal = path.posix.normalize(environment.project);
  if (path.posix.isAbsolute(normal) || normal === '..' || normal.startsWith('../'))
    throw new SourceProblem(
      message('project_file_missing', 'outside', { project: JSON.stringify(environment.project) }),
    );
  return normal;
}

/** Asks git, without a checkout. */
async function checkProject(
  context: GitContext,
  place: { mirror: string; commit: string; project: string; label: string },
): Promise<void> {
  const { mirror, commit, project, label } = place;
  const end = await git(context, ['cat-file', '-t', `${commit}:${project}`], { folder: mirror });
  if (end.code === 0 && end.stdout.trim() === 'blob') return;
  const name = path.posix.basename(project);
  const others = (await filesNamed(context, { mirror, commit, name })).slice(0, 3);
  const names = others.map((file) => `"${file}"`).join(', ');
  const said =
    others.length === 0
      ? message('project_file_missing', 'none', { operator: label, project, name })
      : message('project_file_missing', 'others', { operator: label, project, others: names });
  throw new SourceProblem(said, { nearest: others });
}
