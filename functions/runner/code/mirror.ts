// One bare mirror for each repository, shared by all projects of the user.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { message } from '#core/messages.ts';
import { limits } from '#schemas/limits.ts';
import { withLease } from '../lease.ts';
import { Seats } from '../seats.ts';
import { checkTag, type RepositoryAddress } from './address.ts';
import { complaint } from './complaint.ts';
import { type GitContext, git } from './git.ts';
import { nearest, type SourceMessage, SourceProblem } from './problem.ts';
import { commitKept, keepCommit, tagOfFolder } from './refs.ts';

export interface TagFound {
  readonly commit: string;
  /** What the tag meant when it was last fetched, when that was another commit. */
  readonly movedFrom?: string;
}

export function mirrorPath(cacheDir: string, url: string): string {
  return path.join(cacheDir, 'git', `${hashOf(url)}.git`);
}

function hashOf(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 32);
}

/** The commit an exact tag means now; it is in the mirror afterwards. Throws SourceProblem. */
export async function fetchTag(
  context: GitContext,
  address: RepositoryAddress,
  tag: string,
): Promise<TagFound> {
  checkTag(tag);
  const mirror = mirrorPath(context.cacheDir, address.url);
  if (context.offline === true && !address.local) return knownTag(context, address, tag);
  const kept = tagIn(mirror, tag);
  // The same tag as before: git need not be asked what it means.
  const same = kept !== undefined && kept === tagOfFolder(address, tag);
  const meant = same ? commitKept(mirror, kept) : undefined;
  if (meant !== undefined) return { commit: meant };
  const { commit, object } = await askRemote(context, address, tag);
  const known = object === kept ? commit : await commitOfTag(context, mirror, tag);
  if (known !== commit) await fetch(context, { address, tag, mirror });
  if (address.local) keepCommit(mirror, { object, commit });
  if (known === undefined || known === commit) return { commit };
  return { commit, movedFrom: known };
}

/** Makes sure that a commit is in the mirror, also when its tag means another one by now. */
export async function fetchCommit(
  context: GitContext,
  address: RepositoryAddress,
  wanted: { tag: string; commit: string },
): Promise<void> {
  const mirror = mirrorPath(context.cacheDir, address.url);
  if (await hasCommit(context, mirror, wanted.commit)) return;
  checkTag(wanted.tag);
  const filling = { commit: short(wanted.commit), repository: address.shown };
  if (context.offline === true && !address.local)
    throw new SourceProblem(message('repository_missing', 'offline', filling));
  await fetch(context, { address, tag: wanted.tag, mirror });
  if (await hasCommit(context, mirror, wanted.commit)) return;
  await fetchByName(context, { address, mirror, refspecs: [wanted.commit] });
  if (await hasCommit(context, mirror, wanted.commit)) return;
  throw new SourceProblem(message('repository_missing', 'gone', { ...filling, tag: wanted.tag }));
}

/** All branches and tags. */
const EVERYTHING = ['+refs/heads*:refs/heads*', '+refs/tags*:refs/tags*'];

/** Makes sure that a commit which a submodule names is in the mirror of its repository. Throws SourceProblem. */
export async function fetchAny(
  context: GitContext,
  address: RepositoryAddress,
  commit: string,
): Promise<void> {
  const mirror = mirrorPath(context.cacheDir, address.url);
  if (await hasCommit(context, mirror, commit)) return;
  const filling = { commit: short(commit), repository: address.shown };
  if (context.offline === true && !address.local)
    throw new SourceProblem(message('repository_missing', 'offline', filling));
  // Not every server gives a commit that is asked for by its name: then all branches and tags are fetched.
  for (const refspecs of [[commit], EVERYTHING]) {
    const last = refspecs.length > 1;
    const fetched = fetchByName(context, { address, mirror, refspecs });
    if (!last) await fetched.catch((error: unknown) => refuseUnlessSource(error));
    else await fetched;
    if (await hasCommit(context, mirror, commit)) return;
  }
  throw new SourceProblem(
    message('repository_missing', 'submodule_gone', { ...filling, why: 'it is not there' }),
  );
}

function refuseUnlessSource(error: unknown): void {
  if (!(error instanceof SourceProblem)) throw error;
}

async function knownTag(
  context: GitContext,
  address: RepositoryAddress,
  tag: string,
): Promise<TagFound> {
  const mirror = mirrorPath(context.cacheDir, address.url);
  const commit = await commitOfTag(context, mirror, tag);
  if (commit !== undefined) return { commit };
  const filling = { tag, repository: address.shown };
  throw new SourceProblem(message('tag_missing', 'offline', filling));
}

