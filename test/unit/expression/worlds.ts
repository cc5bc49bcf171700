// Variables for tests: `a` completed with outputs, `late` runs, `gone` failed.
import type { Known, Variables } from '#core/expression/types.ts';
import type { Json } from '#schemas/values.ts';

export const OUTPUTS: { readonly [name: string]: Json } = {
  rows: 3,
  quality: 0.95,
  name: 'Ada',
  ok: true,
  nothing: null,
  list: [1, 2, 3],
  texts: ['x', 'y'],
  object: { deep: { deeper: 1 }, length: 7 },
  length: 12,
  'row-count': 4,
  file: {
    $file: { key: 'k', name: 'a.csv', size: 5, sha256: 'f'.repeat(64), metadata: { rows: 9 } },
  },
  large: {
    $ref: { key: 'r', size: 40_000, sha256: 'e'.repeat(64), mediaType: 'application/json' },
  },
};

export function someVariables(changes: Partial<Variables> = {}): Variables {
  return {
    input: { n: 1, text: 'x' },
    system: { run_id: 'r1' },
    node: (id): Known => {
      if (id === 'a') {
        return { is: 'outputs', outputs: OUTPUTS };
      }
      return id === 'late' ? { is: 'not_yet' } : { is: 'never', because: `${id} ended failed` };
    },
    ...changes,
  };
}
