// From text to positioned values. The only file that knows the YAML library. Every way in which a file can fail to be
// plain YAML becomes a problem of its own here: tabs, several documents, duplicate keys, bombs, and the slips of slips.ts.

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  parseDocument,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import { type Message, message } from '#core/messages.ts';
import { limits } from '#schemas/limits.ts';
import type { Findings } from './findings.ts';
import { shown } from './nearest.ts';
import { readPlainYaml } from './plain-yaml.ts';
import { slipAtBang, slipAtBraces, slipAtError, slipOfLayout } from './slips.ts';
import { type Entry, FORBIDDEN_KEYS, kindOf, type Style, type Tree } from './tree.ts';

const STYLES: Readonly<Record<string, Style>> = {
  PLAIN: 'plain',
  QUOTE_SINGLE: 'single',
  QUOTE_DOUBLE: 'double',
  BLOCK_LITERAL: 'block',
  BLOCK_FOLDED: 'block',
};

/** The document's value, or undefined when there is none that could be looked at further. */
export function readYaml(findings: Findings): Tree | undefined {
  return readPlainYaml(findings.source) ?? readFullYaml(findings);
}

/** The same by the library alone, which reads all of YAML. */
export function readFullYaml(findings: Findings): Tree | undefined {
  const document = parse(findings);
  if (document === undefined) return undefined;
  let syntax = false;
  const errors = document.errors.toSorted((a, b) => a.pos[0] - b.pos[0]);
  for (const error of errors) syntax = !reportError(findings, error) || syntax;
  // What the library makes of the rest of a broken file would only give problems that nobody has.
  if (syntax) return undefined;
  if (document.contents === null) {
    if (!findings.failed) findings.error(message('empty_value', 'file'), undefined);
    return undefined;
  }
  return new Reader(findings).read(document.contents, 0);
}

function parse(findings: Findings): Document.Parsed | undefined {
  try {
    return parseDocument(findings.source, {
      version: '1.2',
      schema: 'core',
      merge: false,
      // Checked while converting: the library compares each key with each.
      uniqueKeys: false,
      prettyErrors: false,
      // Silent, it would not tell of further documents.
      logLevel: 'error',
    });
  } catch (error) {
    // The library recurses: only nesting without end gets here.
    const why = shown(error instanceof Error ? error.message : String(error), 200);
    const said =
      error instanceof RangeError
        ? message('yaml_aliases', 'depth')
        : message('yaml_aliases', 'unreadable', { why });
    findings.error(said, undefined);
    return undefined;
  }
}

/** False when nothing can be said of the rest of the file. */
function reportError(findings: Findings, error: YAMLError): boolean {
  const at = error.pos[0];
  if (error.code === 'MULTIPLE_DOCS') {
    findings.error(message('yaml_documents', 'several'), undefined, { at });
    return true;
  }
  if (error.code === 'TAB_AS_INDENT') {
    findings.error(message('yaml_tab', 'indent'), undefined, {
      at,
      suggestion: findings.lineText(findings.position(at).line).trim(),
    });
    return false;
  }
  if (error.code === 'RESOURCE_EXHAUSTION') {
    findings.error(message('yaml_aliases', 'depth'), undefined, { at });
    return false;
  }
  if (slipAtError(findings, at)) return true;
  // Whoever has lost their way takes offence at each word that follows: one slip, told once.
  if (findings.failed) return false;
  const slip = slipOfLayout(findings, error.message, at);
  const why = shown(error.message, 200);
  const { said, ...place } = slip ?? { said: message('yaml_syntax', 'library', { why }), at };
  findings.error(said, undefined, place);
  return false;
}

interface Anchored {
  readonly tree: Tree;
  /** Values in it, aliases expanded. */
  readonly values: number;
  /** Aliases in it, aliases expanded. */
  readonly aliases: number;
}

/** The key whose value is put into its mapping. Not in YAML 1.2, but in most tools that read it, and in many files. */
const MERGE = '<<';
const MERGED = 'a mapping, or a list of mappings';

const NOTHING = { kind: 'scalar', value: null, style: 'plain' } as const;

class Reader {
  readonly #findings: Findings;
  readonly #anchors = new Map<string, Anchored>();
  #values = 0;
  #aliases = 0;
  #expansions = 0;
  #refused = false;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  read(node: Node | null, at: number, depth = 0): Tree {
    const start = node?.range?.[0] ?? at;
    const nothing: Tree = { ...NOTHING, at: start, end: start };
    if (node === null || this.#refused) return nothing;
    if (this.#findings.isBroken(start)) return { ...nothing, broken: true };
    this.#values += 1;
    if (depth > limits.yamlDepth)
      return this.#refuse(nothing, message('yaml_aliases', 'levels', { most: limits.yamlDepth }));
    if (this.#values > limits.yamlValues) {
      return this.#refuse(nothing, message('yaml_aliases', 'values', { most: limits.yamlValues }));
    }
    if (isAlias(node)) return this.#alias(node.source, nothing);
    const before = { values: this.#values, aliases: this.#aliases };
    const tree = this.#content(node, start, depth);
    if (node.anchor !== undefined && node.anchor !== '') {
      this.#anchors.set(node.anchor, {
        tree,
        values: this.#values - before.values + 1,
        aliases: this.#aliases - before.aliases,
      });
    }
    return tree;
  }

