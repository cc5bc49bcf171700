// Gathers the problems of one source, with line, column and excerpt, and says what a place is called.
import { type Message, part } from '#core/messages.ts';
import { limits } from '#schemas/limits.ts';
import type { ProblemCode } from '#schemas/problem-codes.ts';
import type { Problem } from '#schemas/problems.ts';
import { type Place, pathOf, type Tree } from './tree.ts';

/** What may be said of a problem besides code, place and message. */
export interface Detail {
  readonly expected?: string | undefined;
  readonly suggestion?: string | undefined;
  /** Offset in the source, where it is not the beginning of the place. */
  readonly at?: number | undefined;
  /** The key of the place is meant, which may be missing in it. */
  readonly key?: string | undefined;
}

interface Found extends Detail {
  readonly code: ProblemCode;
  readonly severity: Problem['severity'];
  readonly path: string;
  readonly at: number;
  readonly message: string;
}

/** Where a text that offsets lead into comes from; neither of the two: from the one file. */
export interface Origin {
  /** A file of several, as messages call it. */
  readonly file?: string;
  /** A variable of the environment. */
  readonly variable?: string;
}

interface Part extends Origin {
  /** Offset of its first character. */
  readonly at: number;
}

/** Where in what a user wrote. */
export type ProblemPlace = Pick<Problem, 'file' | 'path' | 'line' | 'column'>;

/** Characters of a source line that an excerpt shows. */
const EXCERPT = 160;

export class Findings {
  /** All texts that offsets lead into, one behind the other. */
  source: string;
  /** The tree of the source, once there is one: tells the path of what the YAML reader found. */
  root: Tree | undefined;
  readonly #found: Found[] = [];
  #errors = 0;
  #left = 0;
  readonly #seen = new Set<string>();
  readonly #broken = new Map<number, number>();
  #lineStarts: number[] | undefined;
  readonly #parts: Part[];

  constructor(source: string, origin: Origin = {}) {
    this.source = source;
    this.#parts = [{ ...origin, at: 0 }];
  }

  /** Puts a further text behind the others, in lines of its own. Answers the offset of its first character. */
  append(text: string, origin: Origin): number {
    if (!this.source.endsWith('\n')) this.source += '\n';
    const at = this.source.length;
    this.#parts.push({ ...origin, at });
    // An empty one must not begin where the next one does, or its problems would be that one's.
    this.source += text === '' ? '\n' : text;
    this.#lineStarts = undefined;
    return at;
  }

