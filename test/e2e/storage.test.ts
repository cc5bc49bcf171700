// Data directories that cannot take what is written: full, read-only, of a newer version. Real file systems, where this user may mount one.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { jsonLines, Place } from '#support/millrace.ts';

const PIPELINE = `
id: held
nodes:
  - id: held
    steps: [{ command: 'echo held >> "$MILLRACE_PIPELINE_DIR/effects"; until test -e "$MILLRACE_PIPELINE_DIR/go"; do sleep 0.05; done' }]
  - id: next
    needs: [held]
    steps: [{ command: 'echo next >> "$MILLRACE_PIPELINE_DIR/effects"; echo "in=$MILLRACE_ATTEMPT" >> "$MILLRACE_OUTPUTS"' }]
`;

let place: Place;
let disk: string;

beforeEach(() => {
  place = new Place({ 'pipeline.yaml': PIPELINE });
  disk = join(place.folder, 'disk');
  mkdirSync(disk);
});

afterEach(() => {
  writeFileSync(join(place.folder, 'go'), '');
  spawnSync('umount', ['--lazy', disk]);
  place.remove();
});

/** Whether this user may mount a small disk of its own; asked once. */
const mayMount = ((): boolean => {
  const trial = new Place();
  try {
    if (spawnSync('mount', ['-t', 'tmpfs', 'none', trial.folder]).status !== 0) return false;
    return spawnSync('umount', ['--lazy', trial.folder]).status === 0;
  } finally {
    trial.remove();
  }
})();
if (!mayMount)
  process.stderr.write(
    'SKIPPED: this user may not mount, so nobody tried a full and a read-only disk\n',
  );

const mount = (...options: readonly string[]): void => {
  execFileSync('mount', [...options, disk]);
};

/** Every file below a folder, with what it holds and when it was written. */
function stateOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return Object.fromEntries(
    files.sort().map((name) => {
      const info = statSync(join(folder, name));
      const content = info.isFile() ? readFileSync(join(folder, name)) : '';
      return [name, `${info.mtimeMs} ${createHash('sha256').update(content).digest('hex')}`];
    }),
  );
}

const effects = (): string => readFileSync(join(place.folder, 'effects'), 'utf8');

describe.skipIf(!mayMount)('on a disk of its own', () => {
  test('that fills up during the run: the run stops with a clear message, and resume completes once there is room', async () => {
    mount('-t', 'tmpfs', '-o', 'size=3m', 'none');
    const dataDir = join(disk, 'data');
    const running = place.start('run', 'pipeline.yaml', '--json', '--data-dir', dataDir);
    const line = await running.line((text) => text.includes('"held.started"'));
    const { run } = JSON.parse(line);
    await expect.poll(() => existsSync(join(place.folder, 'effects'))).toBe(true);
    const ballast = join(disk, 'ballast');
    spawnSync('sh', ['-c', `head -c 10000000 /dev/zero > ${ballast}`]);
    writeFileSync(join(place.folder, 'go'), '');
    const full = await running.ended;
    expect(full.code).toBe(1);
    expect(full.stderr).toMatch(/no space left/);
    expect(full.stderr).toContain(`millrace resume ${run}`);
    rmSync(ballast);
    const resumed = await place.run('resume', run, '--json', '--data-dir', dataDir);
    expect(resumed).toMatchObject({ code: 0 });
    const { report } = jsonLines(resumed.stdout);
    expect(report.status).toBe('completed');
    expect(report.nodes['next']?.outputs).toEqual({ in: 1 });
    expect(effects()).toBe('held\nnext\n');
  });

  test('that is full from the beginning: refused with a clear message, and nothing ran', async () => {
    mount('-t', 'tmpfs', '-o', 'size=1m', 'none');
    spawnSync('sh', ['-c', `head -c 10000000 /dev/zero > ${join(disk, 'ballast')}`]);
    const ended = await place.run('run', 'pipeline.yaml', '--data-dir', join(disk, 'data'));
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/no space left/);
    expect(ended.stderr).not.toContain('defect');
    expect(existsSync(join(place.folder, 'effects'))).toBe(false);
  });

  test('that may only be read: a run is refused and says what to do, and what ran before can be looked at', async () => {
    mount('-t', 'tmpfs', '-o', 'size=8m', 'none');
    writeFileSync(join(place.folder, 'go'), '');
    const dataDir = join(disk, 'data');
    const first = await place.run('run', 'pipeline.yaml', '--json', '--data-dir', dataDir);
    expect(first.code).toBe(0);
    const { report } = jsonLines(first.stdout);
    // A runner that has just ended may still hold the disk.
    await expect
      .poll(() => spawnSync('mount', ['-o', 'remount,ro', disk]).status, { timeout: 10_000 })
      .toBe(0);
    const refused = await place.run('run', 'pipeline.yaml', '--data-dir', dataDir);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(
      /may not be written; make it writable or choose another data directory/,
    );
    expect(effects()).toBe('held\nnext\n');
    const shown = await place.run('show', report.run, '--json', '--data-dir', dataDir);
    expect(shown.code).toBe(0);
    expect(jsonLines(shown.stdout).report.nodes).toEqual(report.nodes);
    expect((await place.run('runs', '--data-dir', dataDir)).stdout).toContain(report.run);
  });
});

describe('a data directory of a newer version', () => {
  const newer = {
    'by its format file': (dataDir: string) => writeFileSync(join(dataDir, 'format'), '99\n'),
    'by its database': (dataDir: string) => {
      const database = new DatabaseSync(join(dataDir, 'millrace.db'));
      database.exec('pragma user_version = 99');
      database.close();
    },
  };
  test.each(Object.entries(newer))(
    '%s is left alone: exit 2, nothing in it changes',
    async (_how, make) => {
      writeFileSync(join(place.folder, 'go'), '');
      expect((await place.run('run', 'pipeline.yaml')).code).toBe(0);
      const dataDir = join(place.folder, '.millrace');
      make(dataDir);
      const before = stateOf(dataDir);
      const asked = [
        ['run', 'pipeline.yaml'],
        ['resume', 'latest'],
        ['runs'],
        ['show', 'latest'],
        ['cancel', 'latest'],
      ];
      for (const args of asked) {
        const ended = await place.run(...args);
        expect(ended.code, args.join(' ')).toBe(2);
        expect(ended.stderr, args.join(' ')).toMatch(/newer/);
        expect(ended.stderr, args.join(' ')).toContain('99');
      }
      expect(stateOf(dataDir)).toEqual(before);
      expect(effects()).toBe('held\nnext\n');
    },
  );
});
