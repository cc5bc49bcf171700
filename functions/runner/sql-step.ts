// One step that is a query: its request, the program that does it, and what is said when the database refuses it.

import { existsSync, mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseTemplate } from '#core/expression/parse.ts';
import { quoteWord } from '#core/expression/shell.ts';
import { evaluateSql, readSql, type SqlStatement } from '#core/expression/sql.ts';
import type { Template } from '#core/expression/types.ts';
import { StepFailure } from '#core/failures.ts';
import { decided } from '#core/rendering.ts';
import { limits } from '#schemas/limits.ts';
import type { PlanNode, Resources } from '#schemas/plan.ts';
import {
  SQL_RESULT,
  type SqlFailure,
  type SqlRequest,
  type SqlStatementRequest,
  sqlFailure,
  sqlFormat,
} from '#schemas/sql.ts';
import type { Json } from '#schemas/values.ts';
import { contractVariables, stepFiles } from './contract.ts';
import type { Variables } from './host-environment.ts';
import { pathOf, plainValue, variablesOf } from './render.ts';
import { runStep, type StepEnd } from './run-step.ts';
import { queryFailure } from './sql-failure.ts';
import type { Prepared, StepsOrder, Turn } from './start-step.ts';
import type { World } from './world.ts';

type SqlExecutor = Extract<PlanNode['executor'], { kind: 'sql' }>;

/** A query as the user wrote it, and as the database is given it. */
export interface Query {
  readonly template: Template;
  readonly statements: readonly SqlStatement[];
  readonly request: readonly SqlStatementRequest[];
}

/** All queries of a node: the main one, and those for its outputs. */
export interface Queries {
  readonly main: Query;
  readonly outputs: ReadonlyMap<string, Query>;
}

/** What the program sees of the environment: no variable of the pipeline is its business but the zone it tells the time in. */
const VARIABLES = ['PATH', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'];

export async function startQuery(
  world: World,
  node: StepsOrder,
  prepared: Prepared,
  { step, turn, halter }: Turn,
): Promise<StepEnd> {
  const { executor } = step;
  if (executor.kind !== 'sql') throw new StepFailure('start_failed', 'the step has no query');
  const queries = queriesOf(executor, prepared);
  const folder = node.places.tree(turn);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const failure = path.join(folder, 'failure.json');
  const request: SqlRequest = {
    query: [...queries.main.request],
    outputs: [...queries.outputs].flatMap(
      ([
        name,
        {
          request: [query],
        },
      ]) => (query === undefined ? [] : [{ name, query }]),
    ),
    ...resultOf(executor, node),
    files: filesOf(node, prepared, world.dataDir),
    ...bounds(node.order.resources, folder),
    failure,
  };
  const file = path.join(folder, 'request.json');
  writeFileSync(file, JSON.stringify(request), { mode: 0o600 });
  const files = stepFiles(node.places, turn);
  const name = step.label ?? step.id;
  return runStep(world, {
    ...node,
    halter,
    step,
    files,
    folder,
    environment: {
      ...environmentOf(prepared),
      ...contractVariables({ ...node, files, inputs: prepared.inputsFile, step: name }),
    },
    command: commandLine(file),
    told: () => {
      const found = failureIn(failure);
      if (found === undefined) return undefined;
      const { message, shown } = queryFailure(found, queries);
      node.log.say(name, node.mask.text(shown));
      return { reason: found.reason, message };
    },
  });
}

function queriesOf(executor: SqlExecutor, prepared: Prepared): Queries {
  const entries = Object.entries(executor.outputs ?? {});
  return {
    main: queryOf(executor.query, 'the query', prepared),
    outputs: new Map(
      entries.map(([name, text]) => [name, queryOf(text, `the query of "${name}"`, prepared)]),
    ),
  };
}

function queryOf(text: string, what: string, prepared: Prepared): Query {
  const parsed = parseTemplate(text);
  if (!parsed.ok) throw new StepFailure('expression_error', `${what}: ${parsed.problem.message}`);
  const values = decided(evaluateSql(parsed.value, variablesOf(prepared)), what);
  const all = (Array.isArray(values) ? values : []).map((value: Json) =>
    plainValue(value, prepared.rendering.dataDir),
  );
  const { statements } = readSql(parsed.value);
  const request = statements.map((statement) => ({
    text: statement.text,
    parameters: statement.parameters.map((index) => all[index] ?? null),
  }));
  return { template: parsed.value, statements, request };
}

function resultOf(
  { into }: SqlExecutor,
  { places }: StepsOrder,
): Pick<SqlRequest, 'result' | 'into'> {
  if (into === undefined) return { result: SQL_RESULT };
  const { name, ext } = path.parse(into);
  const format = sqlFormat.parse(ext.slice(1));
  return { result: name, into: { file: path.join(places.artifacts, into), format } };
}

/** Every file that the node's templates name. */
function filesOf(node: StepsOrder, { inputs }: Prepared, dataDir: string): string[] {
  const { scope } = node.work;
  const found = new Set<string>();
  const open: Json[] = [
    inputs,
    scope.input,
    scope.nodes,
    scope.item ?? null,
    scope.payloads ?? null,
  ];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next === null || typeof next !== 'object') continue;
    const file = pathOf(next, dataDir);
    if (file !== undefined) found.add(file);
    else open.push(...Object.values(next));
  }
  return [...found];
}

const MIB = 1024 * 1024;
/** What the program takes besides the memory of the database. */
const OWN_MEMORY = 192 * MIB;
const LEAST_MEMORY = 32 * MIB;

function bounds(
  resources: Resources | undefined,
  folder: string,
): Pick<SqlRequest, 'memory' | 'threads' | 'spill'> {
  const cores = resources?.limits?.cpu ?? resources?.cpu ?? availableParallelism();
  const { bavail, bsize } = statfsSync(folder);
  const free = Math.floor(bavail * bsize * 0.9);
  return {
    memory: memoryOf(resources),
    threads: Math.max(1, Math.min(Math.ceil(cores), availableParallelism())),
    spill: { folder: path.join(folder, 'spill'), bytes: Math.min(limits.sqlSpillBytes, free) },
  };
}

/** Below the limit of the node by what the program itself takes; without one, half of the machine. */
function memoryOf(resources: Resources | undefined): number {
  const limit = resources?.limits?.memory;
  const machine = Math.min(totalmem(), process.constrainedMemory() || totalmem());
  if (limit === undefined) return Math.floor(Math.max(machine / 2, resources?.memory ?? 0));
  const most = Math.min(limit * 0.8, Math.max(limit / 2, limit - OWN_MEMORY));
  return Math.floor(Math.max(LEAST_MEMORY, most));
}

function environmentOf(prepared: Prepared): Variables {
  const all: Variables = { ...prepared.inherited, ...prepared.ordered };
  const chosen: Variables = {};
  for (const name of VARIABLES) if (all[name] !== undefined) chosen[name] = all[name];
  return chosen;
}

/** The program beside this very file: a bundle in a bundle, a source in a checkout. */
function commandLine(request: string): string {
  const source = import.meta.url.endsWith('.ts');
  const program = fileURLToPath(new URL(source ? './sql/main.ts' : './sql.mjs', import.meta.url));
  return `exec ${[process.execPath, '--single-threaded', program, request].map(quoteWord).join(' ')}`;
}

function failureIn(file: string): SqlFailure | undefined {
  if (!existsSync(file)) return undefined;
  return sqlFailure.parse(JSON.parse(readFileSync(file, 'utf8')));
}
