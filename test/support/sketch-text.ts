// Sketches as text of the expression language, as a plan, and as YAML of the native dialect.
import { FORMAT, LANGUAGE } from '#schemas/ids.ts';
import type { Executor, Plan, PlanNode, Retry } from '#schemas/plan.ts';
import type { AttemptResult } from '#schemas/run.ts';
import type { Json } from '#schemas/values.ts';
import type { Cond, Expr, Sketch, SketchNode } from './sketch.ts';

export function condText(sketch: Sketch, cond: Cond): string {
  const parts = (each: readonly Cond[], glue: string): string =>
    each
      .map((part) => (part.is === 'and' || part.is === 'or' ? group(part) : text(part)))
      .join(glue);
  const text = (part: Cond): string => condText(sketch, part);
  const group = (part: Cond): string => `(${text(part)})`;
  switch (cond.is) {
    case 'and':
      return parts(cond.parts, ' && ');
    case 'or':
      // Without parentheses round `&&`: precedence is part of what is tried.
      return cond.parts.map((part) => (part.is === 'or' ? group(part) : text(part))).join(' || ');
    case 'not':
      return `!${cond.part.is === 'and' || cond.part.is === 'or' ? group(cond.part) : text(cond.part)}`;
    case 'event':
      return `event:${sketch.nodes[cond.node]?.id}.${cond.event}`;
    case 'wildcard':
      return `event:${cond.pattern}`;
    case 'external':
      return `event:${cond.name}`;
    case 'term':
      return `{{ ${exprText(sketch, cond.expr)} }}`;
  }
}

const SIMPLE = new Set(['literal', 'input', 'output', 'instance', 'count', 'payload']);

export function exprText(sketch: Sketch, expr: Expr): string {
  const inner = (part: Expr): string =>
    SIMPLE.has(part.is) ? exprText(sketch, part) : `(${exprText(sketch, part)})`;
  const id = (node: number): string => sketch.nodes[node]?.id ?? '';
  switch (expr.is) {
    case 'literal':
      return typeof expr.value === 'string' ? `'${expr.value}'` : JSON.stringify(expr.value);
    case 'input':
      return `pipeline.input.${expr.name}`;
    case 'output':
      return `${id(expr.node)}.${expr.name}`;
    case 'instance':
      return `${id(expr.node)}.items[${expr.index}].${expr.name}`;
    case 'count':
      return `len(${id(expr.node)}.items)`;
    case 'payload':
      return `payload('${expr.event}').${expr.name}`;
    case 'compare':
      return `${inner(expr.left)} ${expr.operator} ${inner(expr.right)}`;
    case 'plus':
      return `${inner(expr.left)} + ${inner(expr.right)}`;
    case 'fallback':
      return `${inner(expr.left)} ?? ${inner(expr.right)}`;
    case 'choice':
      return `${inner(expr.test)} ? ${inner(expr.yes)} : ${inner(expr.no)}`;
    case 'and':
      return expr.parts.map(inner).join(' && ');
    case 'or':
      return expr.parts.map(inner).join(' || ');
    case 'not':
      return `!${inner(expr.part)}`;
  }
}

const STEP: Plan = {
  v: FORMAT,
  language: LANGUAGE,
  dialect: 'nodes',
  id: 'steps',
  inputs: {},
  groups: [{ id: 'steps', kind: 'pipeline', parent: -1, failFast: true }],
  nodes: [
    {
      id: 'step_1',
      group: 0,
      executor: { kind: 'command', command: 'true', environment: { kind: 'host' } },
    },
  ],
};

function executorOf(node: SketchNode): Executor {
  if (node.kind === 'join') return { kind: 'join' };
  if (node.direct === true) return { kind: 'function', name: 'handler' };
  if (node.kind === 'steps') return { kind: 'steps', plan: STEP };
  if (node.kind === 'approval') {
    const { deadline, onDeadline = 'reject' } = node;
    return { kind: 'approval', onDeadline, ...(deadline === undefined ? {} : { deadline }) };
  }
  return { kind: 'prepare', operator: { path: `../${node.id}` }, environment: { kind: 'host' } };
}

export function toPlan(sketch: Sketch): Plan {
  return {
    v: FORMAT,
    language: LANGUAGE,
    dialect: 'nodes',
    id: sketch.id,
    inputs: Object.fromEntries(
      Object.entries(sketch.inputs).map(([name, value]) => [
        name,
        { type: 'number', default: value },
      ]),
    ),
    groups: [...sketch.groups],
    nodes: sketch.nodes.map((node) => planNodeOf(sketch, node)),
  };
}

