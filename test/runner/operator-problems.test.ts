// What is wrong with the code of operators is told where the configuration says it, before a run exists and all at once.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compilePipeline } from '#local/pipeline-files.ts';
import { operatorsOfPlans } from '#local/resolve-operators.ts';
import { plansOfRun } from '#local/run-plans.ts';
import { temporaryFolder } from './engine.ts';
import { aRepository } from './sources.ts';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
  aRepository(path.join(folder, 'code'), { 'sub/pyproject.toml': '[project]' });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function placesIn(name: string): Promise<readonly string[]> {
  const compiled = compilePipeline(path.join(folder, name), { cwd: folder });
  if (!compiled.ok) return compiled.problems.map(({ message }) => message);
  const { main, below } = await plansOfRun(compiled, {});
  const { problems } = await operatorsOfPlans([main, ...below], {
    offline: false,
    cacheDir: path.join(folder, 'cache'),
  });
  return problems.map(({ code, file = '', line, column }) => `${code} ${file}:${line}:${column}`);
}

const LINE = `pipeline_id: line
operators:
  - operator_id: gone
    git_repo: ../nowhere
    git_tag: v1.0.0
    start_command: run
  - operator_id: tag
    git_repo: ../code
    git_tag: v1
    start_command: run
  - operator_id: file
    git_repo: ../code
    git_tag: v1.0.0
    env_config:
      pyproject_path: pyproject.toml
    start_command: run
`;

test('the repository, the tag and the project file have their places in the file of a folder that says them', async () => {
  mkdirSync(path.join(folder, 'conf'));
  writeFileSync(path.join(folder, 'conf/10.yaml'), 'name: Line\n');
  writeFileSync(path.join(folder, 'conf/20.yaml'), LINE);
  writeFileSync(
    path.join(folder, 'conf/30.yaml'),
    'nodes: [{ node_id: n, operator_ids: [gone, tag, file] }]\n',
  );

  expect(await placesIn('conf')).toEqual([
    'repository_missing 20.yaml:4:15',
    'tag_missing 20.yaml:9:14',
    'project_file_missing 20.yaml:15:7',
  ]);
});

test('those of a pipeline below name its file', async () => {
  writeFileSync(
    path.join(folder, 'top.yaml'),
    'id: top\nnodes:\n  - { id: a, pipeline: { file: below.yaml } }\n',
  );
  writeFileSync(
    path.join(folder, 'below.yaml'),
    'id: below\nnodes:\n  - id: a\n    steps:\n      - operator: { git: ./code, tag: v9 }\n        command: run\n',
  );

  expect(await placesIn('top.yaml')).toEqual(['tag_missing below.yaml:5:39']);
});

test('an argument that a tool may not be given is told before anything is built, at the environment of its operator', async () => {
  const [head = ''] = LINE.split('  - operator_id: gone');
  const operator = `  - operator_id: file
    git_repo: code
    git_tag: v1.0.0
    env_config: { pyproject_path: sub/pyproject.toml, uv_extra_args: [--no-cache, --directory=/] }
    start_command: run
`;
  const nodes = 'nodes: [{ node_id: n, operator_ids: [file] }]\n';
  writeFileSync(path.join(folder, 'line.yaml'), `${head}${operator}${nodes}`);

  expect(await placesIn('line.yaml')).toEqual(['unsafe_value :6:17']);
});
