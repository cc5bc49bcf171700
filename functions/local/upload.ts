// Brings files of this machine to where a server's runs find them: each content once, as a stream.
import { createReadStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { Rejected, Transient } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { Control, FilePlace, GivenFile } from '#service/control.ts';
import { inParallel } from '#service/in-parallel.ts';
import { hostEnvironment } from './settings.ts';

export interface LocalFile extends GivenFile {
  readonly path: string;
}

/** Uploads what is not there already. */
export async function uploadFiles(
  files: readonly LocalFile[],
  control: Pick<Control, 'file'>,
): Promise<void> {
  await inParallel(files, limits.uploadsAtOnce, async ({ path, ...file }) => {
    const { put } = await control.file(file);
    if (put !== undefined) await bring({ path, ...file }, put);
  });
}

/** Somebody else brought the same in the meantime. */
const THERE = 412;

async function bring(file: LocalFile, put: NonNullable<FilePlace['put']>): Promise<void> {
  const { status, text } = await sent(file, put).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    throw new Transient('unavailable', `${file.path} was not uploaded: ${why}`, { cause: error });
  });
  if (status < 300 || status === THERE) return;
  const said = `${file.path} was not uploaded: ${status} ${text.slice(0, limits.messageLength)}`;
  throw status >= 500 ? new Transient('unavailable', said) : new Rejected('invalid', said);
}

async function sent(
  { path, size }: LocalFile,
  { method, url, headers }: NonNullable<FilePlace['put']>,
): Promise<{ status: number; text: string }> {
  const isSecure = url.startsWith('https:');
  const http = isSecure
    ? process.getBuiltinModule('node:https')
    : process.getBuiltinModule('node:http');
  const agent = new http.Agent({ proxyEnv: hostEnvironment() });
  const asked = http.request(url, {
    ...{ agent, method, timeout: limits.awsAnswer },
    headers: { ...headers, 'content-length': String(size) },
  });
  asked.on('timeout', () => asked.destroy(new Transient('unavailable', 'nothing moved any more')));
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    asked.on('response', resolve);
    asked.on('error', reject);
  });
  // Whoever is refused early hears why, not that the connection was closed over it.
  const [response] = await Promise.all([
    answer,
    pipeline(createReadStream(path), asked).catch((error: unknown) => {
      if (!asked.destroyed) throw error;
    }),
  ]);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') };
}
