// A node whose work is a function of the embedding program, as it is written: its name, and what it is configured with.
import { message } from '#core/messages.ts';
import { nodesFunction } from '#schemas/dialect-nodes.ts';
import { limits } from '#schemas/limits.ts';
import type { Executor } from '#schemas/plan.ts';
import type { Json } from '#schemas/values.ts';
import type { Binding } from './draft.ts';
import { type Findings, subjectOf } from './findings.ts';
import { shown } from './nearest.ts';
import { anyMapping, entriesOf, type MapPlace, mapping, required, text, toJson } from './read.ts';
import { bindingsIn } from './texts.ts';
import { member, type Place } from './tree.ts';

export interface FunctionRead {
  readonly executor: Executor;
  readonly bindings: readonly Binding[];
}

const KEYS = Object.keys(nodesFunction.shape);
const NAME = /^[\p{L}_][\p{L}\p{M}\p{Nd}_.:/-]*$/u;
const WANTED = 'the name under which the program registers its handler';

/** What means something only to a program that is started. */
const OF_PROGRAMS = ['resources', 'env'] as const;

/** The member `function` of a node: `NAME`, or `{ name, config }`. */
export function functionNode(
  findings: Findings,
  node: MapPlace,
  place: Place,
  element: boolean,
): FunctionRead {
  for (const key of OF_PROGRAMS) {
    if (member(node, key) === undefined) continue;
    const said = message('wrong_value', 'beside_function', { subject: subjectOf(node), key });
    findings.warn(said, node, { key });
  }
  if (place.tree.kind === 'scalar') {
    return { executor: { kind: 'function', name: nameAt(findings, place) }, bindings: [] };
  }
  const map = mapping(findings, place, KEYS);
  if (map === undefined) return { executor: { kind: 'function', name: '' }, bindings: [] };
  const name = nameAt(findings, required(findings, map, 'name', WANTED));
  const config = anyMapping(findings, member(map, 'config'));
  if (config === undefined) return { executor: { kind: 'function', name }, bindings: [] };
  const values: Record<string, Json> = Object.fromEntries(
    entriesOf(config).map((entry) => [`${entry.key}`, toJson(entry.tree)]),
  );
  return {
    executor: { kind: 'function', name, config: values },
    bindings: bindingsIn(findings, config, { secrets: true, own: true, element }),
  };
}

function nameAt(findings: Findings, place: Place | undefined): string {
  const name = text(findings, place);
  if (place === undefined || name === undefined) return '';
  if (NAME.test(name) && name.length <= limits.idLength) return name.normalize('NFC');
  const filling = { subject: subjectOf(place), came: shown(name), wanted: WANTED };
  findings.error(message('bad_id', 'function', { ...filling, most: limits.idLength }), place);
  return '';
}
