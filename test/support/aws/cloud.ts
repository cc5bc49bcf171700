// The whole system on one machine: MiniStack with the stack of the control plane on it, as `cdk deploy` makes it, and a played Batch that
// does its jobs. What a person does to it goes through the HTTP API.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  GetFunctionConfigurationCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda';
import { awsNames, functionNames } from '#schemas/aws.ts';
import { PlayedBatch, type PlayedBatchOptions } from './batch.ts';
import { BusEvents } from './batch-events.ts';
import { CloudApi } from './cloud-api.ts';
import { type Deployed, deploy } from './deploy.ts';
import { emulated } from './emulated.ts';
import { freePort, startMinistack } from './emulators.ts';
import { Meter } from './meter.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** What may be handed to another process: where everything is. */
export interface Ground {
  /** Of everything but Batch. */
  readonly endpoint: string;
  /** Where Batch is looked for, and where the functions look for everything else. */
  readonly batchPort: number;
  readonly meterPort: number;
  readonly deployed: Deployed;
  /** The HTTP API, by an address that leads somewhere on this machine. */
  readonly api: string;
}

export interface GroundOptions {
  /** What else is chosen for the stack. */
  readonly context?: Readonly<Record<string, string>>;
  /** The functions, where they are not those that the build makes. */
  readonly bundles?: string;
}

export interface LaidGround {
  readonly ground: Ground;
  end(): Promise<void>;
}

/** Undefined where this machine has no MiniStack. */
export async function layGround(options: GroundOptions = {}): Promise<LaidGround | undefined> {
  const meterPort = await freePort();
  const ministack = await startMinistack({ AWS_ENDPOINT_URL: `http://127.0.0.1:${meterPort}` });
  if (ministack === undefined) return undefined;
  const { endpoint, end } = ministack;
  try {
    const ports = { endpoint, meterPort, batchPort: await freePort() };
    const deployed = await deployOn(ports, options);
    const [id] = new URL(deployed.OutApiUrl).hostname.split('.');
    const api = `${endpoint}/_aws/execute-api/${id}`;
    return { ground: { ...ports, deployed, api }, end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Makes the stack, or brings it up to date. */
export async function deployOn(
  { endpoint, batchPort, meterPort }: Pick<Ground, 'endpoint' | 'batchPort' | 'meterPort'>,
  { context = {}, bundles = path.join(ROOT, 'dist/functions') }: GroundOptions = {},
): Promise<Deployed> {
  const deployed = await deploy({
    endpoint,
    bundles,
    context: {
      batchEndpoint: `http://127.0.0.1:${batchPort}`,
      attemptsUrl: `${endpoint}/_aws/execute-api/{api}/attempts`,
      ...context,
    },
  });
  await leadQueues(endpoint, meterPort);
  return deployed;
}

/** Addresses of queues name the emulator itself, and the SDK follows them; they are to lead past the meter like all others. */
async function leadQueues(endpoint: string, meterPort: number): Promise<void> {
  const client = new LambdaClient(emulated(endpoint));
  try {
    const foreign = `http://localhost:${new URL(endpoint).port}/`;
    for (const name of functionNames) {
      const FunctionName = awsNames('dev').function(name);
      const { Environment } = await client.send(
        new GetFunctionConfigurationCommand({ FunctionName }),
      );
      const known = Object.entries(Environment?.Variables ?? {});
      if (!known.some(([, value]) => value.startsWith(foreign))) continue;
      const Variables = Object.fromEntries(
        known.map(([variable, value]) => [
          variable,
          value.replace(foreign, `http://127.0.0.1:${meterPort}/`),
        ]),
      );
      await client.send(
        new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }),
      );
    }
  } finally {
    client.destroy();
  }
}

/** The bundles of the functions and of the job, made from the sources as they are. */
export async function buildBundles(): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, [path.join(ROOT, 'tools/build.mjs')], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`the bundles could not be built: exit code ${code}`);
}

export interface Cloud {
  readonly ground: Ground;
  readonly batch: PlayedBatch;
  readonly api: CloudApi;
  readonly events: BusEvents;
  /** What the functions ask of AWS. */
  readonly meter: Meter;
  close(): Promise<void>;
}

export type CloudOptions = Omit<PlayedBatchOptions, 'events' | 'port'>;

/** Brings a ground to life. One at a time: without this its functions reach nothing. */
export async function openCloud(ground: Ground, options: CloudOptions): Promise<Cloud> {
  const events = new BusEvents(ground.endpoint);
  const meter = await Meter.start(ground.meterPort, ground.endpoint);
  const batch = await PlayedBatch.start({ ...options, events, port: ground.batchPort });
  return {
    ground,
    batch,
    api: new CloudApi(ground.api),
    events,
    meter,
    close: async () => {
      await batch.close();
      await meter.close();
    },
  };
}
