// A plan for people: nodes in order with what they wait for, environments, what programs inherit.
import { formatDuration, formatSize } from '#core/compile/units.ts';
import { parseCondition } from '#core/expression/parse.ts';
import { references } from '#core/expression/references.ts';
import type { Plan, PlanNode } from '#schemas/plan.ts';
import type { HostPath, PlannedCode } from '../plan-details.ts';
import type { Palette } from './palette.ts';
import { renderTable } from './table.ts';
import { shorten, spell } from './words.ts';

export interface Planned {
  readonly plan: Plan;
  readonly digest: string;
  /** Plans of the pipelines that nodes run, by digest. */
  readonly below?: ReadonlyMap<string, Plan>;
  readonly environments: readonly PlannedEnvironment[];
  readonly inherited: readonly string[];
  /** Of a production line: the code of its operators. */
  readonly code?: readonly PlannedCode[];
  readonly hostPaths?: readonly HostPath[];
}

export interface PlannedEnvironment {
  readonly name: string;
  readonly kind: string;
  /** `<git>#<tag>`, or the folder. */
  readonly operator: string;
  readonly commit?: string;
  /** Whether it is there already; absent where nobody could tell. */
  readonly built?: boolean;
  /** Seconds that it took when it was built last. */
  readonly lastSeconds?: number;
}

export function renderPlan(planned: Planned, paint: Palette): string {
  const { plan, environments } = planned;
  const version = plan.version === undefined ? '' : ` ${plan.version}`;
  const nodes = rows(plan, { below: planned.below ?? new Map(), told: new Set(), depth: 0 }, paint);
  return [
    `${paint.bold(plan.id)}${version}  ${paint.dim(`plan ${planned.digest}`)}`,
    '',
    renderTable(nodes),
    '',
    ...codeLines(planned.code ?? [], paint),
    ...(environments.length === 0 ? [] : [...environmentLines(environments, paint), '']),
    ...pathLines(planned.hostPaths ?? [], paint),
    `programs inherit ${planned.inherited.length === 0 ? 'nothing' : planned.inherited.join(' ')}`,
  ].join('\n');
}

interface Below {
  readonly below: ReadonlyMap<string, Plan>;
  /** Pipelines whose nodes were listed already. */
  readonly told: Set<string>;
  readonly depth: number;
}

/** Nodes of a plan; below a node that runs another pipeline those of that one, the first time it comes. */
function rows(plan: Plan, within: Below, paint: Palette): readonly (readonly string[])[] {
  const { below, told, depth } = within;
  return inOrder(plan).flatMap((node, index) => {
    const own = row(plan, node, { index, depth }, paint);
    const { executor } = node;
    const sub = executor.kind === 'pipeline' ? below.get(executor.digest) : undefined;
    if (executor.kind === 'steps' && plan.dialect === 'operators')
      return [own, ...operatorRows(executor.plan, depth + 1, paint)];
    if (sub === undefined || executor.kind !== 'pipeline' || told.has(executor.digest))
      return [own];
    told.add(executor.digest);
    return [own, ...rows(sub, { below, told, depth: depth + 1 }, paint)];
  });
}

/** What a node of a production line runs. */
function operatorRows(inner: Plan, depth: number, paint: Palette): readonly (readonly string[])[] {
  return inOrder(inner).map((step) => [
    '   ',
    `${'  '.repeat(depth)}${step.label ?? step.id}`,
    step.start === undefined && (step.needs ?? []).length === 0 ? '' : waitsFor(inner, step),
    paint.dim(limitsOf(step).join(', ')),
  ]);
}

/** The user's nodes, each behind those it waits for by name, otherwise as they were written. */
export function inOrder(plan: Plan): readonly PlanNode[] {
  const rank = ranks(plan);
  return plan.nodes
    .map((node, index) => ({ node, rank: rank[index] ?? 0, index }))
    .filter(({ node }) => node.executor.kind !== 'prepare')
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .map(({ node }) => node);
}

/** Length of the longest way to each node. */
function ranks(plan: Plan): readonly number[] {
  const sources = sourcesOf(plan);
  const dependents = plan.nodes.map((): number[] => []);
  for (const [index, from] of sources.entries())
    for (const source of from) dependents[source]?.push(index);
  const open = sources.map((from) => from.size);
  const rank = plan.nodes.map(() => 0);
  const settled = [...open.keys()].filter((index) => open[index] === 0);
  // What is pushed while going through it is gone through as well.
  for (const index of settled)
    for (const dependent of dependents[index] ?? []) {
      rank[dependent] = Math.max(rank[dependent] ?? 0, (rank[index] ?? 0) + 1);
      open[dependent] = (open[dependent] ?? 0) - 1;
      if (open[dependent] === 0) settled.push(dependent);
    }
  return rank;
}

