// Operators from servers: real git over https with a certificate of its own, as git's own backend serves it, with and without a password.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { resolve } from '#runner/code/resolve.ts';
import { temporaryFolder } from './engine.ts';
import { aProject, aRepository } from './sources.ts';

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
let context: { cacheDir: string; host: NodeJS.ProcessEnv; folder: string };

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
  'a repository that wants a password is an error and never a prompt; the credential helper of the user is asked',
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
