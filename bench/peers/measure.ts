// Runs the program of one system once, in a folder and a process group of its own, and answers what it measured.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as z from 'zod';
import { Defect } from '#errors/families.ts';

/** Nodes of the chain; nodes beside each other in the fan-out, to which a join comes. */
export const LENGTH = 40;
export const WIDTH = 400;

const PATIENCE = 10 * 60_000;

const one = z.object({
  /** From the call that submits the work to its result. */
  seconds: z.number(),
  /** From the same call until everything of it was written down. */
  recorded: z.number(),
});
const measured = z.object({ chain: one, fan: one });
export type Measured = z.infer<typeof measured>;

export interface System {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
}

export async function measure(system: System): Promise<Measured> {
  const folder = mkdtempSync(path.join(tmpdir(), 'millrace-peers-'));
  try {
    return await run(system, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function run(system: System, folder: string): Promise<Measured> {
  const data = path.join(folder, 'data');
  mkdirSync(data);
  const said = path.join(folder, 'stderr.txt');
  const stderr = openSync(said, 'w');
  const child = spawn(system.program, [...system.args, data, `${LENGTH}`, `${WIDTH}`], {
    cwd: folder,
    // Nothing of the user's: neither settings of a peer nor a server of his that it would talk to.
    env: { PATH: process.env['PATH'], HOME: folder, TMPDIR: folder, PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['ignore', 'pipe', stderr],
    detached: true,
  });
  closeSync(stderr);
  let printed = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const late = setTimeout(() => endGroup(child.pid), PATIENCE);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  }).finally(() => {
    clearTimeout(late);
    endGroup(child.pid);
  });
  const found = measured.safeParse(jsonOf(printed.trim().split('\n').at(-1) ?? ''));
  if (code === 0 && found.success) return found.data;
  const tail = readFileSync(said, 'utf8').trim().split('\n').slice(-15).join('\n');
  throw new Defect(
    `${system.name} ended with exit code ${code} and printed ${JSON.stringify(printed.slice(0, 200))}, wanted is one line of measurements:\n${tail}`,
  );
}

/** The program and whatever it left: a server, say. */
function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of them have ended.
  }
}

function jsonOf(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text);
    return parsed;
  } catch {
    return undefined;
  }
}
