// Submodules of a commit: which ones it names, and where their repositories are.
import path from 'node:path';
import { message } from '#core/messages.ts';
import { HIDDEN } from '#core/shown-address.ts';
import { limits } from '#schemas/limits.ts';
import { type RepositoryAddress, repositoryAddress, shown } from './address.ts';
import { type GitContext, git } from './git.ts';
import { fetchAny, mirrorPath } from './mirror.ts';
import { SourceProblem } from './problem.ts';

export interface Submodule {
  /** Where it lies in the tree. */
  readonly path: string;
  readonly commit: string;
}

const GITLINK = /^160000 commit ([0-9a-f]{40,64})\t(.+)$/s;

/** Those of one commit of a mirror, as its tree has them; those below are theirs. */
export async function submodulesOf(
  context: GitContext,
  mirror: string,
  commit: string,
): Promise<readonly Submodule[]> {
  const quiet = { ...context, onOutput: undefined };
  const options = { folder: mirror };
  // Nearly all repositories have none, and then one question is enough.
  const named = await git(quiet, ['cat-file', '-e', `${commit}:.gitmodules`], options);
  if (named.code !== 0) return [];
  const listed = await git(quiet, ['ls-tree', '-r', '-z', commit], options);
  const found = listed.stdout.split('\0').flatMap((entry) => {
    const [, sub, at] = GITLINK.exec(entry) ?? [];
    return sub === undefined || at === undefined ? [] : [{ path: at, commit: sub }];
  });
  if (found.length <= limits.submodules) return found;
  const filling = { commit, count: found.length, most: limits.submodules };
  throw new SourceProblem(message('repository_missing', 'submodules', filling));
}

export interface Placed extends Submodule {
  readonly address: RepositoryAddress;
}

/** With the address of each; what `.gitmodules` names is bound like any other address. Throws SourceProblem. */
export async function placedSubmodules(
  context: GitContext,
  place: { readonly mirror: string; readonly commit: string; readonly address: RepositoryAddress },
): Promise<readonly Placed[]> {
  const { mirror, commit, address } = place;
  const found = await submodulesOf(context, mirror, commit);
  if (found.length === 0) return [];
  const urls = await urlsOf(context, mirror, commit);
  return found.map((submodule) => {
    const url = urls.get(submodule.path);
    const filling = { path: submodule.path, repository: address.shown };
    if (url === undefined)
      throw new SourceProblem(message('repository_missing', 'submodule_unknown', filling));
    const own = addressOf(url, address);
    // What somebody else's repository names must not reach for files of this machine.
    if (own.local && !address.local)
      throw new SourceProblem(
        message('repository_missing', 'submodule_local', { ...filling, url: shown(url) }),
      );
    return { ...submodule, address: own };
  });
}

function addressOf(url: string, parent: RepositoryAddress): RepositoryAddress {
  if (!/^\.\.?(\/|$)/.test(url))
    return repositoryAddress(url, parent.local ? parent.url : undefined);
  const own = repositoryAddress(relativeUrl(parent.url, url), undefined);
  // It lies on the same server, which asks for the same password; and where it lies is as little to be seen.
  const { login, hidden, shown: seen } = parent;
  if (seen === HIDDEN)
    return { ...own, shown: HIDDEN, hidden: [...hidden, own.url], ...(login && { login }) };
  return { ...own, hidden, ...(login && { login }) };
}

/** As git reads it: `../` leads one level up from the address of the repository, however that is written. */
function relativeUrl(parent: string, url: string): string {
  let base = parent.replace(/\/+$/, '');
  let rest = url;
  for (;;) {
    if (rest.startsWith('../')) {
      const at = Math.max(base.lastIndexOf('/'), base.lastIndexOf(':'));
      if (at < 0) break;
      base = base.slice(0, base[at] === ':' ? at + 1 : at);
      rest = rest.slice(3);
    } else if (rest.startsWith('./')) rest = rest.slice(2);
    else break;
  }
  return base.endsWith(':') ? `${base}${rest}` : `${base}/${rest}`;
}

/** Path → address, as `.gitmodules` has them. */
async function urlsOf(
  context: GitContext,
  mirror: string,
  commit: string,
): Promise<ReadonlyMap<string, string>> {
  const quiet = { ...context, onOutput: undefined };
  const args = ['config', '--blob', `${commit}:.gitmodules`, '--null', '--list'];
  const listed = await git(quiet, args, { folder: mirror });
  const paths = new Map<string, string>();
  const urls = new Map<string, string>();
  for (const entry of listed.stdout.split('\0')) {
    const [, name, key, value] = /^submodule\.(.+)\.(path|url)\n(.*)$/s.exec(entry) ?? [];
    if (name === undefined || value === undefined) continue;
    (key === 'path' ? paths : urls).set(name, value);
  }
  return new Map(
    [...paths].flatMap(([name, at]): [string, string][] => {
      const url = urls.get(name);
      return url === undefined ? [] : [[path.posix.normalize(at).replace(/\/$/, ''), url]];
    }),
  );
}

/** Has all submodules of a commit in mirrors, and those below them. Throws SourceProblem for the first that cannot be had. */
export async function fetchSubmodules(
  context: GitContext,
  place: { readonly address: RepositoryAddress; readonly commit: string },
  depth = 0,
): Promise<void> {
  const { address, commit } = place;
  const mirror = mirrorPath(context.cacheDir, address.url);
  const placed = await placedSubmodules(context, { mirror, commit, address });
  if (placed.length > 0 && depth >= limits.submoduleDepth) {
    const filling = { repository: address.shown, most: limits.submoduleDepth };
    throw new SourceProblem(message('repository_missing', 'submodule_depth', filling));
  }
  for (const submodule of placed) {
    await fetchAny(context, submodule.address, submodule.commit);
    await fetchSubmodules(context, submodule, depth + 1);
  }
}
