// A run in a real terminal (a pseudo one, made by script(1)).
import { execFile, spawnSync } from 'node:child_process';
import path from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';

const program = path.resolve('test/support/watched-run.ts');
const hasScript = spawnSync('script', ['--version']).status === 0;

async function inTerminal(
  args: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const command = `stty rows 12 cols 70; '${process.execPath}' '${program}' ${args}`;
  const { CI: _, NO_COLOR: __, FORCE_COLOR: ___, ...inherited } = process.env;
  const { stdout } = await promisify(execFile)('script', ['-qefc', command, '/dev/null'], {
    env: { ...inherited, TERM: 'xterm', ...env },
  });
  return stdout;
}

test.skipIf(!hasScript)(
  'in a terminal the run is a tree that is drawn again, and the last one stays',
  async () => {
    const printed = await inTerminal('run package.json');
    const text = stripVTControlCharacters(printed);
    expect(printed).toContain('\u001b[');
    expect(text).toMatch(/● first {3}.*██████░░░░░░ 50 % reading/);
    expect(text).toMatch(/○ third {3,}waits for its turn/);
    const last = text.slice(text.lastIndexOf('✓ flights'));
    expect(last).toMatch(/✓ first[\s\S]*✓ second[\s\S]*✓ third/);
    // The cursor is shown again.
    expect(printed.lastIndexOf('\u001b[?25h')).toBeGreaterThan(printed.lastIndexOf('\u001b[?25l'));
  },
);

test.skipIf(!hasScript)('NO_COLOR takes the colours, not the tree', async () => {
  const printed = await inTerminal('run package.json', { NO_COLOR: '1' });
  expect(printed).toContain('● first');
  for (const colour of ['31', '32', '36']) expect(printed).not.toContain(`\u001b[${colour}m`);
});

test.skipIf(!hasScript)('in CI a terminal gets plain lines', async () => {
  const printed = await inTerminal('run package.json', { CI: 'true' });
  expect(stripVTControlCharacters(printed)).toMatch(/\d\d:\d\d:\d\d first started\r?\n/);
  expect(printed).not.toContain('\u001b[?25l');
});
