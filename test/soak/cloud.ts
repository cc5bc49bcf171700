// Random graphs on the emulated cloud, as many and as large as one likes, against the embedded engine.
import { buildBundles, layGround, openCloud } from '#support/aws/cloud.ts';
import { compareOnCloud, largeSketch, SketchedJobs } from '#support/aws/random-clouds.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** Prints what fails; answers the exit code. */
export async function cloudRuns([
  count = 1,
  nodes = 1_000,
  first = Date.now() % 1_000_000,
]: readonly number[]): Promise<number> {
  await buildBundles();
  const laid = await layGround();
  if (laid === undefined) {
    print('MiniStack is missing: node tools/emulators.mjs');
    return 1;
  }
  const jobs = new SketchedJobs();
  const cloud = await openCloud(laid.ground, { containers: jobs.containers });
  let failed = 0;
  try {
    for (let compared = 0, next = first; compared < count; compared += 1) {
      const { sketch, seed } = largeSketch(next, nodes);
      next = seed + 1;
      const began = performance.now();
      try {
        await compareOnCloud(cloud, jobs, sketch);
        const seconds = ((performance.now() - began) / 1_000).toFixed(1);
        const attempts = jobs.containers.claimed.length;
        print(`seed ${seed}: ${sketch.nodes.length} nodes, ${attempts} attempts, ${seconds} s`);
      } catch (error) {
        failed += 1;
        print(`FAILED ${error instanceof Error ? error.message : String(error)}`);
        print(`  replay: npm run soak -- cloud 1 ${nodes} ${seed}`);
      }
    }
    print(`cloud: ${count} graphs, ${failed} failed`);
  } finally {
    await cloud.close();
    await laid.end();
  }
  return failed === 0 ? 0 : 1;
}
