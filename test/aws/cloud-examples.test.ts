// The examples on the emulated cloud, as they run on one machine: deployed by CDK, worked on by the container's own program, asked about
// over HTTP. Node by node they come to the same as in the embedded engine.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { routes } from '#schemas/api.ts';
import type { RunReport } from '#schemas/report.ts';
import type { Json } from '#schemas/values.ts';
import { type Cloud, openCloud } from '#support/aws/cloud.ts';
import { factsOf, type RunFacts } from '#support/aws/compared.ts';
import { Programs, runnerImage } from '#support/aws/containers.ts';
import { type ShortFlights, shortFlights } from '#support/aws/flights.ts';
import { jsonLines, Place, ROOT } from '#support/millrace.ts';

const ground = inject('ground');
const exampleOf = (name: string) => path.join(ROOT, 'examples', name, 'pipeline.yaml');

type Inputs = Readonly<Record<string, Json>>;

let cloud: Cloud;
let host: Programs;
let place: Place;
let flights: ShortFlights;

describe.skipIf(ground === undefined)('on the emulated cloud', () => {
  beforeAll(async () => {
    if (ground === undefined) return;
    host = new Programs(runnerImage());
    cloud = await openCloud(ground, { containers: host, atOnce: 3 });
    place = new Place();
    flights = await shortFlights();
    writeFileSync(path.join(place.folder, 'flights.yaml'), flights.source);
  });
  afterAll(async () => {
    place?.remove();
    await cloud?.close();
    await flights?.server.close();
  });

  async function reported(file: string, inputs: Inputs): Promise<RunReport> {
    const source = readFileSync(file, 'utf8');
    const { run } = await cloud.api.ask(routes.start, { body: { source, inputs } });
    return await cloud.api.ended(run, 200_000);
  }

  async function there(file: string, inputs: Inputs): Promise<RunFacts> {
    const report = await reported(file, inputs);
    return factsOf(report, await cloud.api.events(report.run));
  }

  async function here(file: string, inputs: Inputs): Promise<RunFacts> {
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

  describe('examples/flights, shortened', () => {
    test('comes to the same, node by node, as on one machine, files included', {
      timeout: 300_000,
    }, async () => {
      const file = path.join(place.folder, 'flights.yaml');
      const report = await reported(file, {});
      const found = factsOf(report, await cloud.api.events(report.run));
      expect(found.status, JSON.stringify(report, null, 1)).toBe('completed');
      expect(found.nodes['routes']?.status).toBe('completed');
      expect(found).toEqual(await here(file, {}));
    });

    test('on a fresh machine finds the environments that the first one has built', {
      timeout: 300_000,
    }, async () => {
      host.forget();
      const file = path.join(place.folder, 'extract.yaml');
      writeFileSync(file, flights.extract);
      const report = await reported(file, {});
      expect(report.status).toBe('completed');
      const built = Object.values(report.environments).map((environment) => environment.built);
      expect(built).toEqual([false]);
    });
  });
});
