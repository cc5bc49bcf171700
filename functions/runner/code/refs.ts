// What the files of repositories tell without git: a process for each operator of a line would be most of what a run of it costs.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { RepositoryAddress } from './address.ts';

const OBJECT = /^[0-9a-f]{40,64}$/;

/** The object that a tag names in a repository of this machine. Undefined where its files do not tell: then git must be asked. */
export function tagOfFolder({ url }: RepositoryAddress, tag: string): string | undefined {
  if (!path.isAbsolute(url)) return undefined;
  for (const folder of [path.join(url, '.git'), url]) {
    if (read(path.join(folder, 'HEAD')) === undefined) continue;
    // A tag by itself counts before the packed one.
    const single = read(path.join(folder, 'refs/tags', tag))?.trim();
    const found = single ?? packed(read(path.join(folder, 'packed-refs')), `refs/tags/${tag}`);
    return found !== undefined && OBJECT.test(found) ? found : undefined;
  }
  return undefined;
}

function packed(text: string | undefined, name: string): string | undefined {
  const line = text?.split('\n').find((each) => each.endsWith(` ${name}`));
  return line?.slice(0, line.indexOf(' '));
}

/** The commit that the object of a tag leads to, where it was kept: an object never changes. */
export function commitKept(mirror: string, object: string): string | undefined {
  const commit = read(path.join(mirror, COMMITS, object));
  return commit !== undefined && OBJECT.test(commit) ? commit : undefined;
}

export function keepCommit(mirror: string, tag: { object: string; commit: string }): void {
  const folder = path.join(mirror, COMMITS);
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, tag.object), tag.commit);
  } catch {
    // A cache that cannot be written only makes the next run ask git again.
  }
}

const COMMITS = 'millrace-commits';

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
