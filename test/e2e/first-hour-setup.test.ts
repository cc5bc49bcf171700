// The Debian packages of the tests, on machines that a test makes up: a PATH with an apt-get that only pretends.
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ROOT } from '#support/millrace.ts';

let bin: string;
let log: string;

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-setup-'));
  bin = join(folder, 'bin');
  log = join(folder, 'log');
  mkdirSync(bin);
  for (const name of ['env', 'sh', 'touch', 'chmod']) symlinkSync(whereIs(name), join(bin, name));
  // All there but the browser.
  for (const name of ['sshd', 'java', 'mvn']) tool(name, 'exit 0');
  // Whoever runs the tests: this sudo lets everybody.
  tool('sudo', 'shift; exec "$@"');
});
afterEach(() => rmSync(join(bin, '..'), { recursive: true, force: true }));

function whereIs(name: string): string {
  return spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
}

function tool(name: string, script: string): void {
  writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

function install(): { missing: readonly string[]; said: readonly string[] } {
  const module = JSON.stringify(join(ROOT, 'tools/debian.mjs'));
  const script = `import { installForTests } from ${module}; const said = []; console.log(JSON.stringify({ missing: installForTests((text) => said.push(text)), said }))`;
  const ended = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    env: { PATH: bin, LOG: log },
    encoding: 'utf8',
  });
  expect(ended.stderr).toBe('');
  return JSON.parse(ended.stdout);
}

test('what is missing is installed by name, once, with a line that says so', () => {
  tool(
    'apt-get',
    `echo "$@" >> "$LOG"; touch ${join(bin, 'chromium')}; chmod +x ${join(bin, 'chromium')}`,
  );
  const first = install();
  expect(first.missing).toEqual([]);
  expect(first.said).toEqual(['installing Debian packages for tests: chromium']);
  expect(readFileSync(log, 'utf8')).toMatch(/--yes --no-install-recommends .* install chromium\n$/);
  rmSync(log);
  expect(install()).toEqual({ missing: [], said: [] });
  expect(existsSync(log)).toBe(false);
});

test('where the lists of packages are not there yet they are read first', () => {
  tool(
    'apt-get',
    `case "$*" in *update) touch ${join(bin, 'lists')} ;; *) [ -e ${join(bin, 'lists')} ] || exit 100; touch ${join(bin, 'chromium')}; chmod +x ${join(bin, 'chromium')} ;; esac`,
  );
  expect(install().missing).toEqual([]);
});

test('what cannot be installed is named with what is not tested without it', () => {
  tool('apt-get', 'exit 100');
  expect(install().missing).toEqual([
    expect.stringMatching(
      /^chromium \(apt-get could not install it; .*\): not tested: .*show --html/,
    ),
  ]);
  rmSync(join(bin, 'apt-get'));
  expect(install().missing).toEqual([expect.stringContaining('no apt-get here')]);
});
