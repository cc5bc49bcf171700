// Sketches as text of the expression language, as a plan, and as YAML of the native dialect.
import { FORMAT, LANGUAGE } from '#schemas/ids.ts';
import type { Executor, Plan, PlanNode, Retry } from '#schemas/plan.ts';
import type { AttemptResult } from '#schemas/run.ts';
import type { Json } from '#schemas/values.ts';
import type { Cond, Expr, Sketch, SketchNode, SubSketch } from './sketch.ts';

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
  const outputs = Object.entries(sketch.outputs ?? {});
  if (outputs.length > 0) lines.push('outputs:');
  for (const [name, expr] of outputs)
    lines.push(`  ${name}: ${JSON.stringify(`{{ ${exprText(sketch, expr)} }}`)}`);
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
    [
      'forEach',
      node.over === undefined ? node.forEach : `{{ ${sketch.nodes[node.over]?.id}.list }}`,
    ],
    ['maxParallel', node.maxParallel],
    ['inputs', node.inputs && bindings(sketch, node.inputs)],
    ['retry', node.retry && yamlRetry(node.retry)],
    ['timeout', node.timeout === undefined ? undefined : `${node.timeout}ms`],
    ['cache', yamlCache(node)],
    ['steps', node.kind === 'steps' && node.by === undefined ? [yamlStep(node)] : undefined],
    ['function', node.by === 'handler' ? yamlFunction(node) : undefined],
    ['sql', node.by === 'query' ? yamlQuery(node) : undefined],
    ['pipeline', typeof node.by === 'object' ? yamlSubRun(node, node.by) : undefined],
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
      return `${instance}:${attempt}) ${shellEnding(ending, node.list)} ;;`;
    }),
  );
  const secret =
    node.secret === true ? `test "\${#TOKEN}" = ${SECRET.length} || exit 98; echo "$TOKEN"\n` : '';
  const command = `${secret}case "\${INSTANCE}:\${MILLRACE_ATTEMPT}" in\n${cases.join('\n')}\nesac`;
  const instance = node.forEach === undefined ? '0' : '{{ index }}';
  const token = node.secret === true ? { TOKEN: `{{ secret.${SECRET_NAME} }}` } : {};
  return { env: { INSTANCE: instance, ...token }, command };
}

function shellEnding(ending: AttemptResult, list: number | undefined): string {
  if (ending.result === 'failed') return `exit ${ending.exitCode ?? 1}`;
  if (ending.result !== 'completed') return 'kill -9 $$';
  const outputs = JSON.stringify(ending.outputs);
  if (list === undefined) return `printf '%s' '${outputs}' > "$MILLRACE_OUTPUTS"`;
  const elements = Array.from({ length: list }, (_, at) => `{"k":${at * 10},"pad":"'"$pad"'"}`);
  const comma = outputs === '{}' ? '' : ',';
  const pad = `pad=$(head -c ${padding(list)} /dev/zero | tr '\\0' x)`;
  const text = `${outputs.slice(0, -1)}${comma}"list":[${elements.join(',')}]}`;
  return `${pad}; printf '%s' '${text}' > "$MILLRACE_OUTPUTS"`;
}

/** What a list by reference is made of: together the elements are too large to be kept inline. */
export const padding = (list: number): number => Math.ceil(36_000 / list);

export const SECRET_NAME = 'RANDOM_TOKEN';
export const SECRET = 'gZ4-unlikely-to-be-anything-else';
/** The handler that does what its configuration says. */
export const HANDLER = 'as_told';

function yamlCache(node: SketchNode): Json | undefined {
  if (node.cached === undefined) return undefined;
  return node.cached === 'always' ? "{{ 'always' }}" : true;
}

function yamlFunction(node: SketchNode): Json {
  const key = node.secret === true ? { key: `{{ secret.${SECRET_NAME} }}` } : {};
  const list = node.list === undefined ? {} : { list: node.list };
  // The texts in it are plain ones.
  const endings = node.endings as unknown as Json;
  return { name: HANDLER, config: { endings, ...list, ...key } };
}

/** A row for each instance. */
function yamlQuery(node: SketchNode): Json {
  const rows = node.endings.map((endings, instance) => {
    const [ending] = endings;
    const outputs = ending?.result === 'completed' ? ending.outputs : undefined;
    const text = (value: Json | undefined): string =>
      typeof value === 'string' ? `'${value}'` : JSON.stringify(value ?? null);
    return `(${instance}, ${text(outputs?.['n'])}::bigint, ${text(outputs?.['ok'])}::boolean, ${text(outputs?.['s'])}::varchar, ${outputs === undefined})`;
  });
  const instance = node.forEach === undefined ? '0' : '{{ index }}';
  const from = rows.length === 0 ? `(0, 0, true, '', true)` : rows.join(', ');
  const query = `select n, ok, s, case when fails then error('fails on purpose') end as z from (values ${from}) as rows(i, n, ok, s, fails) where i = ${instance}`;
  const outputs = Object.fromEntries(
    ['n', 'ok', 's', 'z'].map((name) => [name, `select ${name} from result`]),
  );
  return { query, outputs };
}

function yamlSubRun(node: SketchNode, { sketch, inputs }: SubSketch): Json {
  const item = node.over === undefined ? '{{ item }}' : '{{ item.k }}';
  return {
    file: `./${sketch.id}.yaml`,
    inputs: Object.fromEntries(
      Object.entries(inputs).map(([name, value]) => [name, value === 'item' ? item : value]),
    ),
  };
}

/** The sketch and all that it runs, as files by name. */
export function toFiles(sketch: Sketch, name = 'pipeline.yaml'): { [file: string]: string } {
  const files = { [name]: toYaml(sketch) };
  for (const { by } of sketch.nodes)
    if (typeof by === 'object') Object.assign(files, toFiles(by.sketch, `${by.sketch.id}.yaml`));
  return files;
}
