// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are what is tested
// A production line in several files, from the folder to the end of its run: merged, set by variables, with values that are encoded. What
// was decoded reaches the programs that name it and stands nowhere else.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { allProcesses } from '#runner/processes.ts';
import { jsonLines, Place } from '#support/millrace.ts';

const SECRET = 'secret_key_example/+"é';
const encoded = (text: string): string => `base64://${Buffer.from(text).toString('base64')}`;

const BASE = `
pipeline_id: line
s3_config: { access_key: AKIAEXAMPLE, secret_key: "${encoded(SECRET)}" }
log_config: { level: INFO }
`;

const USES = `
operators:
  - operator_id: uses
    git_repo: ./code
    git_tag: v1
    extra_env_vars: { KEY: "\${s3_config.secret_key}", COUNT: 1.50 }
    start_command: |
      test "$KEY" = "$(cat "$MILLRACE_PIPELINE_DIR/wanted")" || exit 3
      test \${s3_config.secret_key} = "$KEY" || exit 4
      test "$COUNT" = 1.50 || exit 5
      echo "plain $KEY end"
      printf '%s' "$KEY" | base64
      echo "out=<$KEY>" >> "$MILLRACE_OUTPUTS"
      touch "$MILLRACE_PIPELINE_DIR/ready"
      until test -e "$MILLRACE_PIPELINE_DIR/go"; do sleep 0.05; done
`;

const OPERATORS = `${USES}
  - operator_id: fails
    git_repo: ./code
    git_tag: v1
    upstream_dependencies: [uses]
    start_command: '\${fail}'
fail: "${encoded('cat "$MILLRACE_PIPELINE_DIR/wanted" >&2; exit 5')}"
`;

const NODES = `
nodes:
  - { node_id: one, operator_ids: [uses] }
  - { node_id: two, operator_ids: [fails] }
`;

let place: Place;
beforeEach(() => {
  place = new Place({ wanted: SECRET });
  mkdirSync(join(place.folder, 'line/code'), { recursive: true });
  const git = (...args: readonly string[]): unknown =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], {
      cwd: join(place.folder, 'line/code'),
    });
  git('init', '-q');
  git('commit', '-q', '--allow-empty', '-m', 'code');
  git('tag', 'v1');
});
afterEach(() => {
  writeFileSync(join(place.folder, 'line/go'), '');
  place.remove();
});

const line = (name: string, text: string): void =>
  writeFileSync(join(place.folder, 'line', name), text);

/** Files below a folder that hold it, as it is, in base64 or as JSON has it. */
function holders(folder: string, text: string): string[] {
  const spellings = [text, Buffer.from(text).toString('base64'), JSON.stringify(text).slice(1, -1)];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => {
    const file = join(folder, name);
    if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return false;
    const content = readFileSync(file);
    return spellings.some((spelling) => content.includes(spelling));
  });
}

const shows = (text: string): boolean =>
  [SECRET, Buffer.from(SECRET).toString('base64')].some((each) => text.includes(each));

/** What the engine and its runner were started with; programs of the run are none of them. */
function environments(): string[] {
  const programs = new Set(place.programs);
  return allProcesses().flatMap(({ pid }) => {
    if (programs.has(pid) || pid === process.pid) return [];
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (!/millrace|runner/.test(command)) return [];
      return [`${command}${readFileSync(`/proc/${pid}/environ`, 'utf8')}`];
    } catch {
      return [];
    }
  });
}

test('a decoded value reaches the programs that name it and stands nowhere else, also after the engine was killed', async () => {
  line('10-base.yaml', BASE);
  line('20-operators.yaml', OPERATORS);
  line('30-nodes.yaml', NODES);
  writeFileSync(join(place.folder, 'line/wanted'), SECRET);
  const dataDir = join(place.folder, '.millrace');

  const killed = place.start('run', 'line', '--json');
  await expect
    .poll(() => readdirSync(join(place.folder, 'line')), { timeout: 20_000 })
    .toContain('ready');
  const seen = environments();
  expect(seen.length).toBeGreaterThanOrEqual(2);
  for (const each of seen) expect(shows(each), each).toBe(false);
  killed.child.kill('SIGKILL');
  await killed.ended;
  writeFileSync(join(place.folder, 'line/go'), '');
  // The second node asks the new engine, which has the files only.
  const resumed = await place.run('resume', 'latest', '--json');
  const { events, report } = jsonLines(resumed.stdout);

  expect(resumed.code).toBe(1);
  expect(report.nodes['one']).toMatchObject({ status: 'completed', outputs: { out: '<***>' } });
  expect(report.nodes['two']).toMatchObject({ status: 'failed', reason: 'exit', exitCode: 5 });
  expect(events.length).toBeGreaterThan(0);
  const logs = await place.run('logs', 'latest');
  expect(logs.stdout).toContain('plain *** end');
  for (const { stdout, stderr } of [
    resumed,
    logs,
    await place.run('show', 'latest', '--json'),
    await place.run('events', 'latest', '--json'),
    await place.run('plan', 'line', '--json'),
  ])
    expect(shows(stdout + stderr)).toBe(false);
  expect(holders(dataDir, SECRET)).toEqual([]);
});

