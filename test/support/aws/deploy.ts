// Deploys the control plane's stack onto MiniStack by the command line of CDK, as a person deploys it to AWS.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** A deployment that hangs in the emulator would never end. */
const DEPLOY_MS = 120_000;
/** The bundles are given: nothing is to be built. */
const BUILT = ['--build', 'true'] as const;

const outputs = z.object({
  OutApiUrl: z.string(),
  OutTable: z.string(),
  OutBucket: z.string(),
  OutWalker: z.string(),
  OutSubmitQueue: z.string(),
  OutAlarmQueue: z.string(),
});
export type Deployed = z.infer<typeof outputs>;

export interface Deployment {
  readonly endpoint: string;
  /** The folder of the functions' bundles. */
  readonly bundles: string;
  /** What else is chosen: `-c name=value`. */
  readonly context?: Readonly<Record<string, string>>;
}

/** The stack of stage `dev`, made or brought up to date. */
export async function deploy({ endpoint, bundles, context = {} }: Deployment): Promise<Deployed> {
  const place = mkdtempSync(path.join(tmpdir(), 'millrace-deploy-'));
  try {
    const file = path.join(place, 'outputs.json');
    await cdk(endpoint, [
      ...['bootstrap', 'aws://000000000000/us-east-1', ...BUILT],
      ...['--output', path.join(place, 'bootstrap')],
    ]);
    const chosen = Object.entries({ ...context, bundles }).map(
      ([name, value]) => `${name}=${value}`,
    );
    await cdk(endpoint, [
      ...['deploy', 'millrace-dev-core', '--exclusively', '--method=direct'],
      ...['--require-approval', 'never', '--outputs-file', file, ...BUILT],
      ...['--output', path.join(place, 'out')],
      ...chosen.flatMap((each) => ['-c', each]),
    ]);
    const written = z.record(z.string(), outputs).parse(JSON.parse(readFileSync(file, 'utf8')));
    const [deployed] = Object.values(written);
    return outputs.parse(deployed);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/** What programs that speak to the emulator find in their environment. */
export const emulatedEnvironment = (endpoint: string) => ({
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_REGION: 'us-east-1',
  AWS_ENDPOINT_URL: endpoint,
  AWS_ENDPOINT_URL_S3: endpoint,
});

async function cdk(endpoint: string, args: readonly string[]): Promise<void> {
  const program = path.join(ROOT, 'node_modules/aws-cdk/bin/cdk');
  const child = spawn(process.execPath, [program, '--no-notices', ...args], {
    cwd: ROOT,
    env: {
      ...process.env,
      ...emulatedEnvironment(endpoint),
      PATH: [path.dirname(process.execPath), process.env['PATH'] ?? ''].join(path.delimiter),
      CI: 'true',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: DEPLOY_MS,
    killSignal: 'SIGKILL',
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said = `${said}${text}`.slice(-8_000);
    });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`cdk ${args[0]} ended with ${code}; it said:\n${said}`);
}
