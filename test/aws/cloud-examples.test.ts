// The examples on the emulated cloud, as they run on one machine: deployed by CDK, worked on by the container's own program, asked about
// over HTTP. Node by node they come to the same as in the embedded engine.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { routes } from '#schemas/api.ts';
import type { Json } from '#schemas/values.ts';
import { type Cloud, openCloud } from '#support/aws/cloud.ts';
import { factsOf, type RunFacts } from '#support/aws/compared.ts';
import { Programs } from '#support/aws/containers.ts';
import { jsonLines, Place, ROOT } from '#support/millrace.ts';

const ground = inject('ground');
const exampleOf = (name: string) => path.join(ROOT, 'examples', name, 'pipeline.yaml');

let cloud: Cloud;
let place: Place;

describe.skipIf(ground === undefined)('on the emulated cloud', () => {
  beforeAll(async () => {
    if (ground === undefined) return;
    const command = [process.execPath, path.join(ROOT, 'dist/job.mjs')];
    cloud = await openCloud(ground, { containers: new Programs({ command }), atOnce: 3 });
    place = new Place();
  });
  afterAll(async () => {
    place?.remove();
    await cloud?.close();
  });

  async function there(file: string, inputs: Readonly<Record<string, Json>>): Promise<RunFacts> {
    const source = readFileSync(file, 'utf8');
    const { run } = await cloud.api.ask(routes.start, { body: { source, inputs } });
    const report = await cloud.api.ended(run, 100_000);
    return factsOf(report, await cloud.api.events(run));
  }

  async function here(file: string, inputs: Readonly<Record<string, Json>>): Promise<RunFacts> {
    const given = Object.entries(inputs).flatMap(([name, value]) => [
      '-i',
      `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
    ]);
    const ended = await place.run('run', file, '--json', ...given);
    const { events, report } = jsonLines(ended.stdout);
    return factsOf(report, events);
  }

  test('examples/hello comes to the same, node by node, as on one machine', async () => {
    const inputs = { name: 'cloud' };
    const found = await there(exampleOf('hello'), inputs);
    expect(found.status).toBe('completed');
    expect(found).toEqual(await here(exampleOf('hello'), inputs));
  });

  test('examples/fanout comes to the same, node by node, as on one machine', async () => {
    const inputs = { count: 12 };
    const found = await there(exampleOf('fanout'), inputs);
    expect(found.nodes['sum']?.outputs).toEqual({ sum: 650, numbers: 12 });
    expect(found).toEqual(await here(exampleOf('fanout'), inputs));
  });
});
