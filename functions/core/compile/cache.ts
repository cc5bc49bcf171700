// `cache` of a node: whether, and under which key, it takes over what an earlier attempt came to.
import { references } from '#core/expression/references.ts';
import { message } from '#core/messages.ts';
import type { Executor, PlanNode } from '#schemas/plan.ts';
import type { Binding } from './draft.ts';
import { type Findings, subjectOf } from './findings.ts';
import { listed } from './nearest.ts';
import { type MapPlace, wrongType } from './read.ts';
import { bindingsIn, hasBraces } from './texts.ts';
import { member } from './tree.ts';

/** Executors whose work another attempt may have done already. */
const REUSABLE: ReadonlySet<Executor['kind']> = new Set(['steps', 'function']);
/** What is another value in every run or attempt: a key that holds it is never met again. */
const FLEETING: readonly string[] = ['run_id', 'attempt', 'started_at'];

export interface CacheRead {
  readonly cache: PlanNode['cache'];
  readonly bindings: readonly Binding[];
}

/** The member `cache`: `true`, or a text with `{{ }}`. */
export function cacheOf(
  findings: Findings,
  map: MapPlace,
  work: { readonly executor: Executor; readonly element: boolean },
): CacheRead {
  const none: CacheRead = { cache: undefined, bindings: [] };
  const place = member(map, 'cache');
  if (place === undefined) return none;
  const { tree } = place;
  if (tree.kind === 'scalar' && tree.value === false) return none;
  if (!REUSABLE.has(work.executor.kind)) {
    findings.error(message('wrong_value', 'cache_executor', { subject: subjectOf(map) }), map, {
      key: 'cache',
    });
    return none;
  }
  if (tree.kind === 'scalar' && tree.value === true) return { cache: true, bindings: [] };
  if (tree.kind !== 'scalar' || typeof tree.value !== 'string' || !hasBraces(tree)) {
    wrongType(findings, place, 'true, or a key such as "{{ pipeline.input.month }}"');
    return none;
  }
  const rule = { secrets: false, own: true, element: work.element };
  return { cache: tree.value, bindings: bindingsIn(findings, place, rule) };
}

/** Warns of a node that is cached and names what is new in every run. */
export function checkCache(
  findings: Findings,
  map: MapPlace,
  cache: PlanNode['cache'],
  bindings: readonly Binding[],
): void {
  if (cache === undefined) return;
  const named = bindings.flatMap(({ template }) =>
    references(template).system.flatMap(({ name }) => (FLEETING.includes(name) ? [name] : [])),
  );
  if (named.length === 0) return;
  const names = listed([...new Set(named)].map((name) => `system.${name}`));
  const said = message('wrong_value', 'cache_never', { subject: subjectOf(map), names });
  findings.warn(said, map, { key: 'cache' });
}
