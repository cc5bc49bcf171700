// What tags and branches a repository has.
import path from 'node:path';
import type { ToolEnd } from '../tool.ts';
import type { RepositoryAddress } from './address.ts';
import { type GitContext, git } from './git.ts';

/** Lines of `<object>\t<ref>`, of annotated tags the commit too (`<ref>^{}`), as `git ls-remote` prints them. */
export async function listRefs(context: GitContext, address: RepositoryAddress): Promise<ToolEnd> {
  // A folder of this machine answers by itself: one process in the place of three.
  const own = path.isAbsolute(address.url) ? await refsOfFolder(context, address.url) : undefined;
  if (own?.code === 0) return { ...own, stdout: own.stdout.replaceAll(' ', '\t') };
  return git(context, ['ls-remote', '--tags', '--heads', '--', address.url], { address });
}

function refsOfFolder(context: GitContext, folder: string): Promise<ToolEnd> {
  return git(context, ['show-ref', '--tags', '--heads', '--dereference'], {
    folder,
    environment: {
      // A folder that is no repository is not taken for a part of one above it.
      GIT_CEILING_DIRECTORIES: path.dirname(folder),
      // What a repository lacks is not fetched by a program that it names itself.
      GIT_NO_LAZY_FETCH: '1',
    },
  });
}
