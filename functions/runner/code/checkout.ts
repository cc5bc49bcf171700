// A clone of an operator that people can look at and work in: at the tag that runs use, made from the mirror. Runs do not read it.
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { message } from '#core/messages.ts';
import { HIDDEN } from '#core/shown-address.ts';
import { withLease } from '../lease.ts';
import type { RepositoryAddress } from './address.ts';
import { complaint } from './complaint.ts';
import { type GitContext, git } from './git.ts';
import { fetchCommit, mirrorPath, short } from './mirror.ts';
import { SourceProblem } from './problem.ts';
import { submodulesOf } from './submodules.ts';
import { treePath } from './tree.ts';
import { copyTree } from './working-tree.ts';

export interface Checkout {
  readonly address: RepositoryAddress;
  readonly tag: string;
  readonly commit: string;
  /** Where it is to lie. */
  readonly folder: string;
}

/**
 * Has the clone there at its commit. One that somebody works in, with a branch or changes, is left as it is; the answer says so.
 * Throws SourceProblem.
 */
export async function checkOutAt(
  context: GitContext,
  checkout: Checkout,
): Promise<string | undefined> {
  const { folder, commit } = checkout;
  if (headOf(folder) === commit) return undefined;
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 32);
  const lease = { folder: context.cacheDir, name: `checkout-${name}`, signal: context.signal };
  return withLease(lease, async () => {
    // Another run may have done it meanwhile.
    if (headOf(folder) === commit) return undefined;
    if (await isSomebodys(context, folder))
      return `${folder} has a branch, changes or files of its own and is left as it is; this run uses ${checkout.tag} (${short(commit)})`;
    const draft = `${folder}.${randomBytes(6).toString('hex')}`;
    try {
      await clone(context, checkout, draft);
      rmSync(folder, { recursive: true, force: true });
      renameSync(draft, folder);
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
    return undefined;
  });
}

/** The commit a clone stands at; undefined on a branch, or where there is none. */
export function headOf(folder: string): string | undefined {
  try {
    const head = readFileSync(path.join(folder, '.git', 'HEAD'), 'utf8').trim();
    return /^[0-9a-f]{40,64}$/.test(head) ? head : undefined;
  } catch {
    return undefined;
  }
}

async function isSomebodys(context: GitContext, folder: string): Promise<boolean> {
  if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) return false;
  const head = headOf(folder);
  if (head === undefined) return true;
  const quiet = { ...context, onOutput: undefined };
  const status = await git(quiet, ['status', '--porcelain', '--ignore-submodules=none'], {
    folder,
  });
  return status.code !== 0 || status.stdout.trim() !== '';
}

async function clone(context: GitContext, checkout: Checkout, draft: string): Promise<void> {
  const { address, tag, commit } = checkout;
  await fetchCommit(context, address, { tag, commit });
  const mirror = mirrorPath(context.cacheDir, address.url);
  mkdirSync(path.dirname(draft), { recursive: true });
  await must(context, ['clone', '--quiet', '--no-checkout', '--', mirror, draft]);
  // Whoever pulls or pushes in it means the repository. Its password stands where it stood before, and so does all that is hidden of it.
  const origin =
    address.shown === HIDDEN ? ['remove', 'origin'] : ['set-url', '--', 'origin', address.shown];
  await must(context, ['remote', ...origin], draft);
  await must(context, ['checkout', '--quiet', '--detach', commit], draft);
  for (const { path: below } of await submodulesOf(context, mirror, commit)) {
    const from = path.join(treePath(context.cacheDir, commit), below);
    if (existsSync(from)) await copyTree(from, path.join(draft, below));
  }
}

async function must(context: GitContext, args: readonly string[], folder?: string): Promise<void> {
  const end = await git(context, args, folder === undefined ? {} : { folder });
  if (end.code === 0) return;
  const filling = { commit: args.at(-1) ?? '', why: complaint(end) };
  throw new SourceProblem(message('repository_missing', 'checkout', filling));
}
