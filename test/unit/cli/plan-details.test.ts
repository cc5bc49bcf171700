// What a plan tells of paths of this machine: folders that are repositories among them, each path once.
import { expect, test } from 'vitest';
import { hostPaths } from '#cli/plan-details.ts';
import { compile } from '#core/compile/compile.ts';

/** A folder that is there; temporary ones are everywhere, and so are not told. */
const folder = '/var';

test('a repository that is a folder is told as a path, however it is written', () => {
  const compiled = compile({
    text: `pipeline_id: line
operators:
  - { operator_id: a, git_repo: "file://${folder}", git_tag: v1, start_command: run }
  - { operator_id: b, git_repo: ., git_tag: v1, start_command: run }
  - { operator_id: c, git_repo: https://e.com/c.git, git_tag: v1, start_command: run }
  - { operator_id: d, git_repo: "file://${folder}/gone", git_tag: v1, start_command: run }
nodes:
  - { node_id: n, operator_ids: [a, b, c, d] }
`,
  });

  expect(compiled.ok ? hostPaths(compiled.plan, folder) : []).toEqual([
    { path: folder, where: 'a: code', there: true },
    { path: folder, where: 'b: code', there: true },
    { path: `${folder}/gone`, where: 'd: code', there: false },
  ]);
});
