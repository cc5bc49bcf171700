// A node whose work is a query, as it is written. It becomes a node with one step, `sql`, whose executor the runner hands to
// the database.
import { readSql } from '#core/expression/sql.ts';
import { message } from '#core/messages.ts';
import { nodesSql } from '#schemas/dialect-nodes.ts';
import { limits } from '#schemas/limits.ts';
import type { Executor } from '#schemas/plan.ts';
import { SQL_RESULT, sqlFormat } from '#schemas/sql.ts';
import type { Binding } from './draft.ts';
import { type Findings, subjectOf } from './findings.ts';
import { idFrom, outputName } from './ids.ts';
import { shown } from './nearest.ts';
import {
  anyMapping,
  entriesOf,
  type MapPlace,
  mapping,
  required,
  text,
  wrongValue,
} from './read.ts';
import type { StepsRead } from './step.ts';
import { bindingsIn, sourceOffset } from './texts.ts';
import { member, type Place } from './tree.ts';

const KEYS = Object.keys(nodesSql.shape);
const FILE = 'the name of a file that ends in .parquet, .csv, .json or .jsonl';

interface Read {
  readonly query: string;
  readonly bindings: readonly Binding[];
}

/** The member `sql` of a node: a query, or `{ query, into, outputs }`. */
export function sqlNode(findings: Findings, place: Place, element: boolean): StepsRead {
  const short = place.tree.kind === 'scalar';
  const map = short ? undefined : mapping(findings, place, KEYS);
  const queryPlace = map === undefined ? place : required(findings, map, 'query', 'a query');
  if (!short && map === undefined) return { steps: [], bindings: [], operators: [] };
  const main = query(findings, queryPlace, { element, statements: 'several' });
  const into = file(findings, map === undefined ? undefined : member(map, 'into'));
  const result = into === undefined ? SQL_RESULT : stemOf(into);
  const wanted = outputs(findings, map, {
    element,
    taken: into === undefined ? undefined : result,
  });
  const none = into === undefined && Object.keys(wanted.queries).length === 0;
  return {
    steps: [
      {
        id: 'sql',
        group: 0,
        executor: {
          kind: 'sql',
          query: main.query,
          ...(into === undefined ? {} : { into }),
          // A query that hands nothing over tells at least how much it found.
          outputs: none ? { rows: `select count(*) from ${SQL_RESULT}` } : wanted.queries,
        },
      },
    ],
    bindings: [...main.bindings, ...wanted.bindings],
    operators: [],
  };
}

/** The names of what a query hands over; undefined when the executor is none. */
export function sqlOutputs(executor: Executor): readonly string[] | undefined {
  const step = executor.kind === 'steps' ? executor.plan.nodes[0]?.executor : undefined;
  if (step?.kind !== 'sql') return undefined;
  const file = step.into === undefined ? [] : [stemOf(step.into)];
  return [...file, ...Object.keys(step.outputs ?? {})];
}

function stemOf(name: string): string {
  return name.slice(0, name.lastIndexOf('.'));
}

interface Rule {
  readonly element: boolean;
  readonly statements: 'one' | 'several';
}

/** A query whose `{{ }}` stand where values can; what is wrong with it is said. */
function query(findings: Findings, place: Place | undefined, rule: Rule): Read {
  const value = text(findings, place);
  if (place === undefined || value === undefined) return { query: '', bindings: [] };
  if (value.length > limits.sqlLength) {
    const count = { count: value.length, most: limits.sqlLength };
    findings.error(message('too_many', 'sql', { subject: subjectOf(place), ...count }), place);
    return { query: '', bindings: [] };
  }
  const at = { secrets: false, own: true, element: rule.element };
  const bindings = bindingsIn(findings, place, at);
  // What does not parse was said, and has no place that could be looked at.
  const template = bindings[0]?.template ?? { text: value, parts: [value] };
  if (bindings.length === 0 && value.includes('{{')) return { query: value, bindings };
  const { statements, problems } = readSql(template);
  for (const { said, at: offset } of problems) {
    const where = place.tree.kind === 'scalar' ? place.tree : undefined;
    findings.error(said.about(subjectOf(place)), place, {
      at: where === undefined ? undefined : sourceOffset(findings.source, where, offset),
    });
  }
  if (statements.length === 0 && problems.length === 0) wrongValue(findings, place, 'a query');
  if (statements.length > 1 && rule.statements === 'one')
    wrongValue(findings, place, 'one query, without ";"');
  return { query: value, bindings };
}

/** The file that the rows are written to. Its stem is the name of the output and of the table that `outputs` see. */
function file(findings: Findings, place: Place | undefined): string | undefined {
  const value = text(findings, place);
  if (place === undefined || value === undefined) return undefined;
  const dot = value.lastIndexOf('.');
  const ending = sqlFormat.safeParse(value.slice(dot + 1));
  if (dot < 1 || !ending.success || value.includes('/')) {
    wrongValue(findings, place, FILE);
    return undefined;
  }
  const stem = value.slice(0, dot);
  const wrong = outputName(stem);
  if (wrong === undefined) return value.normalize('NFC');
  const suggestion = `${idFrom(stem)}.${ending.data}`;
  const came = `"${shown(value)}"`;
  const wanted = `${wrong}, because the output has the name of the file: "${suggestion}"`;
  const said = message('wrong_value', 'value', { subject: subjectOf(place), came, wanted });
  findings.error(said, place, { expected: wrong, suggestion });
  return undefined;
}

function outputs(
  findings: Findings,
  map: MapPlace | undefined,
  rule: { readonly element: boolean; readonly taken: string | undefined },
): { queries: Record<string, string>; bindings: readonly Binding[] } {
  const place = map === undefined ? undefined : member(map, 'outputs');
  const wanted = anyMapping(findings, place);
  if (place === undefined || wanted === undefined) return { queries: {}, bindings: [] };
  const entries = entriesOf(wanted);
  if (entries.length > limits.sqlOutputs) {
    const count = { count: entries.length, most: limits.sqlOutputs };
    findings.error(
      message('too_many', 'sql_outputs', { subject: subjectOf(place), ...count }),
      place,
    );
    return { queries: {}, bindings: [] };
  }
  const queries: [string, string][] = [];
  const bindings: Binding[] = [];
  for (const entry of entries) {
    const name = `${entry.key}`.normalize('NFC');
    nameOf(findings, wanted, name, rule.taken);
    const read = query(findings, entry, { element: rule.element, statements: 'one' });
    queries.push([name, read.query]);
    bindings.push(...read.bindings);
  }
  return { queries: Object.fromEntries(queries), bindings };
}

function nameOf(findings: Findings, place: Place, name: string, taken: string | undefined): void {
  const subject = subjectOf(place);
  const why = outputName(name);
  if (why !== undefined)
    findings.error(message('bad_id', 'sql_output', { subject, name, why }), place, { key: name });
  else if (name === taken)
    findings.error(message('duplicate_id', 'sql_output', { subject, id: name }), place, {
      key: name,
    });
}
