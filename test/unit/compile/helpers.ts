import { type Compiled, compile } from '#core/compile/compile.ts';
import type { Problem } from '#schemas/problems.ts';

/** The problems of a source, errors and warnings. */
export function problemsOf(text: string): readonly Problem[] {
  const result = compile({ text });
  return result.ok ? result.warnings : result.problems;
}

/** `code line:column`, the shortest form in which a test can say what is wanted. */
export function places(text: string): readonly string[] {
  return problemsOf(text).map(({ code, line, column }) => `${code} ${line}:${column}`);
}

export function codes(text: string): readonly string[] {
  return problemsOf(text).map(({ code }) => code);
}

/** The only problem of a source. */
export function onlyProblem(text: string): Problem {
  const problems = problemsOf(text);
  const [problem] = problems;
  if (problem === undefined || problems.length > 1) {
    throw new TypeError(`wanted one problem, got ${JSON.stringify(problems, null, 1)}`);
  }
  return problem;
}

export function compiled(text: string): Compiled {
  const result = compile({ text });
  if (!result.ok) throw new TypeError(JSON.stringify(result.problems, null, 1));
  return result;
}

/** A pipeline with these nodes, each a line of a flow mapping without its braces. */
export function pipeline(...nodes: readonly string[]): string {
  return `id: p\nnodes:\n${nodes.map((node) => `  - { ${node} }\n`).join('')}`;
}
