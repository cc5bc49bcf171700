// From the text of a pipeline to a plan, or to everything that is wrong with it. Never throws.
import { secretsOfOperator } from '#core/environment-secrets.ts';
import { withoutPasswords } from '#core/layers/addresses.ts';
import type { Decoded } from '#core/layers/decode.ts';
import { merged, shifted } from '#core/layers/merge.ts';
import type { Environment } from '#core/layers/overrides.ts';
import { type Settled, settled } from '#core/layers/settle.ts';
import { message, nearHint } from '#core/messages.ts';
import { limits } from '#schemas/limits.ts';
import type { Dialect, Plan } from '#schemas/plan.ts';
import type { Problem } from '#schemas/problems.ts';
import { assemble } from './assemble.ts';
import { digestOf } from './canonical.ts';
import { check } from './check.ts';
import { dialectOf } from './dialects.ts';
import type { PlanOperator, ProductionSettings, Reading } from './draft.ts';
import { Findings, type ProblemPlace } from './findings.ts';
import { type FindPipeline, linkPipelines } from './link-pipelines.ts';
import { listed, nearest } from './nearest.ts';
import { spellingsOf } from './operator.ts';
import { operatorsDialect } from './operators.ts';
import { nodesDialect } from './pipeline.ts';
import { wrongType } from './read.ts';
import { readYaml } from './read-yaml.ts';
import { member, type Place, type Tree } from './tree.ts';

export interface Source {
  /** The decoded text; see decodeSource. */
  readonly text: string;
  /** Name for messages. */
  readonly file?: string;
}

/** Several files that are one configuration, the later ones over the earlier; each with its name. */
export interface Layers {
  readonly layers: readonly Required<Source>[];
}

export interface CompileOptions {
  /** Names of operators whose code comes from working trees; each must be one of the plan's. */
  readonly with?: readonly string[];
  /** Finds the pipelines that nodes run; without it none is found. */
  readonly subPipeline?: FindPipeline;
  /** Names of the operators of pipelines below, once they were found: `with` may name these as well. */
  readonly operatorsBelow?: () => readonly string[];
  /** Variables of the environment that a configuration may name, and by which its values are set. */
  readonly environment?: Environment;
}

export interface CompiledOperator extends Omit<PlanOperator, 'place'> {
  /** Where the source says of it what may turn out to be wrong only when its code is fetched. */
  readonly places: Readonly<Record<'repository' | 'tag' | 'environment', ProblemPlace>>;
}

export interface Compiled {
  readonly ok: true;
  readonly plan: Plan;
  /** SHA-256 of the plan's canonical form. */
  readonly digest: string;
  readonly warnings: readonly Problem[];
  /** Names of the secrets that the plan names, sorted. */
  readonly secrets: readonly string[];
  /** The operators of the plan: what must be fetched and built. The node `@name` prepares each, in this order. */
  readonly operators: readonly CompiledOperator[];
  /** How many levels of pipelines are below this one. */
  readonly depth: number;
  /** Values of the source that were written encoded, by the names by which the plan names them. They are stored nowhere. */
  readonly decoded: Decoded;
  /** What the source says beside the plan. */
  readonly settings?: ProductionSettings;
}

export interface Refused {
  readonly ok: false;
  /** By line and column; warnings are among them, at least one is an error. */
  readonly problems: readonly Problem[];
  /** What of the source must not be shown. */
  readonly decoded?: Decoded;
}

/** Compiles a pipeline. All problems are reported at once, at most `limits.problems` of them. */
export function compile(source: Source | Layers, options: CompileOptions = {}): Compiled | Refused {
  const foreign: Problem[] = [];
  const read = 'layers' in source ? readLayers(source.layers, foreign) : readOne(source);
  const { findings } = read;
  const compiled = compileInto(read, options, foreign);
  const problems = [...findings.problems(), ...foreign];
  if (compiled.plan === undefined || findings.failed || foreign.some(isError))
    return {
      ok: false,
      problems,
      ...(compiled.decoded.size === 0 ? {} : { decoded: compiled.decoded }),
    };
  return { ...compiled.plan, decoded: compiled.decoded, warnings: problems };
}

interface ReadSource {
  readonly findings: Findings;
  readonly tree: Tree | undefined;
}

function isError({ severity }: Problem): boolean {
  return severity === 'error';
}

function readOne({ text }: Source): ReadSource {
  const findings = new Findings(text);
  return { findings, tree: readText(findings) };
}

function readText(findings: Findings): Tree | undefined {
  if (findings.source.length > limits.sourceBytes) {
    const filling = { count: findings.source.length, most: limits.sourceBytes };
    findings.error(message('file_too_large', 'characters', filling), undefined);
    return undefined;
  }
  return readYaml(findings);
}

/** Each file is read by itself, so that what is wrong with it has its place in it. Nothing follows from half of them. */
function readLayers(layers: readonly Required<Source>[], foreign: Problem[]): ReadSource {
  const [first, ...others] = layers;
  const all = new Findings(first?.text ?? '', first === undefined ? {} : { file: first.file });
  let tree: Tree | undefined;
  let whole = true;
  for (const layer of layers) {
    // A file whose values are all commented out says nothing, as long as another one does.
    if (isBlank(layer.text) && !layers.every(({ text }) => isBlank(text))) continue;
    const own = new Findings(layer.text, { file: layer.file });
    const read = mappingOf(own, readText(own));
    foreign.push(...own.problems());
    const at = layer === first ? 0 : all.append(layer.text, { file: layer.file });
    if (read === undefined) whole = false;
    else tree = tree === undefined ? shifted(read, at) : merged(tree, shifted(read, at));
  }
  return { findings: all, tree: whole || others.length === 0 ? tree : undefined };
}

