import type { Command } from 'commander';
import { limits } from '#schemas/limits.ts';
import { bashScript } from '../completion/bash.ts';
import { fishScript } from '../completion/fish.ts';
import { describe } from '../completion/spec.ts';
import { zshScript } from '../completion/zsh.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { reading } from '../reading.ts';
import { plain } from '../render/words.ts';

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const;
export type Shell = keyof typeof SCRIPTS;

export async function printCompletion(
  context: Context,
  shell: Shell,
  program: Command,
): Promise<ExitCode> {
  context.host.stdout.write(SCRIPTS[shell](describe(program)));
  return EXIT.done;
}

/** What a shell asks while somebody types: quick, and never an error in the middle of a line. */
export async function completeNames(
  context: Context,
  what: string,
  run: string | undefined,
): Promise<ExitCode> {
  const names = await Promise.race([namesOf(context, what, run).catch(() => []), patience()]);
  for (const name of names) if (name === plain(name)) context.say(name);
  return EXIT.done;
}

async function namesOf(
  context: Context,
  what: string,
  run: string | undefined,
): Promise<readonly string[]> {
  const most = limits.completedNames;
  if (what === 'run') {
    const runs = await reading(context, (control) => control.runs({ limit: most }));
    return runs.length === 0 ? [] : ['latest', ...runs.map((summary) => summary.run)];
  }
  if (what !== 'node' || run === undefined || run === '') return [];
  const { nodes } = await reading(context, (control) => control.report(run));
  return Object.entries(nodes)
    .slice(0, most)
    .map(([id, { label }]) => label ?? id);
}

function patience(): Promise<readonly string[]> {
  return new Promise((resolve) => {
    setTimeout(() => resolve([]), limits.completionWait).unref();
  });
}
