// The last line of a test run, `N passed, N failed`, also when a file fails to load.
// Under `npm test`, which adds its own checks and prints the sum, the counts go to a file instead.

import { writeFileSync, writeSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    const counts = countResults(modules, unhandled.length);
    const file = process.env['MILLRACE_TEST_COUNTS'];
    if (file !== undefined) {
      writeFileSync(file, JSON.stringify(counts));
      return;
    }
    const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
    // Coverage and teardown still print after this hook.
    process.once('exit', () => {
      writeSync(1, `\n${counts.passed} passed, ${counts.failed} failed${skipped}\n`);
    });
  }
}

function countResults(modules: readonly TestModule[], unhandled: number) {
  const counts = { passed: 0, failed: unhandled, skipped: 0 };
  for (const file of modules) {
    if (file.state() === 'failed' && file.errors().length > 0) counts.failed += 1;
    for (const test of file.children.allTests()) {
      const { state } = test.result();
      counts[state === 'passed' || state === 'failed' ? state : 'skipped'] += 1;
    }
  }
  return counts;
}
