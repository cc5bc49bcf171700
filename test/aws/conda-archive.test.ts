// Environments of conda, from archives that the real conda-pack made, fetched from a store that speaks S3.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { operatorCode } from '#runner/code/operator-code.ts';
import { activation, type Ensured, ensureEnvironment } from '#runner/environments/build.ts';
import { type FreshBucket, freshBucket } from '#support/aws/buckets.ts';
import { ministack } from '#support/aws/clients.ts';
import { packedEnvironment } from '#support/conda-archive.ts';
import { temporaryFolder } from '../runner/engine.ts';
import { channel, condaPython, condaStandIn } from '../runner/environment-tools.ts';
import { aRepository } from '../runner/sources.ts';

describe.skipIf(ministack === '')('conda', () => {
  let shared: string;
  let archive: Buffer;
  let bucket: FreshBucket;
  let folder: string;
  let said: string;
  let context: { cacheDir: string; host: NodeJS.ProcessEnv; onOutput: (chunk: Buffer) => void };

  beforeAll(async () => {
    bucket = await freshBucket(ministack);
    shared = temporaryFolder();
    ({ archive } = packedEnvironment(shared));
    await put('envs/feature v1+.zst', archive);
  }, 120_000);
  afterAll(async () => {
    await bucket.close();
    rmSync(shared, { recursive: true, force: true });
  });
  beforeEach(() => {
    folder = temporaryFolder();
    said = '';
    const keys = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
    context = {
      cacheDir: path.join(folder, 'cache'),
      host: { ...process.env, ...keys, MILLRACE_CONDA: '' },
      onOutput: (chunk) => {
        said += String(chunk);
      },
    };
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const put = (key: string, body: Buffer) =>
    bucket.client.send(new PutObjectCommand({ Bucket: bucket.bucket, Key: key, Body: body }));
  const conda = (key = 'envs/feature v1+.zst') =>
    ({
      kind: 'conda',
      key,
      update: true,
      name: 'feature-env',
      store: {
        ...{ endpoint: ministack, region: 'us-east-1', bucket: bucket.bucket, pathStyle: true },
      },
    }) as const;
  const code = async (files: Record<string, string> = {}) => {
    aRepository(path.join(folder, 'clean'), { 'main.py': '', ...files });
    const operator = { git: './clean', tag: 'v1.0.0' };
    return operatorCode(context, { operator, folder, sources: {} });
  };
  function inside(ensured: Ensured | undefined, script: string): string {
    const env = activation(conda(), ensured, { PATH: '/usr/bin:/bin' });
    return execFileSync('/bin/sh', ['-c', script], { env, encoding: 'utf8' }).trim();
  }

  test('an archive becomes a prefix whose programs know where they lie now, with what its scripts set', async () => {
    const ensured = await ensureEnvironment(conda(), await code(), context);
    expect(ensured).toMatchObject({ built: true });
    const variables = activation(conda(), ensured, { PATH: '/usr/bin:/bin' });
    const prefix = path.join(ensured?.folder ?? '', 'env');
    expect(variables).toMatchObject({
      CONDA_PREFIX: prefix,
      CONDA_DEFAULT_ENV: 'feature-env',
      CONDA_SHLVL: '1',
      CONDA_ENV_ACTIVATED: 'true',
      HELLO_TOOL_HOME: prefix,
    });
    expect(variables['PATH']).toBe(`${prefix}/bin:/usr/bin:/bin`);
    expect(inside(ensured, 'python -c "import sys; print(sys.prefix)"')).toBe(prefix);
    expect(inside(ensured, 'hello-tool x')).toBe(`hello from ${prefix} ${prefix} x`);
  });

  test('another archive in its place is another environment; the steps of a run take what the run found', async () => {
    const source = await code();
    await put('moving.zst', archive);
    const first = await ensureEnvironment(conda('moving.zst'), source, context);
    await put('moving.zst', Buffer.concat([archive.subarray(0, -1), Buffer.from('x')]));
    const step = await ensureEnvironment(conda('moving.zst'), source, context, { look: false });
    expect(step?.key).toBe(first?.key);
    await expect(ensureEnvironment(conda('moving.zst'), source, context)).rejects.toThrow(
      /refused/,
    );
    await put('moving.zst', archive);
    expect(await ensureEnvironment(conda('moving.zst'), source, context)).toMatchObject({
      key: first?.key,
      built: false,
    });
  });

  test('credentials that are secrets are asked for by name, and a missing one is named', async () => {
    const { store, ...rest } = conda();
    const credentials = { accessKey: 'test', secretKey: { secret: 'STORE_KEY' } };
    const guarded = { ...rest, store: { ...store, credentials } };
    const source = await code();
    const asked: string[] = [];
    const answers = (values: Record<string, string>) => ({
      ...context,
      secrets: async (names: readonly string[]) => {
        asked.push(...names);
        return values;
      },
    });
    await expect(ensureEnvironment(guarded, source, answers({}))).rejects.toThrow(
      /secret "STORE_KEY".*is not set/,
    );
    await ensureEnvironment(guarded, source, answers({ STORE_KEY: 'test' }));
    expect(new Set(asked)).toEqual(new Set(['STORE_KEY']));
    expect(said).not.toContain('AWS4-HMAC');
  });

  test('an archive that is not there, and a store that is not, are told as that', async () => {
    const source = await code();
    await expect(ensureEnvironment(conda('none.zst'), source, context)).rejects.toThrow(
      /s3:\/\/.*\/none\.zst could not be fetched from http.*: it is not there \(404/,
    );
    const gone = conda();
    const nowhere = { ...gone, store: { ...gone.store, endpoint: 'http://127.0.0.1:9' } };
    await expect(ensureEnvironment(nowhere, source, context)).rejects.toThrow(
      /http:\/\/127\.0\.0\.1:9 does not answer/,
    );
  });

  test('environment.yml is followed by conda, a stand-in here; that it fails is a warning and no more', async () => {
    const yml = (wanted: string) =>
      `name: x\nchannels: ["${channel()}"]\ndependencies: ["${wanted}", six]\n`;
    const host = {
      ...context.host,
      MILLRACE_CONDA: standIn(shared),
      CONDA_PKGS_DIRS: path.join(shared, 'pkgs'),
    };
    const followed = await ensureEnvironment(
      conda(),
      await code({ 'environment.yml': yml('hello-tool >=2') }),
      { ...context, host },
    );
    expect(said).toContain('env update --prefix');
    expect(inside(followed, 'python -c "import six; print(six.__version__)"')).toBe('1.17.0');

    rmSync(path.join(folder, 'clean'), { recursive: true });
    said = '';
    const source = await code({ 'environment.yml': yml('no-such-thing') });
    const failed = await ensureEnvironment(conda(), source, { ...context, host });
    expect(said).toContain('warning: the environment is as it was packed, without environment.yml');
    expect(inside(failed, 'hello-tool')).toContain('hello from');
  });

  test('without conda the environment is as it was packed, which is said', async () => {
    const source = await code({ 'environment.yml': 'dependencies: [six]\n' });
    const host = { ...context.host, PATH: '/usr/bin:/bin' };
    await ensureEnvironment(conda(), source, { ...context, host });
    expect(said).toContain('warning: the environment is as it was packed');
  });
});

/** The stand-in, run by the Python that has its library. */
function standIn(folder: string): string {
  const place = path.join(folder, 'bin');
  const file = path.join(place, 'conda');
  if (existsSync(file)) return file;
  mkdirSync(place);
  const text = `#!/bin/sh\nexec '${condaPython()}' '${condaStandIn()}' "$@"\n`;
  writeFileSync(file, text, { mode: 0o755 });
  return file;
}