  #content(node: Node, at: number, depth: number): Tree {
    const end = node.range?.[1] ?? at;
    if (this.#hasTag(node, at)) return { ...NOTHING, at, end, broken: true };
    if (isScalar(node))
      return this.#scalar(node.value, STYLES[node.type ?? ''] ?? 'plain', at, end);
    if (isMap(node)) return this.#map(node, at, end, depth);
    if (!isSeq(node)) return { ...NOTHING, at, end };
    const list: Tree[] = [];
    for (const item of node.items) list.push(this.read(asNode(item), at, depth + 1));
    return { kind: 'list', at, end, items: list };
  }

  #scalar(value: unknown, style: Style, at: number, end: number): Tree {
    if (value === null || typeof value === 'boolean' || typeof value === 'string') {
      return { kind: 'scalar', at, end, value, style };
    }
    if (typeof value === 'number' && Number.isFinite(value)) {
      return { kind: 'scalar', at, end, value, style };
    }
    const said = message('wrong_value', 'not_json', { came: String(value) });
    this.#findings.error(said, undefined, { at });
    return { ...NOTHING, at, end };
  }

  #map(map: YAMLMap, at: number, end: number, depth: number): Tree {
    if (slipAtBraces(this.#findings, at)) return { ...NOTHING, at, end, broken: true };
    const entries = new Map<string, Entry>();
    let merges: Entry | undefined;
    for (const pair of map.items) {
      const key = asNode(pair.key);
      const keyAt = key?.range?.[0] ?? at;
      const name = this.#key(key, keyAt);
      const value = this.read(asNode(pair.value), key?.range?.[1] ?? keyAt, depth + 1);
      if (name === undefined) continue;
      const isMerge = name === MERGE && isScalar(key) && key.type === 'PLAIN';
      const before = isMerge ? merges : entries.get(name);
      if (before !== undefined) {
        const first = this.#findings.position(before.at).line;
        const said = message('yaml_duplicate_key', 'key', { key: shown(name), line: first });
        this.#findings.error(said, undefined, { at: keyAt });
      } else if (isMerge) merges = { at: keyAt, value };
      else entries.set(name, { at: keyAt, value });
    }
    if (merges !== undefined) this.#merge(entries, merges);
    return { kind: 'map', at, end, entries };
  }

  /** What `<<` names, below what the mapping says itself; of several the first that says something counts. */
  #merge(entries: Map<string, Entry>, { at, value }: Entry): void {
    for (const each of value.kind === 'list' ? value.items : [value]) {
      if (each.kind === 'map') {
        for (const [key, entry] of each.entries) if (!entries.has(key)) entries.set(key, entry);
      } else if (each.kind !== 'scalar' || each.broken !== true) {
        const filling = { subject: `"${MERGE}"`, came: kindOf(each), wanted: MERGED };
        this.#findings.error(message('wrong_type', 'value', filling), undefined, { at });
      }
    }
  }

  /** The name of a key, or undefined when it is none. */
  #key(key: Node | null, at: number): string | undefined {
    const name = this.#written(key);
    if (name !== undefined && !FORBIDDEN_KEYS.has(name)) return name;
    if (name !== undefined) {
      this.#findings.error(message('reserved_id', 'key', { key: name }), undefined, { at });
    } else if (!(isMap(key) && slipAtBraces(this.#findings, at))) {
      const came = isMap(key) ? 'a mapping' : isSeq(key) ? 'a list' : 'nothing';
      this.#findings.error(message('wrong_type', 'key', { came }), undefined, { at });
    }
    return undefined;
  }

  /** A key as it is written: `TRUE` is a truth for YAML and the name of a variable for people. */
  #written(key: Node | null): string | undefined {
    if (isAlias(key)) {
      const tree = this.#anchors.get(key.source)?.tree;
      return tree?.kind === 'scalar' && typeof tree.value === 'string' ? tree.value : undefined;
    }
    if (!isScalar(key)) return undefined;
    if (typeof key.value === 'string') return key.value;
    return key.source === undefined || key.source === '' ? undefined : key.source;
  }

  #alias(source: string, nothing: Tree): Tree {
    const anchored = this.#anchors.get(source);
    if (anchored === undefined) {
      // The library reports aliases of unknown anchors; what is left is one inside its own anchor.
      return this.#refuse(nothing, message('yaml_aliases', 'itself', { alias: source }));
    }
    this.#values += anchored.values;
    // Many aliases of one plain mapping are common and cheap; what multiplies is an alias of something that holds aliases.
    this.#expansions += anchored.aliases;
    this.#aliases += anchored.aliases + 1;
    if (this.#expansions > limits.yamlAliases) {
      const most = limits.yamlAliases;
      return this.#refuse(nothing, message('yaml_aliases', 'expanded', { most }));
    }
    return anchored.tree;
  }

  #refuse(nothing: Tree, said: Message<'yaml_aliases'>): Tree {
    this.#findings.error(said, undefined, { at: nothing.at });
    this.#refused = true;
    return nothing;
  }

  #hasTag(node: Node, at: number): boolean {
    const tag = node.tag;
    if (tag === undefined || tag.startsWith('tag:yaml.org,2002:')) return false;
    if (slipAtBang(this.#findings, at)) return true;
    this.#findings.error(message('yaml_syntax', 'tag', { tag: shown(tag) }), undefined, { at });
    return true;
  }
}

/** The library types what it parsed as unknown. */
function asNode(value: unknown): Node | null {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value) ? value : null;
}
