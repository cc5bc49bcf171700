// The working folder of a production line: for each operator a clone of its code and a way to its environment. They are there for
// people; runs use what is kept by content, so what happens to these folders changes no run.
import { createHash, randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { limits } from '#schemas/limits.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { addressOf } from './code/address.ts';
import { checkOutAt } from './code/checkout.ts';
import type { GitContext } from './code/git.ts';

export interface Prepared {
  /** Absent for a working tree, which lies where it is. */
  readonly commit?: string | undefined;
  /** The prefix of the environment; absent where there is none. */
  readonly environment?: string | undefined;
}

type PrepareWork = Extract<WorkOrder['work'], { kind: 'prepare' }>;

/** Answers what could not be put there, in sentences: nothing of it keeps a run from going on. */
export async function fillWorkDir(
  context: GitContext,
  { order, work }: { readonly order: WorkOrder; readonly work: PrepareWork },
  { commit, environment }: Prepared,
): Promise<readonly string[]> {
  const { workDir, folder } = order;
  if (workDir === undefined) return [];
  const notes: (string | undefined)[] = [];
  for (const name of work.operators ?? []) {
    const called = folderName(name);
    const code = path.join(workDir.folder, 'operators', called);
    const env = path.join(workDir.folder, 'envs', called);
    try {
      if ('git' in work.operator && commit !== undefined) {
        const { git, tag } = work.operator;
        const address = await addressOf(context, git, folder);
        notes.push(await checkOutAt(context, { address, tag, commit, folder: code }));
      }
      if (environment !== undefined) notes.push(linkTo(environment, env));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      notes.push(`${workDir.folder} has not all of ${name}: ${why}`);
    }
  }
  return notes.filter((note) => note !== undefined);
}

/** As the user spells it, as far as it can be one name of a folder; two names never give the same. */
export function folderName(id: string): string {
  const safe = id.replaceAll(/[%/\\\p{Cc}]|^\./gu, (sign) =>
    [...Buffer.from(sign)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  );
  if (Buffer.byteLength(safe) <= limits.folderName) return safe;
  return `${safe.slice(0, 40)}-${createHash('sha256').update(id).digest('hex').slice(0, 16)}`;
}

/** A link that changes from one environment to another in one step. What is no link is somebody's own. */
function linkTo(environment: string, link: string): string | undefined {
  const there = lstatSync(link, { throwIfNoEntry: false });
  if (there?.isSymbolicLink() === true && readlinkSync(link) === environment) return undefined;
  if (there !== undefined && !there.isSymbolicLink())
    return `${link} is no link of Millrace and is left as it is; this run uses ${environment}`;
  mkdirSync(path.dirname(link), { recursive: true });
  const draft = `${link}.${randomBytes(6).toString('hex')}`;
  try {
    symlinkSync(environment, draft);
    renameSync(draft, link);
  } finally {
    rmSync(draft, { force: true });
  }
  return undefined;
}
