// Tells in which dialect a file is written.
import type { Dialect } from '#schemas/plan.ts';
import type { Findings } from './findings.ts';
import { items, kindOf, member, type Place } from './tree.ts';

/** The dialect, or undefined when there is none that this version reads, which is said. */
export function dialectOf(findings: Findings, root: Place): 'nodes' | 'operators' | undefined {
  if (root.tree.kind !== 'map') {
    findings.error(
      'dialect_unknown',
      root,
      `the file holds ${kindOf(root.tree)}; wanted a pipeline: a mapping with "id" and "nodes"`,
    );
    return undefined;
  }
  const found = recognised(root);
  if (found === 'nodes' || found === 'operators') return found;
  if (found !== undefined) {
    const key = found === 'docetl' ? 'operations' : found;
    findings.error(
      'dialect_missing',
      root,
      `the file is written in the dialect "${found}", which this version does not read yet; it reads nodes and operators`,
      { key },
    );
    return undefined;
  }
  findings.error(
    'dialect_unknown',
    root,
    'nothing tells in which dialect the file is written; wanted "nodes", each with an "id" (or "operators" and "nodes" with "operator_ids")',
    { suggestion: 'nodes:' },
  );
  return undefined;
}

function recognised(root: Place): Dialect | undefined {
  const has = (key: string): boolean => member(root, key) !== undefined;
  if (has('stages')) return 'stages';
  if (has('operations') && (has('pipeline') || has('datasets'))) return 'docetl';
  if (has('operators') || has('pipeline_id')) return 'operators';
  const nodes = member(root, 'nodes');
  if (nodes !== undefined) {
    const own = items(nodes).some((node) => member(node, 'operator_ids') !== undefined);
    return own ? 'operators' : 'nodes';
  }
  const steps = member(root, 'steps');
  if (steps !== undefined) return 'steps';
  // A file that names itself and nothing else still gets the problems of the native dialect.
  return has('id') ? 'nodes' : undefined;
}
