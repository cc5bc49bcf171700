// Random pipelines of nodes of all kinds, as many as one likes: by whole processes and by the library, against the rules of the design.
import { compareRandomRuns } from '#support/random-runs.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Prints what fails; answers the exit code. */
export async function randomRuns([
  count = 500,
  first = Date.now() % 1_000_000,
]: readonly number[]): Promise<number> {
  let failed = 0;
  let compared = 0;
  for (let index = 0; index < count; index += 1) {
    try {
      if (await compareRandomRuns(first + index)) compared += 1;
    } catch (error) {
      failed += 1;
      print(`FAILED ${error instanceof Error ? error.message : String(error)}`);
      print(`  replay: npm run soak -- random 1 ${first + index}`);
    }
    if (index % 20 === 19)
      print(`random: ${index + 1} seeds, ${compared} compared, ${failed} failed`);
  }
  print(`random: ${count} seeds from ${first}, ${compared} compared, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}
