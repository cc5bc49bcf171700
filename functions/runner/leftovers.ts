// What a dead runner left running. Nothing is killed by its number alone: that may be somebody else's by now.
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Transient } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import { removeCages } from './cage.ts';
import { allProcesses, isAlive, signal } from './processes.ts';
import { readSpool, type SpoolContent } from './spool.ts';
import { markedProcesses } from './sweep.ts';
import { workspaceFolder } from './workspaces.ts';

/**
 * Ends the runners of this data directory and all that they started: recorded process groups whose leader is the very process
 * that was recorded, and whatever carries a runner's mark. Answers how many processes there were; rejects when one does not go.
 */
export async function endLeftovers(dataDir: string): Promise<number> {
  let ended = 0;
  for (const spool of readSpool(dataDir)) {
    // Of a copy nothing runs: what is named there works for the directory that was copied.
    if (spool.copied) continue;
    ended += await endLeftoversOf(spool);
    removeCages(spool.job);
    await rm(workspaceFolder(dataDir, spool.job), { recursive: true, force: true, maxRetries: 3 });
  }
  return ended;
}

async function endLeftoversOf(spool: SpoolContent): Promise<number> {
  const found = new Set<number>();
  const until = performance.now() + limits.killWait;
  if (spool.runner !== undefined && isAlive(spool.runner)) {
    // First the runner, or it would go on starting programs.
    signal(spool.runner.pid, 'SIGKILL');
    await eventually(() => spool.runner === undefined || !isAlive(spool.runner), until);
    found.add(spool.runner.pid);
  }
  await eventually(() => {
    const left = leftoversOf(spool);
    for (const pid of left) {
      found.add(pid);
      signal(pid, 'SIGKILL');
    }
    return left.length === 0;
  }, until);
  return found.size;
}

/** Processes of a spool that live. A group's leader was checked by its start time, so its id is not somebody else's. */
function leftoversOf(spool: SpoolContent): number[] {
  const groups = new Set(
    spool.spawned.filter(({ mark }) => isAlive(mark)).map(({ mark }) => mark.pid),
  );
  const inGroups =
    groups.size === 0
      ? []
      : allProcesses().filter(({ group, state }) => groups.has(group) && state !== 'Z');
  const marked = markedProcesses(spool.job);
  return [...new Set([...inGroups, ...marked].map(({ pid }) => pid))];
}

async function eventually(holds: () => boolean, until: number): Promise<void> {
  while (!holds()) {
    if (performance.now() > until)
      throw new Transient(
        'busy',
        'processes of an earlier runner do not end although they were killed',
      );
    await sleep(10);
  }
}
