// Where a repository is: nothing a pipeline says can become an option of git or a helper program.

import path from 'node:path';
import { message } from '#core/messages.ts';
import {
  filledAddress,
  HIDDEN,
  secretOfAddress,
  secretsOfAddress,
  shownAddress,
  userOfAddress,
} from '#core/shown-address.ts';
import { limits } from '#schemas/limits.ts';
import type { GitContext } from './git.ts';
import { SourceProblem } from './problem.ts';

/** By what a repository is opened; git asks for it, it stands in no address. */
export interface Login {
  readonly username: string;
  readonly password: string;
}

export interface RepositoryAddress {
  /** As git gets it: without a password. */
  readonly url: string;
  /** On this machine: no network is needed. */
  readonly local: boolean;
  /** As people see it. */
  readonly shown: string;
  readonly login?: Login;
  /** What git may say and nobody shall read. */
  readonly hidden: readonly string[];
}

/** The address that an operator names, filled with the secrets it is made with. Throws SourceProblem. */
export async function addressOf(
  context: GitContext,
  git: string,
  folder: string | undefined,
): Promise<RepositoryAddress> {
  const names = secretsOfAddress(git);
  if (names.length === 0) return repositoryAddress(git, folder);
  const values = (await context.secrets?.(names)) ?? {};
  const missing = names.find((name) => values[name] === undefined);
  const repository = shownAddress(git);
  if (missing !== undefined)
    throw new SourceProblem(message('repository_missing', 'secret', { repository, name: missing }));
  return filledIn(git, folder, values);
}

function filledIn(
  git: string,
  folder: string | undefined,
  values: Readonly<Record<string, string>>,
): RepositoryAddress {
  const names = secretsOfAddress(git);
  const repository = shownAddress(git);
  const isWhole = repository === HIDDEN;
  try {
    const address = repositoryAddress(filledAddress(git, values), folder);
    const { hostname = '' } = isWhole ? (URL.parse(address.url) ?? {}) : {};
    const known = [
      ...names.map((name) => values[name] ?? ''),
      ...(isWhole ? [address.url, hostname] : []),
    ];
    const hidden = [...address.hidden, ...known].filter(isHideable);
    return { ...address, shown: repository, hidden };
  } catch (error) {
    // What is said of it shows it.
    if (!isWhole || !(error instanceof SourceProblem)) throw error;
    throw new SourceProblem(message('repository_missing', 'address', { git: HIDDEN }));
  }
}

const SCHEMES: ReadonlySet<string> = new Set(['https', 'http', 'ssh', 'git', 'file']);

/** Local paths are relative to the pipeline's folder. */
export function repositoryAddress(git: string, folder: string | undefined): RepositoryAddress {
  if (git === '' || git.startsWith('-') || hasControls(git))
    throw new SourceProblem(message('repository_missing', 'address', { git: quoted(git) }));
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(git)?.[1]?.toLowerCase();
  if (scheme !== undefined) return withScheme(git, scheme);
  if (/^[A-Za-z0-9+.-]+::/.test(git))
    throw new SourceProblem(message('repository_missing', 'helper', { git: quoted(git) }));
  // host:path as ssh knows it: a colon before the first slash.
  if (/^[^/\\]+@?[^/\\]*:(?!\\)/.test(git) && !path.isAbsolute(git)) return plain(git, false);
  return plain(path.resolve(folder ?? '.', git), true);
}

const quoted = (git: string): string => JSON.stringify(shown(git));

function withScheme(git: string, scheme: string): RepositoryAddress {
  if (!SCHEMES.has(scheme)) {
    const filling = { git: quoted(git), scheme, known: [...SCHEMES].join(', ') };
    throw new SourceProblem(message('repository_missing', 'scheme', filling));
  }
  const user = userOfAddress(git);
  const secret = secretOfAddress(git);
  if (user === undefined || secret === undefined) return plain(git, scheme === 'file');
  const written = git.slice(user.from, user.to);
  const [name = '', ...rest] = written.split(':');
  const login = { username: decoded(name), password: decoded(rest.join(':')) };
  const hidden = [git.slice(secret.from, secret.to), login.password, secret === user ? name : ''];
  const isHttp = scheme === 'https' || scheme === 'http';
  // ssh takes a user from an address, and nothing takes a password but http.
  const kept = isHttp || name === '' ? '' : `${name}@`;
  const url = `${git.slice(0, user.from)}${kept}${git.slice(user.to + 1)}`;
  const address = { ...plain(url, scheme === 'file'), hidden: hidden.filter(isHideable) };
  return isHttp ? { ...address, login } : address;
}

/** What is shorter would hide half of what is said, and be known by that. */
const isHideable = (text: string): boolean => text.length >= limits.secretLeast;

function plain(url: string, local: boolean): RepositoryAddress {
  return { url, local, shown: shownAddress(url), hidden: [] };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** As shown to people: without a password. */
export const shown = shownAddress;

/** A tag that git accepts as one and that cannot be taken for anything else. */
export function checkTag(tag: string): void {
  const bad =
    tag === '' ||
    tag.startsWith('-') ||
    tag.endsWith('/') ||
    tag.endsWith('.lock') ||
    tag.includes('..') ||
    tag.includes('@{') ||
    hasControls(tag) ||
    /[\s~^:?*[\\]/.test(tag);
  if (bad) throw new SourceProblem(message('tag_missing', 'name', { tag: JSON.stringify(tag) }));
}

function hasControls(text: string): boolean {
  return Array.from(text).some((sign) => (sign.codePointAt(0) ?? 0) < 32 || sign === '\u007f');
}
