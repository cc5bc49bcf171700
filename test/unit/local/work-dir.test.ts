// A log that cannot be written is seen before a run, without anything being made for looking.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { logWarnings } from '#local/work-dir.ts';

const MODULE = fileURLToPath(new URL('../../../functions/local/work-dir.ts', import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-work-dir-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const warnings = (...names: string[]): readonly string[] =>
  logWarnings([
    {
      folder,
      log: {
        level: 'INFO',
        path: join(folder, ...names),
        rotation: { bytes: 1 },
        retention: { files: 1 },
      },
    },
  ]).map(({ message, severity }) => `${severity} ${message.replaceAll(folder, 'HERE')}`);

test('a file that is there, and one whose folders are yet to be made, can be written', () => {
  writeFileSync(join(folder, 'a.log'), '');
  expect(warnings('a.log')).toEqual([]);
  expect(warnings('new', 'folders', 'a.log')).toEqual([]);
  expect(existsSync(join(folder, 'new'))).toBe(false);
});

test('what is in the way is named, also where only the lines for programs cannot be written', () => {
  mkdirSync(join(folder, 'a.log'));
  writeFileSync(join(folder, 'file'), '');
  mkdirSync(join(folder, 'b.log.jsonl'));
  expect(warnings('a.log')).toEqual([
    'warning the log HERE/a.log cannot be written: a folder is in its place; runs go on without it',
  ]);
  expect(warnings('file', 'deep', 'a.log')).toEqual([
    'warning the log HERE/file/deep/a.log cannot be written: HERE/file is no folder; runs go on without it',
  ]);
  expect(warnings('b.log')).toEqual([
    expect.stringContaining('HERE/b.log.jsonl cannot be written: a folder is in its place'),
  ]);
  expect(warnings('x'.repeat(300))).toEqual([expect.stringContaining('ENAMETOOLONG')]);
});

test('a folder that this user may not write in is named', () => {
  mkdirSync(join(folder, 'closed'), { mode: 0o555 });
  chmodSync(folder, 0o755);
  const log = { level: 'INFO', path: join(folder, 'closed', 'logs', 'a.log') };
  // Root may write everywhere. It gives its rights up once all is loaded: the checkout may lie where nobody else may look.
  const program = `import { logWarnings } from ${JSON.stringify(MODULE)};
    if (process.getuid() === 0) process.setuid(65534);
    console.log(logWarnings([${JSON.stringify({ folder, log })}])[0].message);`;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', program]);
  expect(String(said).replaceAll(folder, 'HERE')).toBe(
    'the log HERE/closed/logs/a.log cannot be written: HERE/closed: EACCES; runs go on without it\n',
  );
});
