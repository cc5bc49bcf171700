// Tells in which dialect a file is written.
import { message } from '#core/messages.ts';
import type { Dialect } from '#schemas/plan.ts';
import type { Findings } from './findings.ts';
import { items, kindOf, member, type Place } from './tree.ts';

/** The dialect, or undefined when there is none that this version reads, which is said. */
export function dialectOf(findings: Findings, root: Place): 'nodes' | 'operators' | undefined {
  if (root.tree.kind !== 'map') {
    findings.error(message('dialect_unknown', 'root', { came: kindOf(root.tree) }), root);
    return undefined;
  }
  const found = recognised(root);
  if (found === 'nodes' || found === 'operators') return found;
  if (found !== undefined) {
    const key = found === 'docetl' ? 'operations' : found;
    const filling = { dialect: found, known: 'nodes and operators' };
    findings.error(message('dialect_missing', 'dialect', filling), root, { key });
    return undefined;
  }
  findings.error(message('dialect_unknown', 'keys'), root, { suggestion: 'nodes:' });
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
