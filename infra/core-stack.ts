// The control plane: what decides. Nothing of it costs anything while nothing runs, but for its key and its alarms.
import { CfnOutput, CfnRule, Duration, Fn, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { type FunctionName, functionNames } from '#schemas/aws.ts';
import type { Stage } from '#schemas/stage.ts';
import { Api } from './constructs/api.ts';
import { Program } from './constructs/function.ts';
import { Queues } from './constructs/queues.ts';
import { Rules } from './constructs/rules.ts';
import { Signer } from './constructs/signer.ts';
import { Storage } from './constructs/storage.ts';
import { Walker } from './constructs/walker.ts';
import { Watch } from './constructs/watch.ts';
import { Work } from './constructs/work.ts';
import { watchCore } from './watch-core.ts';

export interface CoreProps extends StackProps {
  readonly stage: Stage;
  /** The folder of the functions' bundles. */
  readonly bundles: string;
}

type Programs = Readonly<Record<FunctionName, Program>>;

const TIMEOUT = Duration.minutes(1);
/** API Gateway waits for 30 seconds. */
const ANSWER = Duration.seconds(29);
const MEMORY = 512;

/** Called without anyone waiting for an answer: what they cannot take in is put aside. */
const CALLED_BY_EVENTS: readonly FunctionName[] = ['outcome', 'drop', 'sweep'];
const ANSWERING: readonly FunctionName[] = ['api', 'attempts', 'evaluate'];

export class CoreStack extends Stack {
  readonly storage: Storage;
  readonly queues: Queues;
  readonly programs: Programs;
  readonly walker: Walker;
  readonly api: Api;

  constructor(scope: Construct, id: string, props: CoreProps) {
    super(scope, id, props);
    const { stage } = props;
    this.storage = new Storage(this, 'Storage', stage.stage);
    this.queues = new Queues(this, 'Queues', TIMEOUT);
    this.programs = this.makePrograms(props);
    const { tick, outcome, drop, sweep, api, attempts, evaluate, submit } = this.programs;
    this.walker = new Walker(this, 'Walker', { stage, tick });
    this.api = new Api(this, 'Api', { stage, api, attempts, evaluate });
    this.api.tellAttempts(submit);
    this.queues.feedSubmit(submit);
    this.queues.feedAlarms(this.programs.alarm);
    const work = new Work(this, 'Work', stage);
    this.grant(work, new Signer(this, 'Signer', stage.stage));
    new Rules(this, 'Rules', {
      stage: stage.stage,
      bucket: this.storage.bucket,
      jobQueueArns: work.jobQueueArns,
      outcome,
      drop,
      sweep,
      deadLetters: this.queues.dead.events,
    });
    watchCore(new Watch(this, 'Watch', stage), this, work.jobQueueArns);
    this.refuseIncomplete();
    this.tell();
    Tags.of(this).add('millrace:stage', stage.stage);
  }

  private makePrograms({ stage, bundles }: CoreProps): Programs {
    const make = (name: FunctionName) =>
      new Program(this, `${name[0]?.toUpperCase()}${name.slice(1)}Program`, {
        stage: stage.stage,
        name,
        memory: MEMORY,
        timeout: ANSWERING.includes(name) ? ANSWER : TIMEOUT,
        bundles,
        ...(CALLED_BY_EVENTS.includes(name) ? { deadLetters: this.queues.dead.events } : {}),
      });
    return {
      api: make('api'),
      tick: make('tick'),
      outcome: make('outcome'),
      alarm: make('alarm'),
      attempts: make('attempts'),
      submit: make('submit'),
      sweep: make('sweep'),
      drop: make('drop'),
      evaluate: make('evaluate'),
    };
  }

  /** Who may do what. A test holds this to a table. */
  private grant(work: Work, signer: Signer): void {
    const { storage, queues, walker, programs } = this;
    const { api, tick, outcome, alarm, attempts, submit, sweep, drop, evaluate } = programs;
    for (const each of [api, tick, outcome, attempts, submit, sweep, drop])
      storage.grantReadWrite(each);
    storage.grantReadWriteItems(alarm);
    storage.grantRead(evaluate);
    storage.grantReadDrops(drop);
    // Whoever has news of a run wakes it.
    for (const each of [api, tick, outcome, alarm, attempts, submit, sweep, drop])
      walker.grantWake(each);
    // A tick starts the runs below its own; the sweep starts walks anew.
    for (const each of [api, tick, sweep]) walker.grantStart(each);
    // What was lost on its way to the submitter the sweep sends again.
    for (const each of [tick, sweep]) queues.grantSendSubmit(each);
    for (const each of [tick, alarm, sweep]) queues.grantSendAlarms(each);
    work.grantSubmit(submit);
    work.grantCall(submit);
    for (const each of [tick, sweep]) work.grantStop(each);
    work.grantReadSecrets(attempts);
    signer.grantSign(submit);
    // A function's end comes with the token that its call was given.
    for (const each of [attempts, outcome]) signer.grantVerify(each);
  }

  /** A stack without its programs can be looked at, but CloudFormation refuses to make it. */
  private refuseIncomplete(): void {
    const missing = functionNames.filter((name) => !this.programs[name].complete);
    if (missing.length === 0) return;
    new CfnRule(this, 'BundlesAreThere', {
      assertions: [
        {
          assert: Fn.conditionEquals('missing', 'none'),
          assertDescription: `bundles are missing (npm run build): ${missing.join(', ')}`,
        },
      ],
    });
  }

  private tell(): void {
    const { storage, queues, walker, api } = this;
    const outputs: Readonly<Record<string, string>> = {
      ApiUrl: api.http.apiEndpoint,
      Table: storage.table.tableName,
      Bucket: storage.bucket.bucketName,
      Walker: walker.arn,
      SubmitQueue: queues.submit.queueUrl,
      AlarmQueue: queues.alarms.queueUrl,
    };
    for (const [name, value] of Object.entries(outputs))
      new CfnOutput(this, `Out${name}`, { value });
  }
}
