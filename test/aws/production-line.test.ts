// The configuration of the document, as a user runs it: one operator of pixi, one of conda, code from git, archives from a store that
// speaks S3. pixi is an old release of the real one; conda-pack is the real one; the channel lies on this disk.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emulated, ministack } from '#support/aws/clients.ts';
import { packedEnvironment } from '#support/conda-archive.ts';
import { jsonLines, Place } from '#support/millrace.ts';
import { temporaryFolder } from '../runner/engine.ts';
import { pixiProgram } from '../runner/environment-tools.ts';
import { aRepository } from '../runner/sources.ts';

const DOCUMENT = path.resolve(import.meta.dirname, '../fixtures/production-line.yaml');
const BUCKET = 'line-environments';
const SECRET = 'the-secret-of-the-store';

const PROGRAM = (name: string) => `import os, sys
with open(os.environ["MILLRACE_OUTPUTS"], "a") as outputs:
    print(f"${name}_prefix={sys.prefix}", file=outputs)
    print(f"${name}_environment={os.environ['CONDA_DEFAULT_ENV']}", file=outputs)
    print(f"${name}_home={os.environ['HELLO_TOOL_HOME']}", file=outputs)
`;

describe.skipIf(ministack === '')('the production line of the document', () => {
  let place: Place;
  let cache: string;

  beforeAll(async () => {
    cache = temporaryFolder();
    // Addresses, and what a machine for tests has not: eight cores and a GPU.
    const text = readFileSync(DOCUMENT, 'utf8')
      .replace('https://github.com/example/data-clean-operator.git', './clean')
      .replace('https://github.com/example/feature-extract-operator.git', './extract')
      .replaceAll(/(cpu|memory)_(request|limit): .*/g, '$1_$2: 0.5')
      .replaceAll(/gpu_(request|limit): 1/g, 'gpu_$1: 0');
    place = new Place(
      { 'line.yaml': text },
      {
        MILLRACE_PIXI: pixiProgram(),
        MILLRACE_CACHE_DIR: cache,
        MI_PIPELINE_CONF_S3_CONFIG__ENDPOINT: ministack,
        // Without one "conda_envs" would be the bucket, a name that AWS itself does not allow.
        MI_PIPELINE_CONF_S3_CONFIG__BUCKET: BUCKET,
        MI_PIPELINE_CONF_S3_CONFIG__SECRET_KEY: SECRET,
      },
    );
    const { archive, manifest, lock } = packedEnvironment(path.join(cache, 'made'));
    const s3 = new S3Client({ ...emulated(ministack), forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: BUCKET }));
    const Key = 'conda_envs/feature-env_v2.1.0.zst';
    await s3.send(new PutObjectCommand({ Bucket: BUCKET, Key, Body: archive }));
    s3.destroy();
    const files = { 'pixi.toml': manifest, 'pixi.lock': lock, 'main.py': PROGRAM('clean') };
    aRepository(path.join(place.folder, 'clean'), files, 'v1.0.0');
    const extract = { 'extract.py': PROGRAM('extract') };
    aRepository(path.join(place.folder, 'extract'), extract, 'v2.1.0');
  }, 120_000);
  afterAll(() => {
    place.remove();
    rmSync(cache, { recursive: true, force: true });
  });

  test('runs both operators, each in its own environment, and a second run builds nothing', async () => {
    const first = await place.run('run', 'line.yaml', '--json');
    expect(first.code, first.stderr).toBe(0);
    const { report } = jsonLines(first.stdout);
    expect(report.status).toBe('completed');
    expect(report.nodes['node_1']?.outputs).toMatchObject({
      clean_environment: 'data_clean_operator',
    });
    const { outputs = {} } = report.nodes['node_2'] ?? {};
    expect(outputs).toMatchObject({
      extract_environment: 'feature-env',
      extract_home: outputs['extract_prefix'],
    });
    expect(Object.values(report.environments).map(({ built }) => built)).toEqual([true, true]);

    const second = await place.run('run', 'line.yaml', '--json');
    expect(second.code, second.stderr).toBe(0);
    const again = Object.values(jsonLines(second.stdout).report.environments);
    expect(again.map(({ built }) => built)).toEqual([false, false]);
  });

  test('the secret of the store stands in nothing that was written', () => {
    const found = execFileSync(
      'sh',
      ['-c', `grep -rlF ${SECRET} "$@" || true`, 'grep', place.folder, cache],
      { encoding: 'utf8' },
    );
    expect(found).toBe('');
  });
});
