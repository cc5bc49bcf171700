// Formatting, types and lint. `--fix` writes what can be written. Each check is one passed or failed in the closing line of `npm test`.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { setup } from './setup.mjs';
import { entry, isEntry, modernNode, root, run, runTool } from './toolbox.mjs';

const BIOME = ['--colors=off', '--error-on-warnings'];

export const checks = [
  { name: 'format, lint and imports', run: () => runTool('biome', ['ci', ...BIOME]) },
  { name: 'types', run: () => runTool('tsc', ['-b']) },
  { name: 'promises', run: () => runTool('oxlint', ['--type-aware', '--quiet']) },
];

// Written from the schemas by tools/generate.ts; asked with --check it changes nothing and says what is stale.
export const generatedCheck = { name: 'generated files', run: runGenerator };

async function runGenerator() {
  const generator = path.join(root, 'tools/generate.ts');
  return existsSync(generator) ? run(modernNode(), [generator, '--check']) : 0;
}

/** Runs every check, also after one failed: all there is to mend is seen at once. */
export async function runChecks(list) {
  const counts = { passed: 0, failed: 0 };
  for (const check of list) {
    const code = await check.run();
    counts[code === 0 ? 'passed' : 'failed'] += 1;
    console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${check.name}`);
  }
  return counts;
}

if (isEntry(import.meta.url)) {
  await entry(async () => {
    await setup();
    if (process.argv.includes('--fix')) await runTool('biome', ['check', '--write', ...BIOME]);
    const { failed } = await runChecks(checks);
    return failed === 0 ? 0 : 1;
  });
}
