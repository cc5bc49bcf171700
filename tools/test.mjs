// `npm test`: everything that must hold, in a fresh clone too. The last line is `N passed, N failed`.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { checks, generatedCheck, runChecks } from './check.mjs';
import { installForTests, isCi } from './debian.mjs';
import { installEmulators } from './emulators.mjs';
import { installEnvironmentTools, joinPixi, startPixi } from './environment-tools.mjs';
import { setup } from './setup.mjs';
import { entry, modernNode, root, run, toolEnvironment } from './toolbox.mjs';

await entry(async () => {
  const counts = { passed: 0, failed: 1, skipped: 0, missing: [] };
  try {
    const say = (text) => console.log(`setup: ${text}`);
    // Begun first and joined last: where it is not built yet, that takes minutes. What needs it is then tested at the end.
    let building = true;
    const pixi = startPixi(say).finally(() => {
      building = false;
    });
    await setup();
    counts.missing = [
      ...installForTests(say),
      ...installEmulators(say),
      ...installEnvironmentTools(say),
    ];
    const before = await runChecks([...checks, generatedCheck]);
    const asked = process.argv.slice(2);
    const later = building && asked.length === 0;
    const rounds = [await runTests(later ? ['--project=!pixi'] : asked)];
    counts.missing.push(...(await joinPixi(pixi)));
    if (later) rounds.push(await runTests(['--project=pixi']));
    const sum = (name) => rounds.reduce((all, round) => all + round[name], 0);
    counts.passed = before.passed + sum('passed');
    // CI can install what it lacks: there nothing goes untested unseen.
    counts.failed = before.failed + sum('failed') + (isCi() ? counts.missing.length : 0);
    counts.skipped = sum('skipped');
    return counts.failed === 0 ? 0 : 1;
  } finally {
    process.once('exit', () => console.log(closingLine(counts)));
  }
});

/** Runs vitest; its reporter leaves the counts in a file. Without that file vitest itself has failed, which counts as one. */
async function runTests(args) {
  const folder = mkdtempSync(path.join(tmpdir(), 'millrace-test-'));
  const file = path.join(folder, 'counts.json');
  try {
    const vitest = path.join(root, 'node_modules/vitest/vitest.mjs');
    const env = { ...toolEnvironment(), MILLRACE_TEST_COUNTS: file };
    const code = await run(modernNode(), [vitest, 'run', ...args], { env });
    const counts = readCounts(file);
    return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readCounts(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

function closingLine({ passed, failed, skipped, missing }) {
  const loud = missing.map((line) => `\nMISSING: ${line}`).join('');
  return `${loud}\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
