// The checks that need all nodes: names, events, cycles, what a binding may count on.
import type { Reading } from './draft.ts';
import { type Findings, subjectOf } from './findings.ts';
import { listed, nearest } from './nearest.ts';

/** Says everything that is wrong between nodes. Answers the names of the secrets. */
export function check(findings: Findings, reading: Reading): ReadonlySet<string> {
  const known = new Map(reading.drafts.map((draft) => [draft.node.id, draft]));
  for (const draft of reading.drafts) {
    for (const { name, place } of draft.needs) {
      if (known.has(name)) continue;
      const near = nearest(name, known.keys());
      const hint =
        near === undefined
          ? `; the pipeline has ${listed([...known.keys()])}`
          : `; did you mean "${near}"?`;
      findings.error(
        'unknown_node',
        place,
        `${subjectOf(place)} names the node "${name}", which is not there${hint}`,
        { suggestion: near },
      );
    }
  }
  return new Set();
}
