// Git repositories of a folder, served over http or https by git's own backend, on the loopback only.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import path from 'node:path';

export interface GitServer {
  /** `http://127.0.0.1:port`; the repositories follow by their names. */
  readonly url: string;
  close(): Promise<void>;
}

export async function serveGit(folder: string): Promise<GitServer> {
  const { stdout } = spawnSync('git', ['--exec-path'], { encoding: 'utf8' });
  const backend = path.join(stdout.trim(), 'git-http-backend');
  const server = createServer((asked, answer) => serve(backend, folder, { asked, answer }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return {
    url: `http://127.0.0.1:${address.port}`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

interface Exchange {
  readonly asked: IncomingMessage;
  readonly answer: ServerResponse;
}

export interface SecureGitServer extends GitServer {
  /** The file that git is to trust: `GIT_SSL_CAINFO`. */
  readonly certificate: string;
}

/** Whom the server lets in, and whom it tells of each request. */
export interface Login {
  /** `user:password` */
  readonly user: string;
  asked(): void;
}

/** The same as `https://localhost:port`, with a certificate of its own that is kept in `own`. */
export async function serveGitSecurely(
  folder: string,
  own: string,
  login?: Login,
): Promise<SecureGitServer> {
  const { stdout } = spawnSync('git', ['--exec-path'], { encoding: 'utf8' });
  const backend = path.join(stdout.trim(), 'git-http-backend');
  const [key, certificate] = [path.join(own, 'key.pem'), path.join(own, 'cert.pem')];
  const made = spawnSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1']
      .concat(['-keyout', key, '-out', certificate])
      .concat(['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']),
  );
  if (made.status !== 0) throw new Error(`openssl cannot make a certificate: ${made.stderr}`);
  const server = createSecureServer(
    { key: readFileSync(key), cert: readFileSync(certificate) },
    (asked, answer) => {
      login?.asked();
      if (login === undefined || asked.headers.authorization === basic(login.user))
        serve(backend, folder, { asked, answer });
      else answer.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return {
    url: `https://localhost:${address.port}`,
    certificate,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const basic = (user: string): string => `Basic ${Buffer.from(user).toString('base64')}`;

/** One request through the backend, which speaks CGI. */
function serve(backend: string, folder: string, { asked, answer }: Exchange): void {
  const [file = '', query = ''] = (asked.url ?? '').split('?');
  const child = spawn(backend, {
    env: {
      GIT_PROJECT_ROOT: folder,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: decodeURIComponent(file),
      QUERY_STRING: query,
      REQUEST_METHOD: asked.method ?? 'GET',
      CONTENT_TYPE: asked.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: asked.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(asked.headers['git-protocol'] ?? ''),
    },
  });
  asked.pipe(child.stdin);
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.on('close', () => {
    const said = Buffer.concat(chunks);
    const end = said.indexOf('\r\n\r\n');
    for (const line of said.toString('latin1', 0, end).split('\r\n')) {
      const [name = '', value = ''] = line.split(': ');
      if (name === 'Status') answer.statusCode = Number(value.slice(0, 3));
      else answer.setHeader(name, value);
    }
    answer.end(said.subarray(end + 4));
  });
}
