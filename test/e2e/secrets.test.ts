// A secret from the moment it is set to the end of a run: programs get it, and nothing that is kept, printed or seen by other processes holds it.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { allProcesses } from '#runner/processes.ts';
import { jsonLines, Place } from '#support/millrace.ts';

// With signs that JSON, URLs, base64 and a shell each write in their own way.
const SECRET = `s3cr&t/"quoted" +plus=~é`;
const LINES = 'first-secret-line\nsecond-secret-line';

const PIPELINE = `
id: secretive
nodes:
  - id: uses
    steps:
      - env: { TOKEN: "{{ secret.TOKEN }}", LINES: "{{ secret.LINES }}", URL: "https://user:{{ secret.TOKEN }}@example.com/" }
        command: |
          test "$TOKEN" = "$(cat "$MILLRACE_PIPELINE_DIR/wanted")" || exit 3
          test {{ secret.TOKEN }} = "$TOKEN" || exit 4
          echo "plain $TOKEN end"
          echo "error $TOKEN end" >&2
          echo "url $URL"
          printf '%s' "$TOKEN" | base64
          printf 'x%s' "$TOKEN" | base64
          printf 'xy%s' "$TOKEN" | base64
          python3 -I -c 'import os, json, urllib.parse as u; t = os.environ["TOKEN"]; print(u.quote(t)); print(u.quote(t, safe="")); print(u.quote_plus(t)); print(json.dumps(t)); print(json.dumps({"t": t}, ensure_ascii=False)); print(t.encode().hex())'
          head -c 10 "$MILLRACE_PIPELINE_DIR/wanted"; sleep 0.3; tail -c +11 "$MILLRACE_PIPELINE_DIR/wanted"; echo " split"
          printf '%s\\n' "$LINES"
          echo "0.5 working with $TOKEN" >> "$MILLRACE_PROGRESS"
          printf '%s' "$TOKEN" > handed.txt
          echo "out=<$TOKEN>" >> "$MILLRACE_OUTPUTS"
          touch "$MILLRACE_PIPELINE_DIR/ready"
          until test -e "$MILLRACE_PIPELINE_DIR/go"; do sleep 0.05; done
  - id: fails
    needs: [uses]
    steps: [{ env: { TOKEN: "{{ secret.TOKEN }}" }, command: 'echo "could not log in with $TOKEN" >&2; exit 5' }]
`;

let place: Place;
beforeEach(() => {
  place = new Place({ 'pipeline.yaml': PIPELINE, wanted: SECRET });
});
afterEach(() => {
  writeFileSync(join(place.folder, 'go'), '');
  place.remove();
});

/** How the secret might be written down. Parts of base64 that do not depend on what stands before or behind. */
function spellings(secret: string): Buffer[] {
  const base64 = [0, 1, 2].map((shift) => {
    const text = Buffer.from(`${'x'.repeat(shift)}${secret}`).toString('base64');
    return text.slice(shift === 0 ? 0 : 4, Math.floor(((secret.length + shift) * 4) / 3 / 4) * 4);
  });
  const form = new URLSearchParams({ v: secret }).toString().slice(2);
  const whole = encodeURIComponent(secret);
  const json = JSON.stringify(secret).slice(1, -1);
  return [
    secret,
    ...base64,
    encodeURI(secret),
    whole,
    whole.replaceAll('%2F', '/'),
    whole.replaceAll('%20', '+'),
    form,
    json,
    json.replace('é', '\\u00e9'),
    Buffer.from(secret).toString('hex'),
  ].map((text) => Buffer.from(text));
}

function holders(folder: string, secret: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return files.filter((name) => {
    if (!statSync(join(folder, name)).isFile()) return false;
    const content = readFileSync(join(folder, name));
    return spellings(secret).some((spelling) => content.includes(spelling));
  });
}

const holds = (text: string, secret: string): boolean =>
  spellings(secret).some((spelling) => text.includes(spelling.toString()));

