// A production line whose repositories want a password that stands in their addresses: plain, filled in and encoded. It opens them, also
// for an engine that goes on after a kill, and stands nowhere but in the configuration.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are what is tested
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
import { afterEach, beforeEach, expect, test } from 'vitest';
import { allProcesses } from '#runner/processes.ts';
import { readSpool } from '#runner/spool.ts';
import { type SecureGitServer, serveGitSecurely } from '#support/git-server.ts';
import { jsonLines, Place } from '#support/millrace.ts';
import { aRepository } from '../runner/sources.ts';

const TOKEN = 'glpat-open_sesame-0123';

let place: Place;
let files: Place;
let server: SecureGitServer;
/** Of every process, whenever the server is asked: what it was started with. */
const commands = new Set<string>();

beforeEach(async () => {
  files = new Place();
  commands.clear();
  for (const name of ['one', 'two', 'three'])
    aRepository(join(files.folder, 'repositories', name), { name }, 'v1');
  const login = { user: `oauth2:${TOKEN}`, asked: look };
  server = await serveGitSecurely(join(files.folder, 'repositories'), files.folder, login);
  place = new Place(
    {},
    {
      MILLRACE_CACHE_DIR: join(files.folder, 'cache'),
      GIT_SSL_CAINFO: server.certificate,
      HOME: files.folder,
    },
  );
});

afterEach(async () => {
  writeFileSync(join(place.folder, 'go'), '');
  place.remove();
  await server.close();
  files.remove();
});

function look(): void {
  for (const { pid } of allProcesses()) commands.add(told(`/proc/${pid}/cmdline`));
}

function told(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

const encoded = (text: string): string => `base64://${Buffer.from(text).toString('base64')}`;
const at = (login: string, name: string): string =>
  server.url.replace('//', `//${login}@`).concat(`/${name}/.git`);

const line = (): string => `
pipeline_id: closed
token: "${encoded(TOKEN)}"
operators:
  - operator_id: one
    git_repo: "${at(`oauth2:${TOKEN}`, 'one')}"
    git_tag: v1
    start_command: cat name; touch ${place.folder}/runs; until test -e ${place.folder}/go; do sleep 0.05; done
  - operator_id: two
    git_repo: "${at('oauth2:${token}', 'two')}"
    git_tag: v1
    upstream_dependencies: [one]
    start_command: cat name
  - operator_id: three
    git_repo: "${encoded(at(`oauth2:${TOKEN}`, 'three'))}"
    git_tag: v1
    upstream_dependencies: [two]
    start_command: cat name; echo; cat "$MILLRACE_PIPELINE_DIR/wanted"
nodes:
  - { node_id: first, operator_ids: [one] }
  - { node_id: then, operator_ids: [two, three] }
`;

/** What is written of the token in files below a folder: as it is, and in base64. */
function holders(folder: string): string[] {
  const spellings = [TOKEN, encoded(TOKEN).slice(9, -4)];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => {
    const file = join(folder, name);
    if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return false;
    const content = readFileSync(file);
    return spellings.some((spelling) => content.includes(spelling));
  });
}

const own = (): number[] =>
  readSpool(join(place.folder, '.millrace')).flatMap(({ runner }) => runner?.pid ?? []);

test('the password in an address opens its repository, also after kill -9, and is shown and stored nowhere', async () => {
  writeFileSync(join(place.folder, 'line.yaml'), line());
  writeFileSync(join(place.folder, 'wanted'), TOKEN);
  const running = place.start('run', 'line.yaml', '--json');
  await expect.poll(() => existsSync(join(place.folder, 'runs')), { timeout: 30_000 }).toBe(true);
  const pids = [running.child.pid, ...own()];
  expect(pids.length).toBeGreaterThan(1);
  for (const pid of pids) {
    expect(told(`/proc/${pid}/cmdline`)).not.toBe('');
    for (const file of ['cmdline', 'environ'])
      expect(told(`/proc/${pid}/${file}`)).not.toContain(TOKEN);
  }
  running.child.kill('SIGKILL');
  for (const pid of own()) process.kill(pid, 'SIGKILL');
  const killed = await running.ended;
  // What was fetched is gone: the next engine has to ask again, and knows the password from the file alone.
  rmSync(join(files.folder, 'cache'), { recursive: true });
  mkdirSync(join(files.folder, 'cache'));
  writeFileSync(join(place.folder, 'go'), '');
  const resumed = await place.run('resume', 'latest', '--json');
  expect(resumed.code, resumed.stderr).toBe(0);
  const { report } = jsonLines(resumed.stdout);
  expect(report.operators?.['three']).toMatchObject({ status: 'completed' });
  const logs = await place.run('logs', 'latest');
  expect(logs.stdout).toMatch(/then\/three\S* stdout \| \*\*\*$/m);
  const all = [
    killed,
    resumed,
    logs,
    await place.run('show', 'latest', '--json'),
    await place.run('events', 'latest', '--json'),
    await place.run('plan', 'line.yaml', '--json'),
    await place.run('validate', 'line.yaml'),
  ];
  for (const { stdout, stderr } of all) expect(stdout + stderr).not.toContain(TOKEN);
  expect(all.at(-1)?.stderr).toContain('holds a password');
  expect([...commands].filter((each) => /fetch|ls-remote/.test(each)).length).toBeGreaterThan(3);
  expect([...commands].filter((each) => each.includes(TOKEN))).toEqual([]);
  for (const folder of ['.millrace', 'pipeline_workspace'])
    expect(holders(join(place.folder, folder))).toEqual([]);
  expect(holders(join(files.folder, 'cache'))).toEqual([]);
});

test('a problem of an address, and one beside it, are told without its password', async () => {
  const wrong = line().replace('git_tag: v1', 'git_tag: v7').replace('one/.git', 'none/.git');
  writeFileSync(join(place.folder, 'line.yaml'), wrong);
  for (const each of [
    await place.run('run', 'line.yaml'),
    await place.run('plan', 'line.yaml', '--json'),
  ]) {
    expect(each.code).toBe(2);
    expect(each.stdout + each.stderr).toContain('none/.git');
    expect(each.stdout + each.stderr).not.toContain(TOKEN);
  }
  writeFileSync(
    join(place.folder, 'line.yaml'),
    line().replace('https://oauth2', 'ext::https://oauth2'),
  );
  const refused = await place.run('validate', 'line.yaml');
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain('no repository is fetched from');
  expect(refused.stdout + refused.stderr).not.toContain(TOKEN);
});

test('in the dialect of nodes a secret of the engine opens the repository', async () => {
  const pipeline = `
id: closed
nodes:
  - id: one
    steps:
      - operator: { git: "${at('oauth2:{{ secret.TOKEN }}', 'one')}", tag: v1 }
        environment: host
        command: cat name
`;
  writeFileSync(join(place.folder, 'pipeline.yaml'), pipeline);
  const missing = await place.run('run', 'pipeline.yaml');
  expect(missing).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('millrace secret set TOKEN'),
  });
  await place.feed(TOKEN, 'secret', 'set', 'TOKEN');
  // By hand as in a run.
  expect(await place.run('env', 'build', 'pipeline.yaml')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('its code is there'),
  });
  const ran = await place.run('run', 'pipeline.yaml', '--json');
  expect(ran.code, ran.stdout + ran.stderr).toBe(0);
  expect((await place.run('logs', 'latest')).stdout).toContain('| one');
  expect(holders(join(place.folder, '.millrace'))).toEqual([]);
});
