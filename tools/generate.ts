// Writes what is made from the schemas: JSON Schema for editors and the reference pages. `--check` changes nothing and says
// what is stale.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as z from 'zod';
import { ERROR_CODES } from '#errors/families.ts';
import * as nodes from '#schemas/dialect-nodes.ts';
import * as operators from '#schemas/dialect-operators.ts';
import { PROBLEMS, problemCode } from '#schemas/problem-codes.ts';
import { PROBLEM_HELP } from '#schemas/problem-help.ts';
import { HINTS, PROBLEM_MESSAGES } from '#schemas/problem-messages.ts';
import { REASONS } from '#schemas/reasons.ts';
import { ERROR_HELP } from './error-help.ts';

const root = path.resolve(import.meta.dirname, '..');

/** Every generated file: path in the checkout → what it must hold. */
export function generated(): ReadonlyMap<string, string> {
  return new Map([
    ['schemas/json/nodes.schema.json', jsonSchema(nodes.nodesPipeline)],
    ['schemas/json/operators.schema.json', jsonSchema(operators.operatorsPipeline, interpolated)],
    ['docs/reference/nodes.md', nodesPage()],
    ['docs/reference/operators.md', operatorsPage()],
    ['docs/reference/limits.md', limitsPage()],
    ['docs/reference/reasons.md', reasonsPage()],
    ['docs/problems.md', problemsPage()],
    ['docs/errors.md', errorsPage()],
  ]);
}

type Override = NonNullable<NonNullable<Parameters<typeof z.toJSONSchema>[1]>['override']>;

function jsonSchema(schema: z.ZodType, override: Override = () => {}): string {
  const made = z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
    override,
  });
  return formatted(JSON.stringify(made));
}

const TYPED = ['number', 'integer', 'boolean', 'array', 'object'];

/** In place of every value of another type a text may stand that becomes one: interpolated, encoded, or given later. */
function interpolated({ jsonSchema: made, path: at }: Parameters<Override>[0]): void {
  const words = made.enum !== undefined || made.pattern !== undefined;
  if (at.length === 0 || !(words || TYPED.includes(`${made.type}`))) return;
  const { description, title, ...rest } = made;
  for (const key of Object.keys(rest)) delete made[key as keyof typeof made];
  made.anyOf = [rest, { type: 'string', pattern: '\\$\\{|^base64://|^\\?\\?\\?$' }];
}

/** As biome formats JSON, which looks at generated files too. */
function formatted(json: string): string {
  const biome = path.join(root, 'node_modules/.bin/biome');
  const args = ['format', '--stdin-file-path=schemas/json/x.schema.json'];
  return execFileSync(biome, args, { cwd: root, input: json, encoding: 'utf8' });
}

const NOTE = '<!-- Written by tools/generate.ts from the schemas; changes here are lost. -->';

function page(title: string, ...parts: readonly string[]): string {
  return `${[`# ${title}`, NOTE, ...parts].join('\n\n')}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
  return [line(head), `|${head.map(() => ' --- |').join('')}`, ...rows.map(line)].join('\n');
}

/** The keys of an object of a dialect. */
function keys(title: string, schema: z.ZodObject): string {
  const rows = Object.entries(schema.shape).map(([name, member]) => {
    const made = z.toJSONSchema(z.object({ x: member }), {
      target: 'draft-7',
      io: 'input',
      unrepresentable: 'any',
    });
    const required = made.required?.includes('x') === true;
    const property = made.properties?.['x'];
    const type = typeof property === 'object' ? typeOf(property) : 'any';
    const about = typeof property === 'object' ? (property.description ?? '') : '';
    return [`\`${name}\``, type, required ? 'yes' : '', about];
  });
  return `## ${title}\n\n${table(['key', 'type', 'required', 'meaning'], rows)}`;
}

type Made = Exclude<z.core.JSONSchema._JSONSchema, boolean>;

function typeOf(schema: Made): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(' or ');
  const options = schema.anyOf ?? schema.allOf;
  if (options !== undefined) {
    const types = options.map((option) => (typeof option === 'object' ? typeOf(option) : 'any'));
    const named = [...new Set(types)].filter((type) => type !== 'null' && type !== 'any');
    return named.length === 0 ? 'any' : named.join(' or ');
  }
  if (schema.type === 'array') {
    const items = schema.items;
    const inner = typeof items === 'object' && !Array.isArray(items) ? typeOf(items) : 'any';
    return `list of ${inner}`;
  }
  if (schema.type === 'string' && schema.pattern?.includes('smhd') === true) return 'duration';
  if (schema.type === 'string' && schema.pattern?.includes('KMG') === true) return 'size';
  const words: Readonly<Record<string, string>> = {
    string: 'text',
    integer: 'whole number',
    number: 'number',
    boolean: 'true or false',
    object: 'mapping',
  };
  return words[`${schema.type}`] ?? `${schema.type ?? 'any'}`;
}