  #partAt(at: number): Part | undefined {
    return this.#parts.findLast((each) => each.at <= at);
  }

  /** How people find an offset: `line 4`, `10-base.yaml:4`, `the variable X`. */
  whereIs(at: number): string {
    const from = this.#partAt(at);
    if (from?.variable !== undefined) return part('variable', { name: from.variable });
    const line = this.#lineIn(from, at);
    return from?.file === undefined ? part('line', { line }) : `${from.file}:${line}`;
  }

  #lineIn(from: Part | undefined, at: number): number {
    const first = from === undefined || from.at === 0 ? 1 : this.position(from.at).line;
    return this.position(at).line - first + 1;
  }

  /** Whether an error was found so far. */
  get failed(): boolean {
    return this.#errors > 0;
  }

  /** Whether there is room for more: checks that cost much may stop looking. */
  get full(): boolean {
    return this.#found.length >= limits.problems;
  }

  /** Whether a further error would only be counted: what would make it helpful need not be looked for. */
  get overflows(): boolean {
    return this.#errors >= limits.problems;
  }

  error(said: Message, place: Place | undefined, detail: Detail = {}): void {
    this.#errors += 1;
    this.#add({ ...detail, severity: 'error', code: said.code, message: said.text }, place);
  }

  warn(said: Message, place: Place | undefined, detail: Detail = {}): void {
    this.#add({ ...detail, severity: 'warning', code: said.code, message: said.text }, place);
  }

  #add(found: Omit<Found, 'path' | 'at'> & Detail, place: Place | undefined): void {
    if (this.full && (found.severity === 'warning' || !this.#dropWarning())) {
      this.#left += 1;
      return;
    }
    let path = place === undefined ? '' : pathOf(place);
    if (found.key !== undefined) path = path === '' ? found.key : `${path}.${found.key}`;
    const at = found.at ?? keyAt(place, found.key) ?? place?.tree.at ?? 0;
    this.#found.push({ ...found, path, at });
  }

  /** Errors are worth more than warnings when there is no room for both. */
  #dropWarning(): boolean {
    const index = this.#found.findLastIndex((found) => found.severity === 'warning');
    if (index < 0) return false;
    this.#found.splice(index, 1);
    this.#left += 1;
    return true;
  }

  /** All problems, by line and column. The last message tells how many more there are than were kept. */
  problems(): readonly Problem[] {
    const sorted = this.#found.toSorted((a, b) => a.at - b.at);
    const problems = sorted.map((found) => this.#problem(found));
    const last = problems.at(-1);
    if (last !== undefined && this.#left > 0) {
      problems[problems.length - 1] = {
        ...last,
        message: part('more', { problem: last.message, count: this.#left }),
      };
    }
    return problems;
  }

  #problem(found: Found): Problem {
    const { expected, suggestion } = found;
    return {
      code: found.code,
      severity: found.severity,
      path: this.#pathOf(found),
      ...this.#placed(found),
      ...(expected === undefined ? {} : { expected }),
      ...(suggestion === undefined ? {} : { suggestion }),
    };
  }

  /** Where a problem of a place is told that is found only later, by who fetches and builds. */
  locate(place: Place): ProblemPlace {
    const { at } = place.tree;
    const from = this.#partAt(at);
    const path = pathOf(place);
    // What a variable of the environment says stands in no file.
    if (from?.variable !== undefined) return { path, line: 0, column: 0 };
    const { column } = this.position(at);
    const line = this.#lineIn(from, at);
    return { ...(from?.file === undefined ? {} : { file: from.file }), path, line, column };
  }

  #pathOf({ path, at }: Found): string {
    // A variable of the environment stands nowhere in the tree.
    if (path !== '' || this.root === undefined || this.#partAt(at)?.variable !== undefined)
      return path;
    return pathAt(this.root, at);
  }

  #placed({
    at,
    message,
  }: Found): Pick<Problem, 'file' | 'line' | 'column' | 'message' | 'excerpt'> {
    const from = this.#partAt(at);
    if (from?.variable !== undefined) {
      const { variable: name } = from;
      const said = message.includes(name)
        ? message
        : part('from_variable', { problem: message, name });
      return { line: 0, column: 0, message: said };
    }
    const { line, column } = this.position(at);
    return {
      ...(from?.file === undefined ? {} : { file: from.file }),
      line: this.#lineIn(from, at),
      column,
      message,
      excerpt: excerpt(this.lineText(line), column),
    };
  }

  /** Whether this was asked before: several errors of the YAML library may come from one slip. */
  seen(key: string): boolean {
    if (this.#seen.has(key)) return true;
    this.#seen.add(key);
    return false;
  }

  /** The value that begins here was misread: nothing more is said of what YAML made of the rest of its line. */
  breakAt(at: number): void {
    this.#broken.set(this.position(at).line, at);
  }

  isBroken(at: number): boolean {
    if (this.#broken.size === 0) return false;
    const from = this.#broken.get(this.position(at).line);
    return from !== undefined && at >= from;
  }

  /** Offset of the beginning of a line. */
  startOf(line: number): number {
    return this.#starts()[line - 1] ?? this.source.length;
  }

  /** Line and column, from 1, of an offset. */
  position(at: number): { line: number; column: number } {
    const starts = this.#starts();
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= at) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: at - (starts[low] ?? 0) + 1 };
  }

  /** A line of the source without its end. */
  lineText(line: number): string {
    const starts = this.#starts();
    const text = this.source.slice(starts[line - 1] ?? this.source.length, starts[line]);
    return text.replace(/[\r\n]+$/, '');
  }

  #starts(): readonly number[] {
    if (this.#lineStarts !== undefined) return this.#lineStarts;
    const starts = [0];
    for (let at = this.source.indexOf('\n'); at >= 0; at = this.source.indexOf('\n', at + 1)) {
      starts.push(at + 1);
    }
    this.#lineStarts = starts;
    return starts;
  }
}

