// Configurations of several files for tests: files by name, compiled as one.
import { type Compiled, compile } from '#core/compile/compile.ts';
import type { Problem } from '#schemas/problems.ts';

export const LINE = `pipeline_id: line
operators:
  - { operator_id: a, git_repo: "https://e.com/a.git", git_tag: v1, start_command: run }
nodes:
  - { node_id: n, operator_ids: [a] }
`;

export type Files = Readonly<Record<string, string>>;
export type Environment = Readonly<Record<string, string>>;

export function compileFiles(files: Files, environment: Environment = {}) {
  const layers = Object.entries(files).map(([file, text]) => ({ file, text }));
  const [only] = layers;
  return compile(layers.length === 1 && only !== undefined ? { text: only.text } : { layers }, {
    environment,
  });
}

export function compiledFiles(files: Files, environment: Environment = {}): Compiled {
  const result = compileFiles(files, environment);
  if (!result.ok) throw new TypeError(JSON.stringify(result.problems, null, 1));
  return result;
}

export function problemsOfFiles(files: Files, environment: Environment = {}): readonly Problem[] {
  const result = compileFiles(files, environment);
  return result.ok ? result.warnings : result.problems;
}

/** The command of the only operator, with these lines put before the operators. */
export function commandOf(command: string, more = '', environment: Environment = {}): string {
  const text = LINE.replace('start_command: run', `start_command: ${JSON.stringify(command)}`);
  const { plan } = compiledFiles({ 'line.yaml': `${more}${text}` }, environment);
  const executor = plan.nodes[0]?.executor;
  const step = executor?.kind === 'steps' ? executor.plan.nodes[0]?.executor : undefined;
  return step?.kind === 'command' ? step.command : '';
}
