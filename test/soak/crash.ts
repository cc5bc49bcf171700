// Crash rounds for as long as one likes: real engines and runners, killed at random moments.
import { crashRound } from '#support/crash-harness.ts';
import { CRASH_KINDS, type CrashKindName } from '#support/crash-kinds.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Prints each round; answers the exit code. */
export async function crashes(
  [rounds = 50, first = Date.now() % 1_000_000]: readonly number[],
  only?: CrashKindName,
): Promise<number> {
  let failed = 0;
  for (let index = 0; index < rounds; index += 1) {
    const { seed, kind, faults, kills, effects } = await crashRound(first + index, only);
    if (faults.length > 0) failed += 1;
    const mark = faults.length === 0 ? 'ok    ' : 'FAILED';
    print(`${mark} seed ${seed}  ${kind}  kills ${kills.join(', ') || 'none'}  effects ${effects}`);
    for (const fault of faults) print(`       ${fault}`);
  }
  print(`${rounds - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** A word of the command line as a kind. */
export function crashKind(word: string | undefined): CrashKindName | undefined {
  const names = Object.keys(CRASH_KINDS) as CrashKindName[];
  return names.find((name) => name === word);
}
