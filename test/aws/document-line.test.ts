// The configuration of the document that production lines come from, with nothing changed but its three addresses: two repositories and
// a store. Real are git over https and file, pixi (an old release, built from source, with a channel on this disk), archives of
// conda-pack, and the protocol of S3, which an emulator speaks. The machine is declared to have what the nodes ask for.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FreshBucket, freshBucket } from '#support/aws/buckets.ts';
import { ministack } from '#support/aws/clients.ts';
import { type SecureGitServer, serveGitSecurely } from '#support/git-server.ts';
import { jsonLines, Place, ROOT } from '#support/millrace.ts';
import { channel, condaPython, pixiProgram } from '../runner/environment-tools.ts';
import { aRepository, git } from '../runner/sources.ts';

const LINE = path.join(ROOT, 'test/fixtures/production-line.yaml');

const manifest = (): string => `
[project]
name = "clean"
version = "0.1.0"
channels = ["${channel()}"]
platforms = ["linux-64"]

[dependencies]
python = "*"
six = "*"
`;

const MAIN = `
import os, six, sys
print("cleaning", os.environ["DATA_INPUT_PATH"], "to", os.environ["DATA_OUTPUT_PATH"])
print("prefix", sys.prefix == os.environ["CONDA_PREFIX"], os.environ["CONDA_DEFAULT_ENV"], os.environ["PIXI_ENV_ACTIVATED"])
print("gpus", repr(os.environ.get("CUDA_VISIBLE_DEVICES")))
`;

const EXTRACT = `
import os, subprocess, sys
print("prefix", sys.prefix == os.environ["CONDA_PREFIX"], os.environ["CONDA_DEFAULT_ENV"], os.environ["CONDA_ENV_ACTIVATED"])
print("tool", subprocess.check_output(["hello-tool", "x"], text=True).split()[:2] == ["hello", "from"])
print("gpus", repr(os.environ.get("CUDA_VISIBLE_DEVICES")))
`;

/** What conda-pack makes of an environment that pixi made: the same files that conda would have made. */
function archiveIn(folder: string): Buffer {
  const project = path.join(folder, 'packed');
  mkdirSync(project);
  writeFileSync(
    path.join(project, 'pixi.toml'),
    manifest().replace('six = "*"', 'hello-tool = "<2"'),
  );
  const env = { ...process.env, PIXI_CACHE_DIR: path.join(folder, 'p') };
  execFileSync(pixiProgram(), ['install'], { cwd: project, env, stdio: 'ignore' });
  const prefix = path.join(project, '.pixi/envs/default');
  writeFileSync(path.join(prefix, 'conda-meta/history'), '');
  const file = path.join(folder, 'env.tar.zst');
  const pack = path.join(path.dirname(condaPython()), 'conda-pack');
  execFileSync(pack, ['-q', '-p', prefix, '-o', file], { env, stdio: 'ignore' });
  return readFileSync(file);
}

describe.skipIf(ministack === '')('the line of the document', () => {
  let place: Place;
  let server: SecureGitServer;
  let bucket: FreshBucket;
  const at = (...names: string[]): string => path.join(place.folder, ...names);

  beforeAll(async () => {
    place = new Place();
    aRepository(at('served/data-clean-operator'), { 'pixi.toml': manifest(), 'main.py': MAIN });
    aRepository(at('feature'), { 'extract.py': EXTRACT }, 'v2.1.0');
    server = await serveGitSecurely(at('served'), place.folder);
    bucket = await freshBucket(ministack);
    const Key = 'conda_envs/feature-env_v2.1.0.zst';
    await bucket.client.send(
      new PutObjectCommand({ Bucket: bucket.bucket, Key, Body: archiveIn(place.folder) }),
    );
    Object.assign(place.env, {
      ...{ MILLRACE_CACHE_DIR: at('cache'), MILLRACE_PIXI: pixiProgram(), PIXI_CACHE_DIR: at('p') },
      ...{ GIT_SSL_CAINFO: server.certificate, NO_PROXY: 'localhost', no_proxy: 'localhost' },
      ...{ MILLRACE_CPUS: '4', MILLRACE_MEMORY: '64GiB', MILLRACE_GPUS: '1' },
    });
    const text = readFileSync(LINE, 'utf8')
      .replace(
        'https://github.com/example/data-clean-operator.git',
        `${server.url}/data-clean-operator/.git`,
      )
      .replace('https://github.com/example/feature-extract-operator.git', `file://${at('feature')}`)
      // A bucket with an underscore is none of S3: this one is part of the store's address.
      .replace('http://s3.example.com', `${ministack}/${bucket.bucket}`);
    writeFileSync(at('line.yaml'), text);
  }, 240_000);
  afterAll(async () => {
    await server.close();
    await bucket.close();
    place.remove();
  });

  test('runs to its end with a pixi and a conda environment, its log, its working folder and its report', async () => {
    const ended = await place.run('run', 'line.yaml', '--json');
    const { report } = jsonLines(ended.stdout);
    expect(ended.code, ended.stdout + ended.stderr).toBe(0);
    expect(report).toMatchObject({
      status: 'completed',
      pipeline: 'data_process_pipeline_v1',
      nodes: { node_1: { status: 'completed' }, node_2: { status: 'completed' } },
      operators: {
        data_clean_operator: { status: 'completed', node: 'node_1', attempts: 1 },
        feature_extract_operator: { status: 'completed', node: 'node_2', attempts: 1 },
      },
    });
    const log = readFileSync(at('pipeline_workspace/logs/pipeline.log'), 'utf8');
    const printed = log
      .split('\n')
      .flatMap((line) => / INFO (\S+ stdout \| .*)$/.exec(line)?.[1] ?? []);
    expect(printed).toEqual([
      'node_1/data_clean_operator#1 stdout | cleaning /data/input to /data/cleaned',
      'node_1/data_clean_operator#1 stdout | prefix True data_clean_operator true',
      "node_1/data_clean_operator#1 stdout | gpus ''",
      'node_2/feature_extract_operator#1 stdout | prefix True feature-env true',
      'node_2/feature_extract_operator#1 stdout | tool True',
      "node_2/feature_extract_operator#1 stdout | gpus '0'",
    ]);
    const clone = at('pipeline_workspace/operators/data_clean_operator');
    expect(git(clone, 'describe', '--tags').trim()).toBe('v1.0.0');
    for (const id of ['data_clean_operator', 'feature_extract_operator'])
      expect(existsSync(at('pipeline_workspace/envs', id, 'bin/python'))).toBe(true);
  }, 240_000);

  test('what a plan says of it, and that a second run builds nothing', async () => {
    const plan = JSON.parse((await place.run('plan', 'line.yaml', '--json')).stdout);
    expect(plan.environments).toMatchObject([
      { kind: 'pixi', built: true, lastSeconds: expect.any(Number) },
      { kind: 'conda', built: true, lastSeconds: expect.any(Number) },
    ]);
    expect(plan.hostPaths).toContainEqual(
      expect.objectContaining({ path: '/data/input', there: false }),
    );
    const { report } = jsonLines((await place.run('run', 'line.yaml', '--json')).stdout);
    for (const operator of Object.values(report.operators ?? {}))
      expect(operator.environment).toMatchObject({ result: 'reused' });
  }, 120_000);
});