/** Nothing but comments. */
function isBlank(text: string): boolean {
  return !/^[^\S\n]*[^\s#]/m.test(text);
}

/** Only mappings can be merged. */
function mappingOf(findings: Findings, tree: Tree | undefined): Tree | undefined {
  if (tree === undefined || tree.kind === 'map') return tree;
  wrongType(findings, { tree, key: '' }, 'a mapping');
  return undefined;
}

interface CompiledParts {
  readonly plan?: Omit<Compiled, 'warnings' | 'decoded'>;
  readonly decoded: Decoded;
}

const NOTHING_DECODED: Decoded = new Map();

function compileInto(
  { findings, tree }: ReadSource,
  options: CompileOptions,
  foreign: Problem[],
): CompiledParts {
  if (tree === undefined) return { decoded: NOTHING_DECODED };
  findings.root = tree;
  const dialect = dialectOf(findings, { tree, key: '' });
  if (dialect === undefined) return { decoded: NOTHING_DECODED };
  const values =
    dialect === 'operators'
      ? settled(findings, tree, options.environment ?? {})
      : withoutNames(findings, tree);
  if (values === undefined) return { decoded: NOTHING_DECODED };
  const { decoded, plain } = values;
  const all = plain.size === 0 ? decoded : new Map([...decoded, ...plain]);
  const plan = planOf(
    findings,
    { tree: values.tree, key: '' },
    { dialect, options, foreign, decoded: all },
  );
  return plan === undefined || findings.failed ? { decoded } : { plan, decoded: all };
}

/** Only passwords of repositories: nothing else is bound by a name in the native dialect, where secrets are written as such. */
function withoutNames(findings: Findings, tree: Tree): Settled {
  const decoded = new Map<string, string>();
  const opened = withoutPasswords(findings, { tree, key: '' }, 'nodes', decoded);
  return { tree: opened, decoded, plain: NOTHING_DECODED };
}

interface Around {
  readonly dialect: keyof typeof READERS;
  readonly options: CompileOptions;
  readonly foreign: Problem[];
  readonly decoded: Decoded;
}

function planOf(
  findings: Findings,
  root: Place,
  { dialect, options, foreign, decoded }: Around,
): CompiledParts['plan'] {
  findings.root = root.tree;
  const read = READERS[dialect](findings, root);
  if (read === undefined) return undefined;
  const { drafts, problems, depth } = linkPipelines(findings, read, options.subPipeline);
  foreign.push(...problems);
  const reading = { ...read, drafts };
  const secrets = check(findings, reading);
  checkWith(findings, reading, options);
  if (findings.failed) return undefined;
  // What the configuration holds itself nobody has to set.
  const fetched = read.operators.flatMap(({ source, environment }) =>
    secretsOfOperator(source, environment),
  );
  const asked = new Set([...secrets, ...fetched].filter((name) => !decoded.has(name)));
  const { settings } = read;
  const plan = finished(hiding(reading, decoded), { findings, dialect, secrets: asked });
  return { ...plan, depth, ...(settings === undefined ? {} : { settings }) };
}

/** Whatever a node prints, the decoded values of its configuration are hidden in it. */
function hiding(reading: Reading, decoded: Decoded): Reading {
  if (decoded.size === 0) return reading;
  const hides = [...decoded.keys()].sort();
  const drafts = reading.drafts.map((draft) => ({ ...draft, node: { ...draft.node, hides } }));
  return { ...reading, drafts };
}

const READERS = { nodes: nodesDialect, operators: operatorsDialect } as const;

interface Finishing {
  readonly findings: Findings;
  readonly dialect: Dialect;
  readonly secrets: ReadonlySet<string>;
}

function finished(
  reading: Reading,
  { findings, dialect, secrets }: Finishing,
): Omit<Compiled, 'warnings' | 'depth' | 'decoded' | 'settings'> {
  const plan = assemble(reading, dialect);
  return {
    ok: true,
    plan,
    digest: digestOf(plan),
    secrets: [...secrets].sort(),
    operators: reading.operators.map(({ name, label, source, environment, place }) => ({
      name,
      ...(label === undefined ? {} : { label }),
      source,
      environment,
      places: placesOf(findings, place),
    })),
  };
}

/** Of an operator or a step, in either dialect. */
function placesOf(findings: Findings, place: Place): CompiledOperator['places'] {
  const code = member(place, 'operator') ?? place;
  return {
    repository: findings.locate(member(code, 'git_repo') ?? member(code, 'git') ?? code),
    tag: findings.locate(member(code, 'git_tag') ?? member(code, 'tag') ?? code),
    environment: findings.locate(
      member(place, 'env_config') ?? member(place, 'environment') ?? place,
    ),
  };
}

function checkWith(findings: Findings, reading: Reading, options: CompileOptions): void {
  const { with: names = [], operatorsBelow } = options;
  if (names.length === 0) return;
  const own = reading.operators.flatMap(spellingsOf);
  const known = [...new Set([...own, ...(operatorsBelow?.() ?? [])])];
  for (const name of names) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    const filling = { name, known: listed(known), hint: nearHint(near) };
    findings.error(message('unknown_operator', 'with', filling), undefined, { suggestion: near });
  }
}
