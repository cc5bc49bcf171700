// The code of an operator: a commit's tree, or a working tree that takes its place.
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { OperatorSource } from '#schemas/plan.ts';
import { addressOf, type RepositoryAddress, shown } from './address.ts';
import { type GitContext, git } from './git.ts';
import { fetchCommit, fetchTag, mirrorPath } from './mirror.ts';
import { fetchSubmodules } from './submodules.ts';
import { ensureTree, keepTree, restoreTree, treeDigest, treePath } from './tree.ts';
import {
  contentDigest,
  copyTree,
  copyWorkingTree,
  type WorkingTree,
  workingTree,
} from './working-tree.ts';

export interface CodeOrder {
  readonly operator: OperatorSource;
  /** The pipeline's folder. */
  readonly folder?: string | undefined;
  /** What the run uses: `<git>#<tag>` → commit. */
  readonly sources: { readonly [source: string]: { readonly commit: string } };
  /** Working trees that take an operator's place: by `<git>#<tag>`, or by the repository alone. */
  readonly with?: { readonly [operator: string]: string } | undefined;
}

export interface OperatorCode {
  readonly commit?: string;
  readonly dirty?: boolean;
  /** The folder to read from. Nothing may be written there. */
  readonly folder: string;
  /** Where the code comes from, for people. */
  readonly label: string;
  /** Names the content; asked only when something is built from all of it. */
  digest(): Promise<string>;
  copy(target: string): Promise<void>;
}

export function sourceKey(operator: { git: string; tag: string }): string {
  return `${operator.git}#${operator.tag}`;
}

/** Fetches what is missing. Throws SourceProblem. */
export async function operatorCode(context: GitContext, order: CodeOrder): Promise<OperatorCode> {
  const { operator, folder } = order;
  if ('path' in operator) return codeOfFolder(context, path.resolve(folder ?? '.', operator.path));
  const instead = order.with?.[sourceKey(operator)] ?? order.with?.[operator.git];
  if (instead !== undefined) return codeOfFolder(context, path.resolve(folder ?? '.', instead));
  const address = await addressOf(context, operator.git, folder);
  const known = order.sources[sourceKey(operator)]?.commit;
  const commit = known ?? (await fetchTag(context, address, operator.tag)).commit;
  const tree = await treeOf(context, address, { tag: operator.tag, commit });
  const mirror = mirrorPath(context.cacheDir, address.url);
  return {
    commit,
    folder: tree,
    // As it is written: by this a later plan knows how long the build took.
    label: `${shown(operator.git)} at ${operator.tag}`,
    digest: () => treeDigest(context, mirror, commit),
    copy: (target) => copyTree(tree, target),
  };
}

async function treeOf(
  context: GitContext,
  address: RepositoryAddress,
  wanted: { tag: string; commit: string },
): Promise<string> {
  const tree = treePath(context.cacheDir, wanted.commit);
  // Checked out before: git need not be asked at all.
  if (existsSync(tree)) return tree;
  if (await restoreTree(context, wanted.commit)) return tree;
  await fetchCommit(context, address, wanted);
  const mirror = mirrorPath(context.cacheDir, address.url);
  // Said here as well when a run goes on elsewhere: how deep they lie is bounded.
  await fetchSubmodules(context, { address, commit: wanted.commit });
  await ensureTree(context, address, wanted.commit);
  await keepTree(context, mirror, wanted.commit);
  return tree;
}

async function codeOfFolder(context: GitContext, folder: string): Promise<OperatorCode> {
  const tree: WorkingTree = await workingTree(context, folder);
  return {
    ...(tree.commit === undefined ? {} : { commit: tree.commit }),
    dirty: tree.dirty,
    folder,
    label: folder,
    digest: () => contentDigest(tree),
    copy: (target) => copyWorkingTree(tree, target),
  };
}

/** Paths of files of a commit that end in this name. */
export async function filesNamed(
  context: GitContext,
  place: { mirror: string; commit: string; name: string },
): Promise<string[]> {
  const end = await git(context, ['ls-tree', '-r', '-z', '--name-only', place.commit], {
    folder: place.mirror,
  });
  return end.stdout.split('\0').filter((file) => path.posix.basename(file) === place.name);
}
