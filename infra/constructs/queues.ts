// The queues: work to submit, alarms that wait for their time, and where what could not be taken in lies.
import { Duration } from 'aws-cdk-lib';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { awsVariables } from '#schemas/aws.ts';
import { acknowledge } from './acknowledge.ts';
import type { Program } from './function.ts';
import { allow } from './permissions.ts';

/** A message is tried so often before it is put aside. */
const TRIES = 5;
/** SQS shows a message again after so many timeouts of the function that takes it in. */
const VISIBILITY_TIMEOUTS = 6;
/** One submitter for the whole account is meant; the service bounds a queue's functions to two or more, which share the rate. */
const SUBMITTERS = 2;

const base = { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true } as const;

export class Queues extends Construct {
  readonly submit: Queue;
  readonly alarms: Queue;
  /** Events that no function could take in, and the two queues' messages that none could. */
  readonly dead: Readonly<Record<'submit' | 'alarms' | 'events', Queue>>;

  constructor(scope: Construct, id: string, functionTimeout: Duration) {
    super(scope, id);
    const deadQueue = (name: string) =>
      new Queue(this, name, { ...base, retentionPeriod: Duration.days(14) });
    this.dead = {
      submit: deadQueue('SubmitDead'),
      alarms: deadQueue('AlarmsDead'),
      events: deadQueue('EventsDead'),
    };
    const visibilityTimeout = Duration.seconds(functionTimeout.toSeconds() * VISIBILITY_TIMEOUTS);
    const queue = (name: string, dead: Queue) =>
      new Queue(this, name, {
        ...base,
        visibilityTimeout,
        retentionPeriod: Duration.days(14),
        deadLetterQueue: { queue: dead, maxReceiveCount: TRIES },
      });
    this.submit = queue('Submit', this.dead.submit);
    this.alarms = queue('Alarms', this.dead.alarms);
    acknowledge(this.dead.events, { SQS3: 'this queue is where dead letters lie' });
  }

  grantSendSubmit(who: Program): void {
    who.tell(awsVariables.submitQueue, this.submit.queueUrl);
    allow(who, ['sqs:SendMessage'], [this.submit.queueArn]);
  }

  grantSendAlarms(who: Program): void {
    who.tell(awsVariables.alarmQueue, this.alarms.queueUrl);
    allow(who, ['sqs:SendMessage'], [this.alarms.queueArn]);
  }

  /** No window: the next node of a chain waits for this. */
  feedSubmit(who: Program): void {
    who.tell(awsVariables.submitters, String(SUBMITTERS));
    who.lambda.addEventSource(
      new SqsEventSource(this.submit, {
        batchSize: 10,
        maxConcurrency: SUBMITTERS,
        reportBatchItemFailures: true,
      }),
    );
  }

  feedAlarms(who: Program): void {
    who.lambda.addEventSource(
      new SqsEventSource(this.alarms, { batchSize: 10, reportBatchItemFailures: true }),
    );
  }
}
