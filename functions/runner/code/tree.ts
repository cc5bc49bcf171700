// The files of a commit, kept once under its name; steps get copies.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { message } from '#core/messages.ts';
import { withLease } from '../lease.ts';
import type { RepositoryAddress } from './address.ts';
import { complaint } from './complaint.ts';
import { type GitContext, git } from './git.ts';
import { fetchAny, mirrorPath } from './mirror.ts';
import { SourceProblem } from './problem.ts';
import { placedSubmodules } from './submodules.ts';
import { copyTree } from './working-tree.ts';

export function treePath(cacheDir: string, commit: string): string {
  return path.join(cacheDir, 'trees', commit);
}

/** Checks a commit of a mirror out, unless it was before. The folder appears whole: it is renamed when it is complete. */
export async function ensureTree(
  context: GitContext,
  address: RepositoryAddress,
  commit: string,
): Promise<string> {
  const mirror = mirrorPath(context.cacheDir, address.url);
  const tree = treePath(context.cacheDir, commit);
  if (existsSync(tree)) return tree;
  const lease = { folder: context.cacheDir, name: `tree-${commit}`, signal: context.signal };
  await withLease(lease, async () => {
    if (existsSync(tree)) return;
    const draft = `${tree}.${randomBytes(6).toString('hex')}`;
    try {
      await checkOut(context, { mirror, commit, draft });
      for (const submodule of await placedSubmodules(context, { mirror, commit, address })) {
        await fetchAny(context, submodule.address, submodule.commit);
        const from = await ensureTree(context, submodule.address, submodule.commit);
        await copyTree(from, path.join(draft, submodule.path));
      }
      renameSync(draft, tree);
    } finally {
      rmSync(draft, { recursive: true, force: true });
      rmSync(`${draft}.index`, { force: true });
    }
  });
  return tree;
}

async function checkOut(
  context: GitContext,
  { mirror, commit, draft }: { mirror: string; commit: string; draft: string },
): Promise<void> {
  mkdirSync(draft, { recursive: true });
  const options = {
    folder: mirror,
    environment: { GIT_INDEX_FILE: `${draft}.index`, GIT_WORK_TREE: draft, GIT_DIR: mirror },
  };
  for (const args of [
    ['read-tree', commit],
    ['checkout-index', '--all', '--force', '--quiet'],
  ]) {
    const end = await git(context, args, options);
    if (end.code !== 0)
      throw new SourceProblem(
        message('repository_missing', 'checkout', { commit, why: complaint(end) }),
      );
  }
}

/** Takes the tree over from another machine. False when none has kept it. */
export async function restoreTree(context: GitContext, commit: string): Promise<boolean> {
  const { archive, cacheDir } = context;
  if (archive === undefined) return false;
  const tree = treePath(cacheDir, commit);
  const draft = `${tree}.${randomBytes(6).toString('hex')}`;
  try {
    const what = { kind: 'trees', name: commit, signal: context.signal } as const;
    if (!(await archive.restore(what, draft))) return false;
    // What is packed last: without it the rest may not be whole.
    if (!existsSync(path.join(draft, DIGEST))) return false;
    renameSync(path.join(draft, DIGEST), digestFile(cacheDir, commit));
    if (!existsSync(tree)) renameSync(path.join(draft, TREE), tree);
    return true;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Keeps the tree for other machines, which then need no git. */
export async function keepTree(context: GitContext, mirror: string, commit: string): Promise<void> {
  const { archive, cacheDir } = context;
  if (archive === undefined) return;
  const draft = `${treePath(cacheDir, commit)}.${randomBytes(6).toString('hex')}`;
  try {
    mkdirSync(draft, { recursive: true });
    await copyTree(treePath(cacheDir, commit), path.join(draft, TREE));
    const digest = await treeDigest(context, mirror, commit);
    writeFileSync(path.join(draft, DIGEST), digest);
    writeFileSync(digestFile(cacheDir, commit), digest);
    const what = { kind: 'trees', name: commit, signal: context.signal } as const;
    await archive.keep(what, draft, [TREE, DIGEST]);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

const TREE = 'tree';
const DIGEST = 'digest';

/** Beside a tree that came without its repository: the name of its content. */
function digestFile(cacheDir: string, commit: string): string {
  return `${treePath(cacheDir, commit)}.digest`;
}

/** The name of the whole content: equal trees of different commits have the same. */
export async function treeDigest(
  context: GitContext,
  mirror: string,
  commit: string,
): Promise<string> {
  const known = digestFile(context.cacheDir, commit);
  if (existsSync(known)) return readFileSync(known, 'utf8');
  const end = await git(context, ['rev-parse', '--verify', `${commit}^{tree}`], { folder: mirror });
  return end.code === 0 ? end.stdout.trim() : commit;
}
