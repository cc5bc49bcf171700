// What uv reads of a project: its pyproject.toml, and the workspace that it may be a member of, whose lock is the lock of all members.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'smol-toml';
import { textOf } from './activation.ts';
import { listOf, tableOf } from './uv-lock.ts';

export interface UvProject {
  readonly folder: string;
  readonly pyproject: string;
  /** Of the workspace, or the project's own. */
  readonly lock: string | undefined;
  /** Where the lock lies, or would: the folder of the workspace, or of the project. */
  readonly root: string;
  /** Everything that uv is told by files: of the project, of its workspace, and settings beside them. */
  readonly settings: readonly string[];
  /** Whether code of the operator itself goes into the environment, so that another state of it needs another environment. */
  readonly takesSources: boolean;
}

/** @param file path of the pyproject.toml, relative to `top`, above which nothing belongs to the operator */
export function readProject(top: string, file: string): UvProject {
  const at = path.join(top, file);
  const folder = path.dirname(at);
  const pyproject = readFileSync(at, 'utf8');
  const root = workspaceOf(folder, top) ?? folder;
  const lock = textOf(path.join(root, 'uv.lock'));
  const above = root === folder ? [] : [textOf(path.join(root, 'pyproject.toml')) ?? ''];
  const settings = [pyproject, ...above, textOf(path.join(root, 'uv.toml')) ?? ''];
  const takesSources =
    lock === undefined
      ? root !== folder || mayTakeSources(pyproject)
      : /source = \{[^}]*\b(editable|directory|path)\s*=/.test(lock);
  return { folder, pyproject, lock, root, settings, takesSources };
}

function mayTakeSources(pyproject: string): boolean {
  return (
    /^\s*\[build-system\]/m.test(pyproject) ||
    /\bpath\s*=/.test(pyproject) ||
    /workspace\s*=/.test(pyproject)
  );
}

/** The nearest folder above that counts this one among the members of its workspace, as uv looks for it. */
function workspaceOf(folder: string, top: string): string | undefined {
  for (let at = folder; at !== top && at !== path.dirname(at); ) {
    at = path.dirname(at);
    const file = path.join(at, 'pyproject.toml');
    if (existsSync(file) && hasMember(readFileSync(file, 'utf8'), path.relative(at, folder)))
      return at;
  }
  return undefined;
}

function hasMember(pyproject: string, member: string): boolean {
  try {
    const { members, exclude } = tableOf(
      tableOf(tableOf(parse(pyproject)['tool'])['uv'])['workspace'],
    );
    const names = (patterns: typeof members): boolean =>
      listOf(patterns).some((each) =>
        path.matchesGlob(member, path.normalize(`${each}`).replace(/\/$/, '')),
      );
    return names(members) && !names(exclude);
  } catch {
    // uv will say what is wrong with it.
    return false;
  }
}