test('an engine in another process is told what was decoded, and one that was left behind reads it', async () => {
  line('a.yaml', `${BASE}${USES}`);
  line('b.yaml', NODES.replace(/ {2}- \{ node_id: two.*\n/, ''));
  writeFileSync(join(place.folder, 'line/wanted'), SECRET);
  writeFileSync(join(place.folder, 'line/go'), '');
  // Known to whoever submits the run only.
  const own = 'MI_PIPELINE_CONF_S3_CONFIG__SECRET_KEY';
  const server = place.start('serve', '--idle', '20s');
  const socket = join(place.folder, '.millrace/engine.sock');
  await expect.poll(() => existsSync(socket), { timeout: 15_000 }).toBe(true);
  place.env[own] = encoded('of the client');
  writeFileSync(join(place.folder, 'line/wanted'), 'of the client');

  const asked = await place.run('run', 'line', '--json');
  expect(jsonLines(asked.stdout).report, asked.stdout).toMatchObject({ status: 'completed' });
  server.child.kill('SIGTERM');
  await server.ended;
  const left = await place.run('run', 'line', '--detach');
  expect(left.code).toBe(0);
  await expect
    .poll(async () => JSON.parse((await place.run('show', 'latest', '--json')).stdout).status, {
      timeout: 20_000,
    })
    .toBe('completed');
  expect(holders(join(place.folder, '.millrace'), 'of the client')).toEqual([]);
});

test('files merge in the order of their names, the local one last, and variables have the last word', async () => {
  line('a.yaml', `${BASE}name: \${greeting}\ngreeting: from a\n`);
  line('b.local.yaml', 'greeting: from local\nlog_config: { retention: 3 }\n');
  line(
    'c.yaml',
    `greeting: from c\n${NODES.replace(/ {2}- \{ node_id: two.*\n/, '')}operators: [{ operator_id: uses, git_repo: ./code, git_tag: v1, start_command: "true" }]\n`,
  );
  place.env['MI_PIPELINE_CONF_DESCRIPTION'] = encoded(SECRET);

  const planned = await place.run('plan', 'line', '--json');
  const { plan } = JSON.parse(planned.stdout);
  expect(plan).toMatchObject({ name: 'from local', description: '***' });
  expect((await place.run('validate', 'line')).stderr).toContain(
    'merging line/a.yaml, line/c.yaml, line/b.local.yaml',
  );

  mkdirSync(join(place.folder, 'another'));
  const [one, two] = ['another/a.yaml', 'another/b.yaml'].map((name) => join(place.folder, name));
  writeFileSync(one ?? '', 'a: 1\n');
  expect((await place.run('validate', 'another')).stderr).toContain(
    'and for "pipeline_id" or "operators" in its YAML files',
  );
  // Keys may be quoted.
  writeFileSync(two ?? '', '"pipeline_id": line\n');
  expect((await place.run('validate', 'another')).stderr).toContain('merging another/a.yaml');
});

test('a problem names the file of the folder that holds it, and shows nothing that is encoded', async () => {
  line('a.yaml', BASE.replace('level: INFO', `level: "${encoded(SECRET)}"`));
  line('b.yaml', `${OPERATORS}${NODES}`);

  const { code, stderr } = await place.run('validate', 'line');

  expect(code).toBe(2);
  expect(stderr).toContain('line/a.yaml:4:22: error: "log_config.level" is "***"');
  expect(shows(stderr)).toBe(false);
});

test('an operator is tried again, replaced, or left behind, as the line says', async () => {
  const operators = [
    'operator_id: flaky, retry: { max_attempts: 3, interval: 0.05 }, start_command: \'n="$MILLRACE_PIPELINE_DIR/tries"; echo x >> "$n"; test $(wc -l < "$n") -ge 3\'',
    'operator_id: breaks, on_failure: "fallback: instead", start_command: "exit 7"',
    'operator_id: instead, start_command: "echo instead"',
    'operator_id: after, upstream_dependencies: [breaks, flaky], start_command: "echo after"',
    'operator_id: lost, on_failure: continue, start_command: "exit 8"',
    'operator_id: never, upstream_dependencies: [lost], start_command: "echo never"',
    'operator_id: goes_on, start_command: "sleep 0.3; echo on"',
  ].map((each) => `  - { git_repo: ./code, git_tag: v1, ${each} }\n`);
  line(
    'line.yaml',
    `pipeline_id: line
operators:
${operators.join('')}nodes:
  - { node_id: one, operator_ids: [flaky, breaks, instead, after], runner_count: 2 }
  - { node_id: two, operator_ids: [lost] }
  - { node_id: three, operator_ids: [never] }
  - { node_id: four, operator_ids: [goes_on] }
`,
  );

  const ended = await place.run('run', 'line', '--json');
  const { report } = jsonLines(ended.stdout);

  expect(ended.code).toBe(1);
  expect(
    Object.fromEntries(Object.entries(report.nodes).map(([id, { status }]) => [id, status])),
  ).toEqual({ one: 'completed', two: 'failed', three: 'skipped', four: 'completed' });
  const logs = (await place.run('logs', 'latest')).stdout;
  expect(logs).toContain('instead');
  expect(logs).toContain('after');
  expect(logs).not.toContain('never');
  expect(readFileSync(join(place.folder, 'line/tries'), 'utf8')).toBe('x\nx\nx\n');
});
