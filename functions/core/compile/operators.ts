import type { Reading } from './draft.ts';
import type { Findings } from './findings.ts';
import type { Place } from './tree.ts';

export function operatorsDialect(findings: Findings, root: Place): Reading | undefined {
  findings.error('dialect_missing', root, 'the dialect operators is not read yet');
  return undefined;
}
