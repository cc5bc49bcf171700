// Where a repository is: nothing a pipeline says can become an option of git or a helper program.

import path from 'node:path';
import { message } from '#core/messages.ts';
import { shownAddress } from '#core/shown-address.ts';
import { SourceProblem } from './problem.ts';

export interface RepositoryAddress {
  /** As git gets it. */
  readonly url: string;
  /** On this machine: no network is needed. */
  readonly local: boolean;
}

const SCHEMES: ReadonlySet<string> = new Set(['https', 'http', 'ssh', 'git', 'file']);

/** Local paths are relative to the pipeline's folder. */
export function repositoryAddress(git: string, folder: string | undefined): RepositoryAddress {
  if (git === '' || git.startsWith('-') || hasControls(git))
    throw new SourceProblem(message('repository_missing', 'address', { git: JSON.stringify(git) }));
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(git)?.[1]?.toLowerCase();
  if (scheme !== undefined) return withScheme(git, scheme);
  if (/^[A-Za-z0-9+.-]+::/.test(git))
    throw new SourceProblem(message('repository_missing', 'helper', { git: JSON.stringify(git) }));
  // host:path as ssh knows it: a colon before the first slash.
  if (/^[^/\\]+@?[^/\\]*:(?!\\)/.test(git) && !path.isAbsolute(git))
    return { url: git, local: false };
  return { url: path.resolve(folder ?? '.', git), local: true };
}

function withScheme(git: string, scheme: string): RepositoryAddress {
  if (!SCHEMES.has(scheme)) {
    const filling = { git: JSON.stringify(git), scheme, known: [...SCHEMES].join(', ') };
    throw new SourceProblem(message('repository_missing', 'scheme', filling));
  }
  return { url: git, local: scheme === 'file' };
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
