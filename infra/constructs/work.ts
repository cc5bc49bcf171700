// Leave to have work done: jobs on Batch, functions that nodes name, secrets of a namespace. All of it is found by name, so that
// this stack and the one of the machines can come and go without each other.
import { ArnFormat, Stack } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { awsNames, awsVariables, jobQueueNames } from '#schemas/aws.ts';
import type { Stage } from '#schemas/stage.ts';
import { acknowledgeWildcard } from './acknowledge.ts';
import type { Program } from './function.ts';
import { allow } from './permissions.ts';

/** Why a permission may be for all jobs. */
const JOBS = 'jobs are named by AWS; whose they are is asked of the table';

export class Work extends Construct {
  private readonly stage: Stage;
  private readonly names: ReturnType<typeof awsNames>;

  constructor(scope: Construct, id: string, stage: Stage) {
    super(scope, id);
    this.stage = stage;
    this.names = awsNames(stage.stage);
  }

  get jobQueueArns(): readonly string[] {
    return jobQueueNames.map((name) => this.batchArn('job-queue', this.names.jobQueue(name)));
  }

  grantSubmit(who: Program): void {
    this.tellJobs(who);
    const definitions = new Set(jobQueueNames.map((name) => this.names.jobDefinition(name)));
    const definitionArns = [...definitions].flatMap((name) => [
      this.batchArn('job-definition', name),
      this.batchArn('job-definition', `${name}:*`),
    ]);
    allow(who, ['batch:SubmitJob', 'batch:TagResource'], [...this.jobQueueArns, ...definitionArns]);
    allow(who, ['batch:TagResource'], [this.jobs]);
    acknowledgeWildcard(who, this.jobs, JOBS);
    for (const name of definitions)
      acknowledgeWildcard(who, this.batchArn('job-definition', `${name}:*`), 'all its revisions');
    this.allowLooking(who);
  }

  /** To stop what runs, and to see what is known. */
  grantStop(who: Program): void {
    this.tellJobs(who);
    allow(who, ['batch:TerminateJob'], [this.jobs]);
    acknowledgeWildcard(who, this.jobs, JOBS);
    // Its form for many jobs, which may not be bound to any, as far as is known; all jobs it would be anyway.
    allow(who, ['batch:TerminateJobs'], ['*']);
    this.allowLooking(who);
  }

  grantCall(who: Program): void {
    const functions = Stack.of(this).formatArn({
      service: 'lambda',
      resource: 'function',
      resourceName: `${this.names.nodeFunctions}*`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    who.tell(awsVariables.nodeFunctions, this.names.nodeFunctions);
    allow(who, ['lambda:InvokeFunction'], [functions]);
    acknowledgeWildcard(
      who,
      functions,
      'functions of nodes are named by who writes pipelines; this prefix is theirs',
    );
  }

  grantReadSecrets(who: Program): void {
    const secrets = Stack.of(this).formatArn({
      service: 'secretsmanager',
      resource: 'secret',
      resourceName: `${this.names.secrets}*`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    who.tell(awsVariables.secrets, this.names.secrets);
    allow(who, ['secretsmanager:GetSecretValue'], [secrets]);
    acknowledgeWildcard(
      who,
      secrets,
      'secrets are named by namespace; the function checks the attempt’s token before it asks',
    );
  }

  private tellJobs(who: Program): void {
    who.tell(awsVariables.jobs, this.names.jobs);
    if (this.stage.batchEndpoint !== undefined)
      who.tell('AWS_ENDPOINT_URL_BATCH', this.stage.batchEndpoint);
  }

  private allowLooking(who: Program): void {
    allow(who, ['batch:ListJobs'], ['*']);
    acknowledgeWildcard(who, '*', 'Batch knows no narrower permission to look jobs up');
  }

  private get jobs(): string {
    return this.batchArn('job', '*');
  }

  private batchArn(resource: string, resourceName: string): string {
    return Stack.of(this).formatArn({ service: 'batch', resource, resourceName });
  }
}
