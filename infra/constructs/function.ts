// One Lambda function: its bundle, a role that can do nothing but write its own log, and the log with an end.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { type Duration, RemovalPolicy } from 'aws-cdk-lib';
import { type IGrantable, type IPrincipal, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  Code,
  Function as Lambda,
  LoggingFormat,
  Runtime,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { awsNames, awsVariables, type FunctionName } from '#schemas/aws.ts';
import type { StageName } from '#schemas/stage.ts';
import { allow } from './permissions.ts';
import { stageRules } from './stage-rules.ts';

export interface ProgramOptions {
  readonly stage: StageName;
  readonly name: FunctionName;
  readonly memory: number;
  readonly timeout: Duration;
  /** The folder of the bundles. */
  readonly bundles: string;
  /** Where events go that the function could not take, when it is called without waiting for an answer. */
  readonly deadLetters?: IQueue;
}

export class Program extends Construct implements IGrantable {
  readonly lambda: Lambda;
  readonly grantPrincipal: IPrincipal;
  /** Whether the bundle is there. Without it the stack synthesises, but cannot be deployed. */
  readonly complete: boolean;

  constructor(scope: Construct, id: string, options: ProgramOptions) {
    super(scope, id);
    const { stage, name } = options;
    const rules = stageRules[stage];
    const folder = path.join(options.bundles, name);
    this.complete = existsSync(path.join(folder, 'index.mjs'));
    const logGroup = new LogGroup(this, 'Log', {
      logGroupName: `/millrace/${stage}/${name}`,
      retention: rules.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    });
    this.grantPrincipal = role;
    allow(role, ['logs:CreateLogStream', 'logs:PutLogEvents'], [logGroup.logGroupArn]);
    this.lambda = new Lambda(this, 'Function', {
      functionName: awsNames(stage).function(name),
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      handler: 'index.handler',
      code: this.complete ? Code.fromAsset(folder) : placeholder(name),
      memorySize: options.memory,
      timeout: options.timeout,
      role,
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      systemLogLevelV2: rules.systemLog,
      environment: { [awsVariables.stage]: stage },
      ...(options.deadLetters === undefined
        ? {}
        : { deadLetterQueue: options.deadLetters, retryAttempts: 2 }),
    });
  }

  /** Tells the function the name of something it may use. */
  tell(variable: string, value: string): void {
    this.lambda.addEnvironment(variable, value);
  }
}

const placeholder = (name: FunctionName) =>
  Code.fromInline(
    `exports.handler = () => Promise.reject('the bundle of ${name} is missing: npm run build');`,
  );
