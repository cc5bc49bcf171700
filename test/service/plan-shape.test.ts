// Plans that were compiled by whoever asks: what no compiler of ours makes is refused before there is a run, which nobody could walk to its end.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Control } from '#service/control.ts';
import { createControl } from '#service/create-control.ts';
import { RunningService } from '#support/running-service.ts';

interface Forged {
  groups: { id: string; parent: number }[];
  nodes: { id: string; group: number; needs?: number[]; prepares?: number[]; executor: object }[];
}

let here: RunningService;
let control: Control;
let plan: string;
beforeEach(async () => {
  here = new RunningService();
  control = createControl({
    ...{ service: here.service, namespace: 'default', elsewhere: true },
    readLogs: async () => ({ lines: [], cursor: '', last: true }),
  });
  await control.store({
    source: `id: p
nodes:
  - { id: a, steps: [{ command: "true" }] }
  - { id: b, needs: [a], steps: [{ command: "true" }] }
  - { id: ä_1, startWhen: "event:*.failed", steps: [{ command: "true" }] }`,
  });
  plan = JSON.stringify((await control.pipeline('p')).plan);
});
afterEach(() => here.close());

const start = (change: (forged: Forged) => void) => {
  const forged = JSON.parse(plan);
  change(forged);
  return control.start({ plan: forged, inputs: {}, sources: {} });
};

test('what the compiler made is taken', async () => {
  await expect(start(() => {})).resolves.toMatchObject({ run: expect.any(String) });
});

const inside = (forged: Forged) => forged.nodes[0]?.executor as { plan: Forged };
const first = <T>([one]: readonly T[]): T => one as T;
const forgeries: readonly [string, (forged: Forged) => void, RegExp][] = [
  [
    'a group inside itself',
    ({ groups }) => Object.assign(first(groups), { parent: 0 }),
    /group "p"/,
  ],
  ['a group in none', ({ groups }) => Object.assign(first(groups), { parent: 7 }), /group "p"/],
  [
    'two groups inside one another',
    ({ groups }) => {
      groups.push(
        { ...first(groups), id: 'q', parent: 2 },
        { ...first(groups), id: 'r', parent: 1 },
      );
    },
    /group "q"/,
  ],
  [
    'a node in no group',
    ({ nodes }) => Object.assign(first(nodes), { group: 9 }),
    /"a" is in a group/,
  ],
  [
    'a need that is not there',
    ({ nodes }) => Object.assign(first(nodes), { needs: [9] }),
    /"a" needs/,
  ],
  [
    'what prepares it not there',
    ({ nodes }) => Object.assign(first(nodes), { prepares: [9] }),
    /"a"/,
  ],
  [
    'a need of itself',
    ({ nodes }) => Object.assign(first(nodes), { needs: [0] }),
    /"a" needs itself/,
  ],
  [
    'needs in a ring',
    ({ nodes }) => Object.assign(first(nodes), { needs: [1] }),
    /comes before itself/,
  ],
  ['a node twice', ({ nodes }) => nodes.push(first(nodes)), /"a" is there twice/],
  ...['a#0001', 'a[3]', '../a', '__proto__', 'a\n']
    .map(
      (id) =>
        [
          `a node ${JSON.stringify(id)}`,
          ({ nodes }: Forged) => Object.assign(first(nodes), { id }),
          /a name that no node can have/,
        ] as const,
    )
    .map(([what, change, said]): [string, (forged: Forged) => void, RegExp] => [
      what,
      change,
      said,
    ]),
  [
    'steps in a ring',
    (forged) => Object.assign(first(inside(forged).plan.groups), { parent: 0 }),
    /"a" has steps that cannot be walked/,
  ],
];

test.each(forgeries)('%s is refused', async (_, change, said) => {
  await expect(start(change)).rejects.toMatchObject({
    ...{ code: 'invalid', message: expect.stringMatching(said) },
  });
});
