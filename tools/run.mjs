// Sets the checkout up, then runs one of its programs with the modern Node: `node tools/run.mjs bench/main.ts …`.

import path from 'node:path';
import { setup } from './setup.mjs';
import { entry, modernNode, root, run } from './toolbox.mjs';

await entry(async () => {
  await setup();
  const [program, ...args] = process.argv.slice(2);
  return run(modernNode(), [path.join(root, program), ...args]);
});
