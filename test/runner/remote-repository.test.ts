// Operators from servers: real git over https with a certificate of its own, as git's own backend serves it, with and without a password.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { addressOf } from '#runner/code/address.ts';
import { checkOutAt } from '#runner/code/checkout.ts';
import type { GitContext } from '#runner/code/git.ts';
import { mirrorPath } from '#runner/code/mirror.ts';
import { operatorCode } from '#runner/code/operator-code.ts';
import { resolve } from '#runner/code/resolve.ts';
import { allProcesses } from '#runner/processes.ts';
import { temporaryFolder } from './engine.ts';
import { aProject, aRepository, git } from './sources.ts';

const BACKEND = path.join(
  spawnSync('git', ['--exec-path'], { encoding: 'utf8' }).stdout.trim(),
  'git-http-backend',
);
const mayServe = existsSync(BACKEND) && spawnSync('openssl', ['version']).status === 0;
if (!mayServe)
  process.stderr.write(
    'SKIPPED: no git-http-backend or no openssl; repositories over https are not tested\n',
  );

let folder: string;
let server: Server;
let address: string;
let password: string | undefined;
let context: GitContext & { folder: string };

const commands = new Set<string>();

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** One request through git's backend, which speaks CGI. */
function serve(request: IncomingMessage, response: ServerResponse): void {
  const wanted =
    password === undefined
      ? undefined
      : `Basic ${Buffer.from(`me:${password}`).toString('base64')}`;
  if (wanted !== undefined && request.headers.authorization !== wanted) {
    response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    return;
  }
  // Whoever asks waits: what it was started with can be seen now.
  for (const { pid } of allProcesses()) commands.add(commandOf(pid));
  const [file = '', query = ''] = (request.url ?? '').split('?');
  const backend = spawn(BACKEND, {
    env: {
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: decodeURIComponent(file),
      QUERY_STRING: query,
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
    },
  });
  request.pipe(backend.stdin);
  const chunks: Buffer[] = [];
  backend.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  backend.on('close', () => {
    const answer = Buffer.concat(chunks);
    const end = answer.indexOf('\r\n\r\n');
    for (const line of answer.toString('latin1', 0, end).split('\r\n')) {
      const [name = '', value = ''] = line.split(': ');
      if (name === 'Status') response.statusCode = Number(value.slice(0, 3));
      else response.setHeader(name, value);
    }
    response.end(answer.subarray(end + 4));
  });
}

beforeEach(async () => {
  folder = temporaryFolder();
  password = undefined;
  commands.clear();
  const [key, certificate] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
  if (!mayServe) return;
  spawnSync('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '1',
    '-keyout',
    key,
    '-out',
    certificate,
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost',
  ]);
  server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, serve);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  address = `https://localhost:${(server.address() as AddressInfo).port}`;
  context = {
    cacheDir: path.join(folder, 'cache'),
    host: {
      ...process.env,
      GIT_SSL_CAINFO: certificate,
      NO_PROXY: 'localhost',
      no_proxy: 'localhost',
      HOME: folder,
    },
    folder,
  };
});

afterEach(() => {
  if (mayServe) server.close();
  rmSync(folder, { recursive: true, force: true });
});

test.runIf(mayServe)(
  'an operator comes over https at its tag, and offline from the mirror afterwards',
  async () => {
    const commit = aRepository(path.join(folder, 'clean'), aProject());
    const operator = { git: `${address}/clean/.git`, tag: 'v1.0.0' };
    expect(await resolve(operator, context)).toMatchObject({ ok: true, commit });
    server.close();
    server.closeAllConnections();
    expect(await resolve(operator, { ...context, offline: true })).toMatchObject({
      ok: true,
      commit,
    });
  },
);

test.runIf(mayServe)(
  'a repository that wants a password is an error and never a prompt; the credential helper of the user and ~/.netrc are asked',
  async () => {
    const commit = aRepository(path.join(folder, 'clean'), aProject());
    password = 'opensesame';
    const operator = { git: `${address}/clean/.git`, tag: 'v1.0.0' };
    const refused = await resolve(operator, context);
    expect(refused).toMatchObject({ ok: false, code: 'repository' });
    const helper = {
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'credential.helper',
      GIT_CONFIG_VALUE_0: '!f() { echo username=me; echo password=opensesame; }; f',
    };
    const answered = await resolve(operator, { ...context, host: { ...context.host, ...helper } });
    expect(answered).toMatchObject({ ok: true, commit });
    writeFileSync(path.join(folder, '.netrc'), 'machine localhost login me password opensesame\n');
    const cacheDir = path.join(folder, 'another-cache');
    expect(await resolve(operator, { ...context, cacheDir })).toMatchObject({ ok: true, commit });
    expect(JSON.stringify([refused, answered])).not.toContain('opensesame');
  },
);

test.runIf(mayServe)('a certificate that nobody vouches for is refused', async () => {
  aRepository(path.join(folder, 'clean'), aProject());
  const { GIT_SSL_CAINFO: _own, ...host } = context.host;
  const found = await resolve(
    { git: `${address}/clean/.git`, tag: 'v1.0.0' },
    { ...context, host },
  );
  expect(found).toMatchObject({ ok: false, code: 'repository' });
  expect(found.ok ? '' : found.message).toMatch(/certificate/i);
});

const SECRET = 'open sesame';

