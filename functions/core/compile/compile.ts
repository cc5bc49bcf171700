// From the text of a pipeline to a plan, or to everything that is wrong with it. Never throws.
import { message, nearHint } from '#core/messages.ts';
import { limits } from '#schemas/limits.ts';
import type { Dialect, Plan } from '#schemas/plan.ts';
import type { Problem } from '#schemas/problems.ts';
import { assemble } from './assemble.ts';
import { digestOf } from './canonical.ts';
import { check } from './check.ts';
import { dialectOf } from './dialects.ts';
import type { PlanOperator, Reading } from './draft.ts';
import { Findings } from './findings.ts';
import { type FindPipeline, linkPipelines } from './link-pipelines.ts';
import { listed, nearest } from './nearest.ts';
import { operatorsDialect } from './operators.ts';
import { nodesDialect } from './pipeline.ts';
import { readYaml } from './read-yaml.ts';
import type { Place } from './tree.ts';

export interface Source {
  /** The decoded text; see decodeSource. */
  readonly text: string;
  /** Name for messages. */
  readonly file?: string;
}

export interface CompileOptions {
  /** Names of operators whose code comes from working trees; each must be one of the plan's. */
  readonly with?: readonly string[];
  /** Finds the pipelines that nodes run; without it none is found. */
  readonly subPipeline?: FindPipeline;
  /** Names of the operators of pipelines below, once they were found: `with` may name these as well. */
  readonly operatorsBelow?: () => readonly string[];
}

export interface Compiled {
  readonly ok: true;
  readonly plan: Plan;
  /** SHA-256 of the plan's canonical form. */
  readonly digest: string;
  readonly warnings: readonly Problem[];
  /** Names of the secrets that the plan names, sorted. */
  readonly secrets: readonly string[];
  /** The operators of the plan: what must be fetched and built. The node `@name` prepares each. */
  readonly operators: readonly Omit<PlanOperator, 'place'>[];
  /** How many levels of pipelines are below this one. */
  readonly depth: number;
}

export interface Refused {
  readonly ok: false;
  /** By line and column; warnings are among them, at least one is an error. */
  readonly problems: readonly Problem[];
}

/** Compiles a pipeline. All problems are reported at once, at most `limits.problems` of them. */
export function compile(source: Source, options: CompileOptions = {}): Compiled | Refused {
  const findings = new Findings(source.text);
  const foreign: Problem[] = [];
  const compiled = compileInto(findings, options, foreign);
  const problems = [...findings.problems(), ...foreign];
  if (compiled === undefined || findings.failed) return { ok: false, problems };
  return { ...compiled, warnings: problems };
}

function compileInto(
  findings: Findings,
  options: CompileOptions,
  foreign: Problem[],
): Omit<Compiled, 'warnings'> | undefined {
  if (findings.source.length > limits.sourceBytes) {
    const filling = { count: findings.source.length, most: limits.sourceBytes };
    findings.error(message('file_too_large', 'characters', filling), undefined);
    return undefined;
  }
  const tree = readYaml(findings);
  if (tree === undefined) return undefined;
  findings.root = tree;
  const root: Place = { tree, key: '' };
  const dialect = dialectOf(findings, root);
  if (dialect === undefined) return undefined;
  const read = READERS[dialect](findings, root);
  if (read === undefined) return undefined;
  const { drafts, problems, depth } = linkPipelines(findings, read, options.subPipeline);
  foreign.push(...problems);
  const reading = { ...read, drafts };
  const secrets = check(findings, reading);
  checkWith(findings, reading, options);
  if (findings.failed) return undefined;
  return { ...finished(reading, dialect, secrets), depth };
}

const READERS = { nodes: nodesDialect, operators: operatorsDialect } as const;

function finished(
  reading: Reading,
  dialect: Dialect,
  secrets: ReadonlySet<string>,
): Omit<Compiled, 'warnings' | 'depth'> {
  const plan = assemble(reading, dialect);
  return {
    ok: true,
    plan,
    digest: digestOf(plan),
    secrets: [...secrets].sort(),
    operators: reading.operators.map(({ name, source, environment }) => ({
      name,
      source,
      environment,
    })),
  };
}

function checkWith(findings: Findings, reading: Reading, options: CompileOptions): void {
  const { with: names = [], operatorsBelow } = options;
  if (names.length === 0) return;
  const own = reading.operators.map((operator) => operator.name);
  const known = [...new Set([...own, ...(operatorsBelow?.() ?? [])])];
  for (const name of names) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    const filling = { name, known: listed(known), hint: nearHint(near) };
    findings.error(message('unknown_operator', 'with', filling), undefined, { suggestion: near });
  }
}
