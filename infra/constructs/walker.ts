// The machine that walks runs. Its definition is a file; here it gets its function, its role and its log.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import {
  DefinitionBody,
  LogLevel,
  StateMachine,
  StateMachineType,
} from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { awsNames, awsVariables } from '#schemas/aws.ts';
import type { Stage } from '#schemas/stage.ts';
import { acknowledge } from './acknowledge.ts';
import type { Program } from './function.ts';
import { allow } from './permissions.ts';
import { stageRules } from './stage-rules.ts';

const definition = readFileSync(path.join(import.meta.dirname, '../walker.asl.json'), 'utf8');

/** The machine's definition with its two blanks filled in. */
export const walkerDefinition = (tick: string, ticksPerExecution: number): string =>
  definition
    .replaceAll('TICK_FUNCTION', tick)
    .replaceAll('TICKS_PER_EXECUTION', String(ticksPerExecution));

export class Walker extends Construct {
  readonly machine: StateMachine;
  /** Put together from its name: the tick may answer the machine that calls it, and each would have to exist before the other. */
  readonly arn: string;

  constructor(scope: Construct, id: string, options: { stage: Stage; tick: Program }) {
    super(scope, id);
    const { stage, tick } = options;
    const name = awsNames(stage.stage).walker;
    const arnOf = (resource: string, resourceName: string) =>
      Stack.of(this).formatArn({
        service: 'states',
        resource,
        resourceName,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      });
    this.arn = arnOf('stateMachine', name);
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('states.amazonaws.com'),
    });
    allow(role, ['lambda:InvokeFunction'], [tick.lambda.functionArn]);
    allow(role, ['states:StartExecution'], [this.arn]);
    this.machine = new StateMachine(this, 'Machine', {
      stateMachineName: name,
      stateMachineType: StateMachineType.STANDARD,
      definitionBody: DefinitionBody.fromString(
        walkerDefinition(tick.lambda.functionArn, stage.ticksPerExecution),
      ),
      role,
      removalPolicy: stageRules[stage.stage].dataRemoval,
      logs: {
        destination: new LogGroup(this, 'Log', {
          logGroupName: `/aws/vendedlogs/states/${name}`,
          retention: stageRules[stage.stage].logRetention,
          removalPolicy: RemovalPolicy.DESTROY,
        }),
        level: LogLevel.ERROR,
        includeExecutionData: false,
      },
    });
    acknowledge(this, {
      SF1: 'errors only: every step of a run is in the run’s own log, and this one is paid by the byte',
      SF2: 'the times of ticks are in the functions’ logs and metrics; traces are paid by the tick',
      'IAM5[Resource::*]': 'delivery of logs can only be allowed for all of them',
    });
  }

  /** May begin walks. */
  grantStart(who: Program): void {
    who.tell(awsVariables.walker, this.arn);
    allow(who, ['states:StartExecution'], [this.arn]);
  }

  /** May wake a tick that waits. */
  grantWake(who: Program): void {
    who.tell(awsVariables.walker, this.arn);
    who.tell(awsVariables.walker, this.arn);
    allow(who, ['states:SendTaskSuccess', 'states:SendTaskFailure'], [this.arn]);
  }
}