/** What the repository itself says of the tag, with one question. */
async function askRemote(
  context: GitContext,
  address: RepositoryAddress,
  tag: string,
): Promise<Told> {
  const end = await git(context, ['ls-remote', '--tags', '--heads', '--', address.url], {
    address,
  });
  const repository = address.shown;
  if (end.code !== 0) {
    const why = complaint(end, address);
    throw new SourceProblem(message('repository_missing', 'unreadable', { repository, why }));
  }
  const tags = parseTags(end.stdout);
  const told = tags.get(tag);
  if (told !== undefined) return told;
  const close = nearest(tag, [...tags.keys()]);
  const names = close.map((name) => `"${name}"`).join(', ');
  const other = noTag(end.stdout, { repository, tag, names });
  if (other !== undefined) throw new SourceProblem(other, { nearest: close });
  const said =
    close.length === 0
      ? message('tag_missing', 'none', { repository, tag })
      : message('tag_missing', 'nearest', { repository, tag, nearest: names });
  throw new SourceProblem(said, { nearest: close });
}

/** What was given in the place of a tag: a branch, or a commit. */
function noTag(
  listed: string,
  { repository, tag, names }: { repository: string; tag: string; names: string },
): SourceMessage | undefined {
  const filling = { repository, tag, nearest: names === '' ? '' : `; nearest are ${names}` };
  if (listed.split('\n').some((line) => line.endsWith(`\trefs/heads/${tag}`)))
    return message('tag_missing', 'branch', filling);
  if (/^[0-9a-f]{7,64}$/.test(tag)) return message('tag_missing', 'commit', filling);
  return undefined;
}

/** What a tag is in its repository: an object of its own when it is annotated, else the commit. */
interface Told {
  readonly object: string;
  readonly commit: string;
}

/** By tag. Of an annotated one the line that ends in `^{}` names the commit. */
function parseTags(text: string): Map<string, Told> {
  const tags = new Map<string, Told>();
  for (const line of text.split('\n')) {
    const [, object, name, peeled] =
      /^([0-9a-f]{40,64})\trefs\/tags\/(.+?)(\^\{\})?$/.exec(line) ?? [];
    if (object === undefined || name === undefined) continue;
    const before = tags.get(name);
    if (peeled === undefined) tags.set(name, before ?? { object, commit: object });
    else tags.set(name, { object: before?.object ?? object, commit: object });
  }
  return tags;
}

/** What a tag is in the mirror, as far as that can be told without git: it stands there only once all that it means is there. */
function tagIn(mirror: string, tag: string): string | undefined {
  try {
    return readFileSync(path.join(mirror, 'refs/tags', tag), 'utf8').trim();
  } catch {
    return undefined;
  }
}

interface Fetch {
  readonly address: RepositoryAddress;
  readonly mirror: string;
}

function fetch(context: GitContext, what: Fetch & { tag: string }): Promise<void> {
  const reference = `refs/tags/${what.tag}`;
  return fetchByName(context, { ...what, refspecs: [`+${reference}:${reference}`] });
}

/** Of all that this process fetches. Others of the same repository wait for its lease, not for one of these. */
const seats = new Seats(limits.fetchesAtOnce);

async function fetchByName(
  context: GitContext,
  what: Fetch & { refspecs: readonly string[] },
): Promise<void> {
  const { address, mirror, refspecs } = what;
  const lease = {
    folder: context.cacheDir,
    name: `git-${hashOf(address.url)}`,
    signal: context.signal,
  };
  await withLease(lease, async () => {
    await ensureMirror(context, mirror);
    const args = ['--quiet', '--no-tags', '--no-write-fetch-head', '--', address.url, ...refspecs];
    const end = await seats.with(
      () => git(context, ['fetch', ...args], { folder: mirror, address }),
      { signal: context.signal },
    );
    if (end.code === 0) return;
    const filling = { repository: address.shown, why: complaint(end, address) };
    throw new SourceProblem(message('repository_missing', 'not_fetched', filling));
  });
}

/** Appears whole or not at all: a killed `git init` leaves a folder under another name. */
async function ensureMirror(context: GitContext, mirror: string): Promise<void> {
  if (existsSync(mirror)) return;
  mkdirSync(path.dirname(mirror), { recursive: true });
  const draft = `${mirror}.draft`;
  rmSync(draft, { recursive: true, force: true });
  const end = await git(context, ['init', '--quiet', '--bare', '--', draft]);
  if (end.code !== 0)
    throw new SourceProblem(
      message('repository_missing', 'mirror', {
        folder: path.dirname(mirror),
        why: complaint(end),
      }),
    );
  renameSync(draft, mirror);
}

async function commitOfTag(
  context: GitContext,
  mirror: string,
  tag: string,
): Promise<string | undefined> {
  if (!existsSync(mirror)) return undefined;
  const name = `refs/tags/${tag}^{commit}`;
  const end = await git(context, ['rev-parse', '--verify', '--quiet', '--end-of-options', name], {
    folder: mirror,
  });
  return end.code === 0 ? end.stdout.trim().split('\n').at(-1) : undefined;
}

async function hasCommit(context: GitContext, mirror: string, commit: string): Promise<boolean> {
  if (!existsSync(mirror) || !/^[0-9a-f]{40,64}$/.test(commit)) return false;
  const end = await git(context, ['cat-file', '-e', `${commit}^{commit}`], { folder: mirror });
  return end.code === 0;
}

export function short(commit: string): string {
  return commit.slice(0, 12);
}