function nodesPage(): string {
  return page(
    'Dialect nodes',
    'The native dialect. `# yaml-language-server: $schema=…/nodes.schema.json` in the first line of a file gives completion and hover text in editors. Unknown keys are problems.',
    keys('The pipeline', nodes.nodesPipeline),
    keys('An input: `inputs.NAME`', nodes.nodesInput),
    keys('A node: `nodes[]`', nodes.nodesNode),
    keys('A step: `steps[]`', nodes.nodesStep),
    keys('`sql`', nodes.nodesSql),
    keys('`operator`', nodes.nodesOperator),
    keys('`environment`', nodes.nodesEnvironment),
    keys('`environment.uv`', nodes.nodesUv),
    keys('`environment.pixi`', nodes.nodesPixi),
    keys('`environment.conda`', nodes.nodesConda),
    keys('`environment.poetry`', nodes.nodesPoetry),
    keys('`resources`', nodes.nodesResources),
    keys('`retry`', nodes.nodesRetry),
  );
}

function operatorsPage(): string {
  return page(
    'Dialect operators',
    'Production lines of operators, in one file or in the files of a folder: [docs/production-lines.md](../production-lines.md). Unknown keys are warnings. All nodes wait until every environment is prepared, and the first unhandled failure cancels the rest.',
    keys('The pipeline', operators.operatorsPipeline),
    keys('An operator: `operators[]`', operators.operatorsOperator),
    keys('`env_config` of `uv_project`', operators.operatorsUv),
    keys('`env_config` of `pixi_project`', operators.operatorsPixi),
    keys('`env_config` of `conda_project`', operators.operatorsConda),
    keys('`env_config` of `poetry_project`', operators.operatorsPoetry),
    keys('`retry`', operators.operatorsRetry),
    keys('`resources` of an operator', operators.operatorsNeed),
    keys('A node: `nodes[]`', operators.operatorsNode),
    keys('`resource`', operators.operatorsResource),
    keys('`s3_config`', operators.operatorsS3),
    keys('`log_config`', operators.operatorsLog),
  );
}

/** The comments of schemas/limits.ts and limits-cloud.ts carry meaning and unit. */
function limitsPage(): string {
  const source = ['limits', 'limits-cloud']
    .map((name) => readFileSync(path.join(root, `schemas/${name}.ts`), 'utf8'))
    .join('');
  const rows = [...source.matchAll(/\/\*\* (.+?) \*\/\s+(\w+): (.+),/g)].map(
    ([, meaning = '', name = '', value = '']) => [`\`${name}\``, `\`${value}\``, meaning],
  );
  return page('Limits', table(['limit', 'value', 'meaning and unit'], rows));
}

function reasonsPage(): string {
  const rows = Object.entries(REASONS).map(([code, meaning]) => [`\`${code}\``, meaning]);
  return page(
    'Reasons',
    'Why a node or run ended as it did, or what it waits for: the field `reason` of events and reports.',
    table(['reason', 'meaning'], rows),
  );
}

function problemsPage(): string {
  const parts = problemCode.options.map((code) => {
    const { cause, cure } = PROBLEM_HELP[code];
    const says = Object.values(PROBLEM_MESSAGES[code]).map(
      (sentence) => `  - ${verbatim(sentence)}`,
    );
    return `## ${code}\n\n${PROBLEMS[code]}\n\n- Cause: ${cause}\n- Cure: ${cure}\n- Says:\n${says.join('\n')}`;
  });
  return page(
    'Problems',
    'What can be wrong with a pipeline or with what a run is given. `millrace validate FILE` lists all of them at once.',
    'Under "Says" stand the sentences of a problem, as they are in schemas/problem-messages.ts: `{subject}` is a place of the file as people call it (`"timeout" of node "extract"`), `{came}` what stands there, `{wanted}` what should, and `{hint}` one of these or nothing:',
    Object.values(HINTS)
      .map((hint) => `- ${verbatim(hint)}`)
      .join('\n'),
    ...parts,
  );
}

/** A text as it is, in the fewest backticks that do not stand in it. */
function verbatim(text: string): string {
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``;
}

function errorsPage(): string {
  const parts = ERROR_CODES.map((code) => {
    const { family, meaning, cause, cure } = ERROR_HELP[code];
    return `## ${code}\n\n${meaning} (${family})\n\n- Cause: ${cause}\n- Cure: ${cure}`;
  });
  return page(
    'Errors',
    'Four families say who must act. **Rejected**: the caller; the command exits with 2. **Conflict**: nobody, it is tried again. **Transient**: a dependency; it is tried again later. **Defect**: we; the command exits with 3.',
    ...parts,
  );
}

function main(check: boolean): number {
  const stale = [...generated()].filter(([file, wanted]) => {
    const whole = path.join(root, file);
    return !existsSync(whole) || readFileSync(whole, 'utf8') !== wanted;
  });
  for (const [file, wanted] of stale) {
    console.log(`${check ? 'stale  ' : 'written'} ${file}`);
    if (check) continue;
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), wanted);
  }
  if (check && stale.length > 0) console.log('node tools/generate.ts writes them anew');
  return check && stale.length > 0 ? 1 : 0;
}

if (import.meta.filename === process.argv[1])
  process.exitCode = main(process.argv.includes('--check'));