/** Processes of the engine and its runner, by their command line; programs of the run are none of them. */
function ours(): { pid: number; command: string; environment: string }[] {
  const programs = new Set(place.programs);
  return allProcesses().flatMap(({ pid }) => {
    if (programs.has(pid) || pid === process.pid) return [];
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (!/millrace|runner/.test(command)) return [];
      return [{ pid, command, environment: readFileSync(`/proc/${pid}/environ`, 'utf8') }];
    } catch {
      return [];
    }
  });
}

test('reaches the program, and stands nowhere else: not in files, events, logs, report, nor in other processes', async () => {
  expect(await place.feed(`${SECRET}\n`, 'secret', 'set', 'TOKEN')).toMatchObject({ code: 0 });
  expect(await place.feed(LINES, 'secret', 'set', 'LINES')).toMatchObject({ code: 0 });
  expect((await place.run('secret', 'list')).stdout.split('\n')).toEqual(
    expect.arrayContaining(['LINES', 'TOKEN']),
  );
  const dataDir = join(place.folder, '.millrace');
  expect(statSync(join(dataDir, 'secrets.key')).mode & 0o777).toBe(0o600);

  const running = place.start('run', 'pipeline.yaml', '--json');
  await expect.poll(() => readdirSync(place.folder), { timeout: 15_000 }).toContain('ready');
  const seen = ours();
  expect(seen.length).toBeGreaterThanOrEqual(2);
  for (const { command, environment } of seen) {
    expect(holds(command, SECRET), command).toBe(false);
    expect(holds(environment, SECRET), command).toBe(false);
  }
  const shown = await place.run('show', 'latest', '--json');
  expect(holds(shown.stdout, SECRET)).toBe(false);
  writeFileSync(join(place.folder, 'go'), '');
  const ended = await running.ended;

  expect(ended.code, ended.stderr).toBe(1);
  const { report } = jsonLines(ended.stdout);
  expect(report.nodes['uses']).toMatchObject({ status: 'completed', outputs: { out: '<***>' } });
  expect(report.nodes['fails']?.message).toContain('could not log in with ***');
  const logs = (await place.run('logs', 'latest')).stdout;
  expect(logs).toMatch(/plain \*\*\* end/);
  expect(logs).toMatch(/\*\*\* split/);
  for (const text of [
    ended.stdout,
    ended.stderr,
    logs,
    (await place.run('events', 'latest', '--json')).stdout,
  ]) {
    expect(holds(text, SECRET), text).toBe(false);
    expect(text.includes('second-secret-line')).toBe(false);
  }
  expect(holders(dataDir, SECRET)).toEqual([]);
  expect(holders(dataDir, 'second-secret-line')).toEqual([]);
});

test('that is not set is said before the run, with the command that sets it', async () => {
  await place.feed('x-secret-x', 'secret', 'set', 'LINES');
  const ended = await place.run('run', 'pipeline.yaml');
  expect(ended.code).toBe(2);
  expect(ended.stderr).toContain('millrace secret set TOKEN');
  expect((await place.run('runs')).stdout).toBe('');
});

test('that is removed between the start and its use fails the node with its name', async () => {
  await place.feed(SECRET, 'secret', 'set', 'TOKEN');
  await place.feed(LINES, 'secret', 'set', 'LINES');
  const running = place.start('run', 'pipeline.yaml', '--json');
  await expect.poll(() => readdirSync(place.folder), { timeout: 15_000 }).toContain('ready');
  expect((await place.run('secret', 'rm', 'TOKEN')).code).toBe(0);
  writeFileSync(join(place.folder, 'go'), '');
  const { report } = jsonLines((await running.ended).stdout);
  expect(report.nodes['fails']).toMatchObject({ status: 'failed', reason: 'secret_missing' });
  expect(report.nodes['fails']?.message).toContain('TOKEN');
});
