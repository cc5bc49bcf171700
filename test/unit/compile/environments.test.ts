// Kinds of environment as both dialects write them, and what a plan holds of the store that an archive lies in.
import { expect, test } from 'vitest';
import { compile } from '#core/compile/compile.ts';

function environmentOf(text: string) {
  const compiled = compile({ text });
  if (!compiled.ok) return compiled.problems.map(({ code, message }) => `${code}: ${message}`);
  return compiled.operators[0]?.environment;
}

const nodes = (environment: string) =>
  environmentOf(
    `id: p\nnodes:\n  - id: a\n    steps: [{ command: x, operator: { path: d }, environment: ${environment} }]\n`,
  );

const operators = (type: string, config: string, store = '') =>
  `pipeline_id: p\n${store}operators: [{ operator_id: a-b, git_repo: ./a, git_tag: v1.0.0, start_command: x, ${type}, env_config: ${config} }]\nnodes: [{ node_id: n, operator_ids: [a-b] }]\n`;

test('a project file alone, or with what else its tool is told', () => {
  expect(nodes('pixi')).toEqual({ kind: 'pixi', project: 'pixi.toml' });
  expect(nodes('{ pixi: sub/pixi.toml }')).toEqual({ kind: 'pixi', project: 'sub/pixi.toml' });
  expect(nodes('{ pixi: { channels: [conda-forge], name: x } }')).toEqual({
    ...{ kind: 'pixi', project: 'pixi.toml', channels: ['conda-forge'], name: 'x' },
  });
  expect(nodes('{ poetry: { extraArgs: [--no-root] } }')).toEqual({
    ...{ kind: 'poetry', project: 'pyproject.toml', extraArgs: ['--no-root'] },
  });
  expect(nodes('{ pixi: ../pixi.toml }')).toEqual([expect.stringContaining('pixi')]);
});

test('an archive is a bucket and a key; a secret key is never a plain text', () => {
  const store = { region: 'us-east-1', bucket: 'b', pathStyle: false };
  expect(nodes('{ conda: s3://b/k/e.zst }')).toEqual({
    ...{ kind: 'conda', key: 'k/e.zst', store, update: true },
  });
  expect(nodes('{ conda: e.zst }')).toEqual([expect.stringContaining('s3://bucket/key')]);
  const given = (secretKey: string) =>
    nodes(`{ conda: { archive: s3://b/k, accessKey: id, secretKey: "${secretKey}" } }`);
  expect(given('{{ secret.KEY }}')).toMatchObject({
    store: { credentials: { accessKey: 'id', secretKey: { secret: 'KEY' } } },
  });
  expect(given('plain')).toEqual([expect.stringContaining('{{ secret.NAME }}')]);
});

test('operators name a key of the bucket of their store, or the bucket too; the plan holds no secret key', () => {
  const s3 =
    's3_config: { endpoint: "http://s3.example.com", access_key: id, secret_key: plain-secret, bucket: envs }\n';
  const conda = (path: string) => `{ s3_compress_path: "${path}" }`;
  const found = environmentOf(operators('env_type: conda_project', conda('k/e.zst'), s3));
  expect(found).toMatchObject({ key: 'k/e.zst', name: 'a-b', store: { bucket: 'envs' } });
  expect(JSON.stringify(found)).not.toContain('plain-secret');
  expect(environmentOf(operators('env_type: conda_project', conda('s3://o/k'), s3))).toMatchObject({
    key: 'k',
    store: { bucket: 'o' },
  });
  expect(environmentOf(operators('env_type: conda_project', conda('b/k')))).toMatchObject({
    ...{ key: 'k', store: { bucket: 'b', pathStyle: false } },
  });
});

test('the details tell the kind where the type does not', () => {
  const kind = (config: string) => environmentOf(operators('timeout: 1', config));
  expect(kind('{ pixi_toml_path: ./pixi.toml }')).toMatchObject({ kind: 'pixi', name: 'a-b' });
  expect(kind('{ pyproject_path: pyproject.toml }')).toMatchObject({ kind: 'uv' });
  expect(kind('{ pyproject_path: pyproject.toml, poetry_extra_args: [--no-root] }')).toMatchObject({
    kind: 'poetry',
    extraArgs: ['--no-root'],
  });
});
