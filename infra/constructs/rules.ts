// What begins by an event: a job that ended, a file that was dropped, five minutes that went by.
import { Duration } from 'aws-cdk-lib';
import { type EventPattern, Match, Rule, type RuleProps, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { dropPrefix, localBatchSource } from '#schemas/aws.ts';
import type { StageName } from '#schemas/stage.ts';
import type { Program } from './function.ts';

export interface RulesOptions {
  readonly stage: StageName;
  readonly bucket: Bucket;
  /** The queues whose jobs are ours. */
  readonly jobQueueArns: readonly string[];
  readonly outcome: Program;
  readonly drop: Program;
  readonly sweep: Program;
  readonly deadLetters: IQueue;
}

export class Rules extends Construct {
  private readonly deadLetters: IQueue;

  constructor(scope: Construct, id: string, options: RulesOptions) {
    super(scope, id);
    this.deadLetters = options.deadLetters;
    this.rule('Batch', { eventPattern: jobEnds(options) }, options.outcome);
    this.rule(
      'Drops',
      {
        eventPattern: {
          source: ['aws.s3'],
          detailType: ['Object Created'],
          detail: {
            bucket: { name: [options.bucket.bucketName] },
            object: { key: Match.prefix(dropPrefix) },
          },
        },
      },
      options.drop,
    );
    this.rule('Sweep', { schedule: Schedule.rate(Duration.minutes(5)) }, options.sweep);
  }

  private rule(id: string, props: RuleProps, target: Program): void {
    new Rule(this, id, props).addTarget(
      new LambdaFunction(target.lambda, {
        deadLetterQueue: this.deadLetters,
        // A sweep that is late is done by the next one.
        ...(props.schedule === undefined
          ? { retryAttempts: 20, maxEventAge: Duration.hours(6) }
          : { retryAttempts: 0, maxEventAge: Duration.minutes(5) }),
      }),
    );
  }
}

/** How a job is getting on is said by its runner; AWS is asked only what came of it. */
function jobEnds({ stage, jobQueueArns }: RulesOptions): EventPattern {
  return {
    source: stage === 'dev' ? ['aws.batch', localBatchSource] : ['aws.batch'],
    detailType: ['Batch Job State Change'],
    detail: { status: ['SUCCEEDED', 'FAILED'], jobQueue: [...jobQueueArns] },
  };
}