function planNodeOf(sketch: Sketch, node: SketchNode): PlanNode {
  return {
    id: node.id,
    group: node.group,
    executor: executorOf(node),
    ...(node.needs && { needs: [...node.needs] }),
    ...(node.start && { start: condText(sketch, node.start) }),
    ...(node.stop && { stop: condText(sketch, node.stop) }),
    ...(node.skip && { skip: condText(sketch, node.skip) }),
    ...(node.prepares && { prepares: [...node.prepares] }),
    ...(node.forEach && { forEach: [...node.forEach] }),
    ...(node.maxParallel !== undefined && { maxParallel: node.maxParallel }),
    ...(node.inputs && { inputs: bindings(sketch, node.inputs) }),
    ...(node.kept === true && { cache: "{{ 'always' }}" }),
    ...(node.retry && { retry: node.retry }),
    ...(node.timeout !== undefined && { timeout: node.timeout }),
  };
}

function bindings(
  sketch: Sketch,
  inputs: { readonly [name: string]: Expr },
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, expr]) => [name, `{{ ${exprText(sketch, expr)} }}`]),
  );
}

/** A file of the native dialect whose programs end as the sketch says. For sketches of one group, without prepares and seeds. */
export function toYaml(sketch: Sketch): string {
  const lines = [`id: ${sketch.id}`];
  const inputs = Object.entries(sketch.inputs);
  if (inputs.length > 0) lines.push('inputs:');
  for (const [name, value] of inputs) {
    lines.push(`  ${name}: { type: number, default: ${JSON.stringify(value)} }`);
  }
  lines.push('nodes:', ...sketch.nodes.flatMap((node) => yamlNode(sketch, node)));
  return `${lines.join('\n')}\n`;
}

function yamlNode(sketch: Sketch, node: SketchNode): string[] {
  const ids = (node.needs ?? []).map((need) => sketch.nodes[need]?.id);
  const fields: [string, Json | undefined][] = [
    ['needs', node.needs && (ids as string[])],
    ['startWhen', node.start && condText(sketch, node.start)],
    ['stopWhen', node.stop && condText(sketch, node.stop)],
    ['skipWhen', node.skip && condText(sketch, node.skip)],
    ['forEach', node.forEach],
    ['maxParallel', node.maxParallel],
    ['inputs', node.inputs && bindings(sketch, node.inputs)],
    ['retry', node.retry && yamlRetry(node.retry)],
    ['steps', node.kind === 'steps' ? [yamlStep(node)] : undefined],
    ['approval', node.kind === 'approval' ? yamlApproval(node) : undefined],
  ];
  return [
    `  - id: ${node.id}`,
    ...fields.flatMap(([name, value]) =>
      value === undefined ? [] : [`    ${name}: ${JSON.stringify(value)}`],
    ),
  ];
}

function yamlApproval({ deadline, onDeadline }: SketchNode): Json {
  if (deadline === undefined) return true;
  return { deadline: `${deadline}ms`, ...(onDeadline === undefined ? {} : { onDeadline }) };
}

function yamlRetry(retry: Retry): Json {
  return {
    maxAttempts: retry.maxAttempts,
    on: retry.on,
    delay: `${retry.delay}ms`,
    backoff: retry.backoff,
    maxDelay: `${retry.maxDelay}ms`,
  };
}

/** A shell program that looks up which instance and attempt it is and ends as that one shall end. */
function yamlStep(node: SketchNode): { [name: string]: Json } {
  const cases = node.endings.flatMap((endings, instance) =>
    endings.map((ending, at) => {
      const attempt = at === endings.length - 1 ? '*' : `${at + 1}`;
      return `${instance}:${attempt}) ${shellEnding(ending)} ;;`;
    }),
  );
  const command = `case "\${INSTANCE}:\${MILLRACE_ATTEMPT}" in\n${cases.join('\n')}\nesac`;
  const instance = node.forEach === undefined ? '0' : '{{ index }}';
  return { env: { INSTANCE: instance }, command };
}

function shellEnding(ending: AttemptResult): string {
  if (ending.result === 'completed') {
    return `printf '%s' '${JSON.stringify(ending.outputs)}' > "$MILLRACE_OUTPUTS"`;
  }
  return ending.result === 'failed' ? `exit ${ending.exitCode ?? 1}` : 'kill -9 $$';
}
