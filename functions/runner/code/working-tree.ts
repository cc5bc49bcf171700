// A working tree while it is being developed: its files as they are now, without what git ignores.
import { createHash } from 'node:crypto';
import { constants, cpSync, existsSync, readdirSync, statSync } from 'node:fs';
import { copyFile, cp, lstat, mkdir, readFile, readlink, symlink } from 'node:fs/promises';
import path from 'node:path';
import { message } from '#core/messages.ts';
import { limits } from '#schemas/limits.ts';
import { type GitContext, git } from './git.ts';
import { SourceProblem } from './problem.ts';

export interface WorkingTree {
  readonly folder: string;
  /** Of the checkout it lies in; undefined when it is none. */
  readonly commit?: string;
  /** Something in it differs from that commit, or nobody knows. */
  readonly dirty: boolean;
  /** Paths of its files, relative; undefined when everything counts. */
  readonly files?: readonly string[];
}

const NEVER_COPIED: ReadonlySet<string> = new Set(['.git', '.venv', '.millrace', '__pycache__']);

export async function workingTree(asked: GitContext, folder: string): Promise<WorkingTree> {
  // A folder need not be a repository: what git says to that is for no log.
  const context = { ...asked, onOutput: undefined };
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new SourceProblem(message('repository_missing', 'no_folder', { folder }));
  const listed = await git(
    context,
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'],
    { folder },
  );
  if (listed.code !== 0) return { folder, dirty: true };
  const files = listed.stdout.split('\0').filter((file) => existsLink(folder, file));
  // Ignored as a whole (a scratch folder in a checkout): then the checkout has nothing to say of it.
  if (files.length === 0) return { folder, dirty: true };
  const head = await git(context, ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}'], {
    folder,
  });
  const status = await git(context, ['status', '--porcelain', '--', '.'], { folder });
  return {
    folder,
    files,
    dirty: head.code !== 0 || status.code !== 0 || status.stdout.trim() !== '',
    ...(head.code === 0 ? { commit: head.stdout.trim() } : {}),
  };
}

function existsLink(folder: string, file: string): boolean {
  if (file === '') return false;
  return statSync(path.join(folder, file), { throwIfNoEntry: false })?.isDirectory() !== true;
}

/** Copies its files; links stay links. */
export async function copyWorkingTree(tree: WorkingTree, target: string): Promise<void> {
  if (tree.files === undefined) {
    await copyTree(tree.folder, target, (name) => !NEVER_COPIED.has(name));
    return;
  }
  const made = new Set<string>();
  for (const file of tree.files) {
    const to = path.join(target, file);
    const parent = path.dirname(to);
    if (!made.has(parent)) await mkdir(parent, { recursive: true });
    made.add(parent);
    await copyOne(path.join(tree.folder, file), to);
  }
}

async function copyOne(from: string, to: string): Promise<void> {
  const info = await lstat(from).catch(() => undefined);
  // Listed by git but taken away meanwhile.
  if (info === undefined) return;
  if (info.isSymbolicLink()) await symlink(await readlink(from), to);
  else await copyFile(from, to, constants.COPYFILE_FICLONE);
}

/** A copy of a folder, never hard links: what a program changes in it stays its own. */
export async function copyTree(
  from: string,
  to: string,
  takes?: (name: string) => boolean,
): Promise<void> {
  const options = { recursive: true, verbatimSymlinks: true, preserveTimestamps: true };
  // At once it is many times faster than file by file, but nothing else happens meanwhile.
  if (takes === undefined && isSmall(from)) {
    cpSync(from, to, options);
    return;
  }
  await cp(from, to, {
    ...options,
    mode: constants.COPYFILE_FICLONE,
    filter: (source) => source === from || takes === undefined || takes(path.basename(source)),
  });
}

function isSmall(folder: string): boolean {
  let files = 0;
  let bytes = 0;
  const open = [folder];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const entry of readdirSync(next, { withFileTypes: true })) {
      const full = path.join(next, entry.name);
      files += 1;
      if (entry.isDirectory()) open.push(full);
      else if (entry.isFile()) bytes += statSync(full).size;
      if (files > limits.copyAtOnceFiles || bytes > limits.copyAtOnceBytes) return false;
    }
  }
  return true;
}

/** The name of a folder's content, for what is built from it. */
export async function contentDigest(tree: WorkingTree): Promise<string> {
  const hash = createHash('sha256');
  if (tree.files === undefined) {
    // Without a checkout nobody says which files count: the folder is taken as new every time something is built from it.
    return hash
      .update(tree.folder)
      .update(String(statSync(tree.folder).mtimeMs))
      .digest('hex');
  }
  for (const file of [...tree.files].sort().slice(0, limits.workingTreeFiles)) {
    const full = path.join(tree.folder, file);
    if (!existsSync(full)) continue;
    hash
      .update(file)
      .update('\0')
      .update(await readFile(full))
      .update('\0');
  }
  return hash.digest('hex');
}