/** Indexes of the nodes that each node waits for by name. */
function sourcesOf(plan: Plan): readonly ReadonlySet<number>[] {
  const indexes = new Map(plan.nodes.map(({ id }, index) => [id, index]));
  return plan.nodes.map(({ needs, start }) => {
    const named = start === undefined ? [] : namesIn(start).map((name) => indexes.get(name));
    return new Set([...(needs ?? []), ...named.filter((index) => index !== undefined)]);
  });
}

function namesIn(start: string): readonly string[] {
  const parsed = parseCondition(start);
  if (!parsed.ok) return [];
  const { events, outputs } = references(parsed.value);
  const nodes = events.map(({ pattern }) => pattern.slice(0, pattern.lastIndexOf('.')));
  return [...nodes, ...outputs.map(({ node }) => node)];
}

function row(
  plan: Plan,
  node: PlanNode,
  at: { readonly index: number; readonly depth: number },
  paint: Palette,
): readonly string[] {
  return [
    paint.dim(at.depth === 0 ? String(at.index + 1).padStart(3) : '   '),
    `${'  '.repeat(at.depth)}${paint.bold(node.label ?? node.id)}`,
    waitsFor(plan, node),
    paint.dim(details(node)),
  ];
}

export function waitsFor(plan: Plan, node: PlanNode): string {
  if (node.start !== undefined) return `when ${shorten(node.start, 80)}`;
  const names = (node.needs ?? []).map((index) => nameOf(plan, index));
  return names.length === 0 ? 'starts with the run' : `after ${shorten(names.join(', '), 80)}`;
}

export function nameOf(plan: Plan, index: number): string {
  const node = plan.nodes[index];
  return node === undefined ? String(index) : (node.label ?? node.id);
}

function details(node: PlanNode): string {
  const { executor, resources } = node;
  const asked = [
    resources?.cpu === undefined ? '' : `${resources.cpu} cpu`,
    resources?.memory === undefined ? '' : formatSize(resources.memory),
    resources?.gpu === undefined || resources.gpu === 0 ? '' : `${resources.gpu} gpu`,
    resources?.spot === true ? 'spot' : '',
  ];
  return [
    workOf(executor),
    node.forEach === undefined ? '' : 'for each',
    ...limitsOf(node),
    ...asked,
  ]
    .filter((part) => part !== '')
    .join(', ');
}

function limitsOf({ retry, timeout }: PlanNode): readonly string[] {
  return [
    ...(retry === undefined ? [] : [`up to ${retry.maxAttempts} attempts`]),
    ...(timeout === undefined ? [] : [`within ${formatDuration(timeout)}`]),
  ];
}

function workOf(executor: PlanNode['executor']): string {
  if (executor.kind === 'pipeline') return `pipeline ${executor.id}`;
  if (executor.kind !== 'steps') return executor.kind;
  const [first] = executor.plan.nodes;
  if (first?.executor.kind !== 'sql') return count(executor.plan.nodes.length, 'step');
  return first.executor.into === undefined ? 'sql' : `sql into ${first.executor.into}`;
}

function count(many: number, what: string): string {
  return `${many} ${what}${many === 1 ? '' : 's'}`;
}

function environmentLines(
  environments: readonly PlannedEnvironment[],
  paint: Palette,
): readonly string[] {
  const rows = environments.map(({ name, kind, operator, commit, built, lastSeconds }) => [
    `  ${name}`,
    kind,
    operator,
    paint.dim(commit === undefined ? '' : commit.slice(0, 12)),
    built === undefined ? '' : built ? paint.green('reused') : paint.yellow('to build'),
    paint.dim(lastSeconds === undefined ? '' : `took ${spell(lastSeconds * 1000)} last time`),
  ]);
  return ['environments', renderTable(rows)];
}

function codeLines(code: readonly PlannedCode[], paint: Palette): readonly string[] {
  if (code.length === 0) return [];
  const rows = code.map(({ operator, from, commit, folder, there }) => [
    `  ${operator}`,
    from,
    paint.dim(commit?.slice(0, 12) ?? ''),
    folder === undefined
      ? paint.yellow('used where it lies')
      : there
        ? paint.green('there')
        : paint.yellow('to clone'),
    paint.dim(folder ?? ''),
  ]);
  return ['code', renderTable(rows), ''];
}

/** Of a path that hundreds of operators share some are named. */
function some(places: readonly string[]): string {
  const more = places.length - PLACES;
  return more > 0 ? `${places.slice(0, PLACES).join(', ')} and ${more} more` : places.join(', ');
}

const PLACES = 3;

function pathLines(paths: readonly HostPath[], paint: Palette): readonly string[] {
  if (paths.length === 0) return [];
  const rows = [...Map.groupBy(paths, ({ path }) => path)].map(([path, users]) => [
    `  ${path}`,
    some(users.map(({ where }) => where)),
    users.every(({ there }) => there) ? '' : paint.yellow('not there'),
  ]);
  return ['paths that other machines may not have', renderTable(rows), ''];
}