/** The path of the value that stands at an offset. */
function pathAt(root: Tree, at: number): string {
  let place: Place = { tree: root, key: '' };
  for (;;) {
    const below = childAt(place, at);
    if (below === undefined) return pathOf(place);
    place = below;
  }
}

function childAt(place: Place, at: number): Place | undefined {
  const { tree } = place;
  if (tree.kind === 'list') {
    const key = tree.items.findLastIndex((item) => item.at <= at);
    const item = tree.items[key];
    return item === undefined || item.end < at ? undefined : { tree: item, up: place, key };
  }
  if (tree.kind === 'scalar') return undefined;
  let found: Place | undefined;
  for (const [key, entry] of tree.entries) {
    if (entry.at <= at) found = { tree: entry.value, up: place, key };
  }
  return found;
}

function keyAt(place: Place | undefined, key: string | undefined): number | undefined {
  if (key === undefined || place?.tree.kind !== 'map') return undefined;
  return place.tree.entries.get(key)?.at;
}

/** The line with a caret below the column; a long line is cut to what stands round it. */
function excerpt(line: string, column: number): string {
  const from = column > EXCERPT - 20 ? column - EXCERPT / 2 : 0;
  const shown = line.slice(from, from + EXCERPT).replaceAll('\t', ' ');
  const caret = Math.min(column - 1 - from, shown.length);
  return `${shown}\n${' '.repeat(Math.max(0, caret))}^`;
}

/** What people call a place: `"timeout" of node "extract"`. */
export function subjectOf(place: Place): string {
  const owner = ownerOf(place);
  if (place.up === undefined) return 'the pipeline';
  if (owner?.place === place) return owner.name;
  const inside = pathBelow(place, owner?.place);
  return owner === undefined ? `"${inside}"` : `"${inside}" of ${owner.name}`;
}

const OWNERS: Readonly<Record<string, { word: string; key: string }>> = {
  nodes: { word: 'node', key: 'id' },
  operators: { word: 'operator', key: 'operator_id' },
  steps: { word: 'step', key: 'id' },
};

/** The node, operator or step that a place belongs to, with its name. */
function ownerOf(place: Place): { place: Place; name: string } | undefined {
  for (let at: Place | undefined = place; at?.up !== undefined; at = at.up) {
    const kind = typeof at.key === 'number' ? OWNERS[`${at.up.key}`] : undefined;
    if (kind === undefined || typeof at.key !== 'number') continue;
    const outer = at.up.up === undefined ? undefined : ownerOf(at.up.up);
    const id = idOf(at.tree, kind.key) ?? idOf(at.tree, 'node_id');
    const own = id === undefined ? `${kind.word} ${at.key + 1}` : `${kind.word} "${id}"`;
    return { place: at, name: outer === undefined ? own : `${own} of ${outer.name}` };
  }
  return undefined;
}

function idOf(tree: Tree, key: string): string | undefined {
  const value = tree.kind === 'map' ? tree.entries.get(key)?.value : undefined;
  return value?.kind === 'scalar' && value.value !== null ? `${value.value}` : undefined;
}

function pathBelow(place: Place, owner: Place | undefined): string {
  const whole = pathOf(place);
  if (owner === undefined) return whole;
  const rest = whole.slice(pathOf(owner).length);
  return rest.startsWith('.') ? rest.slice(1) : rest;
}
