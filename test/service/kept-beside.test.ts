// What a value may name, when it is handed to a function or given to a run: what jobs of a namespace have in common, and not all that lies there.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HasProblems } from '#errors/families.ts';
import type { ObjectInfo } from '#ports/objects.ts';
import { createControl } from '#service/create-control.ts';
import { keptBeside } from '#service/kept-beside.ts';
import { RunningService } from '#support/running-service.ts';

let here: RunningService;
beforeEach(() => {
  here = new RunningService();
});
afterEach(() => here.close());

const HIDDEN = [
  'plans/p.json',
  'logs/R/a/1/0000000001.jsonl',
  'reports/R/x.json',
  'orders/R/o.jsonl',
];
const COMMON = ['files/x/a.csv', 'artifacts/R/a/a.csv', 'values/R/a/v.json'];

const put = (place: string): Promise<ObjectInfo> =>
  here.ports.objects.put(`NS/default/${place}`, Buffer.from('"a"'));
const fileOf = ({ key, size, sha256 }: ObjectInfo) => ({
  $file: { key, name: 'a', size, sha256 },
});

test.each(HIDDEN)('%s of the same namespace is not handed to a function', async (place) => {
  const { key, size, sha256 } = await put(place);
  const refused = expect.stringContaining(key);
  for (const value of [
    fileOf({ key, size, sha256 }),
    { $ref: { key, size, sha256, mediaType: 'application/json' } },
  ])
    await expect(keptBeside(here.service, 'default', value)).rejects.toMatchObject({
      message: refused,
    });
});

test.each(COMMON)('%s is', async (place) => {
  const info = await put(place);
  const kept = await keptBeside(here.service, 'default', fileOf(info));
  expect(kept.path(fileOf(info).$file)).toContain(info.key);
});

test('what is not handed to anybody is no input of a run', async () => {
  const control = createControl({
    ...{ service: here.service, namespace: 'default', elsewhere: true },
    readLogs: async () => ({ lines: [], cursor: '', last: true }),
  });
  const source =
    'id: p\ninputs: { f: { type: file } }\nnodes:\n  - { id: a, steps: [{ command: "true" }] }\n';
  const start = async (place: string) =>
    control.start({ source, inputs: { f: fileOf(await put(place)) } });
  for (const place of COMMON) await expect(start(place)).resolves.toBeDefined();
  for (const place of HIDDEN) await expect(start(place)).rejects.toBeInstanceOf(HasProblems);
});
