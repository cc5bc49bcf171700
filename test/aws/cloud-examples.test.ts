// The examples on the emulated cloud: deployed by CDK, worked on by the container's own program, run by `millrace run` as on one
// machine. Node by node they come to the same as in the embedded engine.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import type { RunReport } from '#schemas/report.ts';
import { type Cloud, type Ground, openCloud } from '#support/aws/cloud.ts';
import { factsOf, type RunFacts } from '#support/aws/compared.ts';
import { Programs, runnerImage } from '#support/aws/containers.ts';
import { type ShortFlights, shortFlights } from '#support/aws/flights.ts';
import { jsonLines, Place, ROOT } from '#support/millrace.ts';

const ground = inject('ground');
const exampleOf = (name: string) => path.join(ROOT, 'examples', name, 'pipeline.yaml');

type Inputs = Readonly<Record<string, string | number>>;

/** What the program is told to use the cloud, as `npm run aws:local` says. */
const as = ({ api }: Ground) => ({
  MILLRACE_SERVER: api,
  MILLRACE_SIGV4: '1',
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_REGION: 'us-east-1',
});

let cloud: Cloud;
let host: Programs;
/** Where somebody uses the program: for this machine, and for the cloud. */
let here: Place;
let there: Place;
let flights: ShortFlights;

describe.skipIf(ground === undefined)('on the emulated cloud', () => {
  beforeAll(async () => {
    if (ground === undefined) return;
    host = new Programs(runnerImage());
    cloud = await openCloud(ground, { containers: host, atOnce: 3 });
    here = new Place();
    there = new Place({}, as(ground));
    flights = await shortFlights();
    writeFileSync(path.join(here.folder, 'flights.yaml'), flights.source);
  });
  afterAll(async () => {
    here?.remove();
    there?.remove();
    await cloud?.close();
    await flights?.server.close();
  });

  async function reported(at: Place, file: string, inputs: Inputs): Promise<RunReport> {
    return (await ran(at, file, inputs)).report;
  }

  async function facts(at: Place, file: string, inputs: Inputs): Promise<RunFacts> {
    const { events, report } = await ran(at, file, inputs);
    return factsOf(report, events);
  }

  async function ran(at: Place, file: string, inputs: Inputs) {
    const given = Object.entries(inputs).flatMap(([name, value]) => ['-i', `${name}=${value}`]);
    const ended = await at.run('run', file, '--json', ...given);
    expect(ended.code, ended.stderr + ended.stdout.slice(-3_000)).toBe(0);
    return jsonLines(ended.stdout);
  }

  test('examples/hello comes to the same, node by node, as on one machine', async () => {
    const inputs = { name: 'cloud' };
    const found = await facts(there, exampleOf('hello'), inputs);
    expect(found.status).toBe('completed');
    expect(found).toEqual(await facts(here, exampleOf('hello'), inputs));
  });

  test('examples/fanout comes to the same, node by node, as on one machine', async () => {
    const inputs = { count: 12 };
    const found = await facts(there, exampleOf('fanout'), inputs);
    expect(found.nodes['sum']?.outputs).toEqual({ sum: 650, numbers: 12 });
    expect(found).toEqual(await facts(here, exampleOf('fanout'), inputs));
  });

  describe('examples/flights, shortened', () => {
    test('comes to the same, node by node, as on one machine, files included', {
      timeout: 300_000,
    }, async () => {
      const file = path.join(here.folder, 'flights.yaml');
      const found = await facts(there, file, {});
      expect(found.nodes['routes']?.status).toBe('completed');
      expect(found).toEqual(await facts(here, file, {}));
    });

    test('on a fresh machine finds the environments that the first one has built', {
      timeout: 300_000,
    }, async () => {
      host.forget();
      const file = path.join(here.folder, 'extract.yaml');
      writeFileSync(file, flights.extract);
      const report = await reported(there, file, {});
      expect(report.status).toBe('completed');
      const built = Object.values(report.environments).map((environment) => environment.built);
      expect(built).toEqual([false]);
    });
  });
});