/** A repository behind a password, and the same with one below it that is named by a relative address. */
function aClosedRepository(): string {
  aRepository(path.join(folder, 'part'), { part: '1' });
  const code = path.join(folder, 'clean');
  aRepository(code, aProject(), 'v0.9.0');
  git(code, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', '../part', 'part');
  writeFileSync(
    path.join(code, '.gitmodules'),
    '[submodule "part"]\n\tpath = part\n\turl = ../../part/.git\n',
  );
  git(code, 'commit', '--quiet', '--all', '--message', 'part');
  git(code, 'tag', 'v1.0.0');
  password = SECRET;
  return git(code, 'rev-parse', 'HEAD').trim();
}

/** Everything below the folder of a cache or a clone that holds it, packed objects apart: those are the repository itself. */
function holders(below: string, text: string): string[] {
  return readdirSync(below, { recursive: true, encoding: 'utf8' })
    .map((name) => path.join(below, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true)
    .filter((file) => readFileSync(file).includes(text));
}

const withSecrets = (secrets: Record<string, string>): typeof context => ({
  ...context,
  secrets: async () => secrets,
});

test.runIf(mayServe)(
  'a password in an address opens a repository and its submodules; no command line, no file and no helper of the user gets it',
  async () => {
    const commit = aClosedRepository();
    const [, host] = address.split('//');
    const operator = { git: `https://me:{{ secret.TOKEN }}@${host}/clean/.git`, tag: 'v1.0.0' };
    const helper = {
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'credential.helper',
      GIT_CONFIG_VALUE_0: `!f() { cat >> ${folder}/told; }; f`,
    };
    // Written as an address needs it, sent as it is.
    const own = withSecrets({ TOKEN: encodeURIComponent(SECRET) });
    let said = '';
    const asked = {
      ...own,
      host: { ...own.host, ...helper },
      onOutput: (chunk: Buffer) => {
        said += String(chunk);
      },
    };
    expect(await resolve(operator, asked)).toMatchObject({ ok: true, commit });
    const code = await operatorCode(asked, { operator, folder, sources: {} });
    expect(code).toMatchObject({ commit, label: `${address}/clean/.git at v1.0.0` });
    expect(readFileSync(path.join(code.folder, 'part/part'), 'utf8')).toBe('1');
    const clone = path.join(folder, 'clone');
    const found = await addressOf(asked, operator.git, folder);
    const wanted = { address: found, tag: 'v1.0.0', commit, folder: clone };
    expect(await checkOutAt(asked, wanted)).toBeUndefined();
    expect(git(clone, 'remote', 'get-url', 'origin').trim()).toBe(`${address}/clean/.git`);
    // The one that everybody uses.
    expect(mirrorPath(context.cacheDir, found.url)).toBe(
      mirrorPath(context.cacheDir, `${address}/clean/.git`),
    );
    expect([...commands].filter((each) => each.includes('clean/.git')).length).toBeGreaterThan(1);
    for (const text of [SECRET, encodeURIComponent(SECRET)]) {
      expect([...commands].filter((each) => each.includes(text))).toEqual([]);
      expect(said).not.toContain(text);
      for (const below of [context.cacheDir, clone]) expect(holders(below, text)).toEqual([]);
    }
    expect(existsSync(path.join(folder, 'told'))).toBe(false);
  },
);

test.runIf(mayServe)(
  'a wrong password is told without it and asks nobody; an address that is hidden as a whole is not told either',
  async () => {
    aClosedRepository();
    const [, host] = address.split('//');
    const wrong = await resolve(
      { git: `https://me:wrong-one@${host}/clean/.git`, tag: 'v1.0.0' },
      context,
    );
    expect(wrong).toMatchObject({ ok: false, code: 'repository' });
    expect(wrong.ok ? '' : wrong.message).toMatch(/Authentication failed.*git ls-remote https/);
    expect(JSON.stringify(wrong)).not.toContain('wrong-one');

    const whole = { git: '{{ secret.CODE }}', tag: 'v1.0.0' };
    const open = `https://me:open%20sesame@${host}/clean/.git`;
    let said = '';
    const onOutput = (chunk: Buffer) => {
      said += String(chunk);
    };
    const told = (code?: string) => ({
      ...withSecrets(code === undefined ? {} : { CODE: code }),
      onOutput,
    });
    const own = told(open);
    const found = await resolve(whole, own);
    expect(found).toMatchObject({ ok: true, source: '{{ secret.CODE }}#v1.0.0' });
    for (const failed of [
      await resolve({ ...whole, tag: 'v7' }, own),
      await resolve(whole, told('https://localhost:1/clean.git')),
      await resolve(whole, told('ext::sh -c localhost')),
      await resolve(whole, told()),
    ]) {
      expect(failed.ok).toBe(false);
      expect(JSON.stringify(failed)).toContain('***');
      expect(JSON.stringify(failed)).not.toMatch(/localhost|sesame/);
    }
    // git complains of the server that does not answer.
    expect(said).toContain('***');
    expect(said).not.toMatch(/localhost|sesame/);
    const clone = path.join(folder, 'clone');
    const commit = found.ok ? (found.commit ?? '') : '';
    const where = await addressOf(own, whole.git, folder);
    await checkOutAt(own, { address: where, tag: 'v1.0.0', commit, folder: clone });
    expect(holders(path.join(clone, '.git'), host ?? '')).toEqual([]);
  },
);
