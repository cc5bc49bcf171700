// What `cdk` runs: reads the stage from `-c name=value`, and makes its two stacks.
import path from 'node:path';
import { App, type Environment, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { awsNames } from '#schemas/aws.ts';
import { type Stage, stage as stageSchema } from '#schemas/stage.ts';
import { ComputeStack } from './compute-stack.ts';
import { CoreStack } from './core-stack.ts';

const root = path.resolve(import.meta.dirname, '..');

/** Newer ways of CDK that are off unless asked for. */
const flags = {
  '@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy': true,
  '@aws-cdk/core:enablePartitionLiterals': true,
} as const;

export interface Millrace {
  readonly app: App;
  readonly core: CoreStack;
  readonly compute: ComputeStack;
}

export interface MillraceOptions {
  readonly environment?: Environment;
  /** The folder of the functions' bundles, where it is not that of the build. */
  readonly bundles?: string;
}

/** The stage, or what is wrong with how it was asked for. */
export function readStage(
  context: (name: string) => unknown,
): { stage: Stage } | { problems: string } {
  const names = Object.keys(stageSchema.shape);
  const given = names.map((name) => [name, context(name)] as const);
  const read = stageSchema.safeParse(
    Object.fromEntries(given.filter(([, value]) => value !== undefined)),
  );
  if (read.success) return { stage: read.data };
  const problems = read.error.issues.map(({ path: at, message }) => `${at.join('.')}: ${message}`);
  return { problems: problems.join('\n') };
}

export function makeMillrace(app: App, stage: Stage, options: MillraceOptions = {}): Millrace {
  for (const [flag, value] of Object.entries(flags)) app.node.setContext(flag, value);
  Validations.of(app).addPlugins(new AwsSolutionsChecks());
  const { base } = awsNames(stage.stage);
  const env = options.environment === undefined ? {} : { env: options.environment };
  const bundles = options.bundles ?? path.join(root, 'dist/functions');
  return {
    app,
    core: new CoreStack(app, `${base}-core`, { ...env, stage, bundles }),
    compute: new ComputeStack(app, `${base}-compute`, { ...env, stage }),
  };
}

function main(): number {
  const app = new App();
  const read = readStage((name) => app.node.tryGetContext(name));
  if ('problems' in read) {
    console.error(read.problems);
    return 2;
  }
  const account = process.env['CDK_DEFAULT_ACCOUNT'];
  const region = process.env['CDK_DEFAULT_REGION'];
  const known = account !== undefined && region !== undefined;
  if (read.stage.vpcId !== undefined && !known) {
    console.error('vpcId: a network can only be looked up with credentials of its account');
    return 2;
  }
  const bundles: unknown = app.node.tryGetContext('bundles');
  makeMillrace(app, read.stage, {
    ...(known ? { environment: { account, region } } : {}),
    ...(typeof bundles === 'string' ? { bundles } : {}),
  });
  app.synth();
  return 0;
}

if (import.meta.main) process.exitCode = main();
