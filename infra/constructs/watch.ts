// Alarms, who is told of them, and a dashboard. Each alarm names the section of the runbook that says what to do.
import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { type EventPattern, Rule, RuleTargetInput } from 'aws-cdk-lib/aws-events';
import { SnsTopic } from 'aws-cdk-lib/aws-events-targets';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { awsNames } from '#schemas/aws.ts';
import type { Stage } from '#schemas/stage.ts';

export interface AlarmOptions {
  readonly metric: IMetric;
  /** What has happened when it sounds, in one sentence. */
  readonly says: string;
  /** The section of the runbook. */
  readonly runbook: string;
  readonly threshold?: number;
  readonly periods?: number;
  /** It is silence that is alarming. */
  readonly silence?: true;
}

export interface EventOptions extends Pick<AlarmOptions, 'says' | 'runbook'> {
  readonly pattern: EventPattern;
  /** What of the event is told besides. */
  readonly details: readonly string[];
  /** Where it lies when it could not be told. */
  readonly deadLetters: IQueue;
}

export class Watch extends Construct {
  private readonly topic: Topic;
  private readonly base: string;
  private readonly dashboard: Dashboard;

  constructor(scope: Construct, id: string, stage: Stage) {
    super(scope, id);
    this.base = awsNames(stage.stage).base;
    // Alarms cannot be published to a topic under a key of AWS's own, and what they say is no secret.
    this.topic = new Topic(this, 'Topic', {
      displayName: `Millrace ${stage.stage}`,
      enforceSSL: true,
    });
    if (stage.alarmEmail !== undefined)
      this.topic.addSubscription(new EmailSubscription(stage.alarmEmail));
    this.dashboard = new Dashboard(this, 'Dashboard', {
      dashboardName: this.base,
      defaultInterval: Duration.hours(6),
    });
  }

  alarm(id: string, options: AlarmOptions): void {
    const alarm = new Alarm(this, id, {
      alarmName: `${this.base}-${id}`,
      alarmDescription: `${options.says} infra/RUNBOOK.md#${options.runbook}`,
      metric: options.metric,
      threshold: options.threshold ?? 1,
      evaluationPeriods: options.periods ?? 1,
      comparisonOperator: options.silence
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: options.silence
        ? TreatMissingData.BREACHING
        : TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.topic));
  }

  /** Something that AWS tells of itself: passed on with its details, and counted by an alarm. */
  event(id: string, options: EventOptions): void {
    const rule = new Rule(this, `${id}-rule`, { eventPattern: options.pattern });
    const message = [`${options.says} infra/RUNBOOK.md#${options.runbook}`, ...options.details];
    rule.addTarget(
      new SnsTopic(this.topic, {
        message: RuleTargetInput.fromMultilineText(message.join('\n')),
        deadLetterQueue: options.deadLetters,
      }),
    );
    this.alarm(id, {
      ...options,
      metric: new Metric({
        namespace: 'AWS/Events',
        metricName: 'Invocations',
        dimensionsMap: { RuleName: rule.ruleName },
        period: Duration.minutes(5),
        statistic: Stats.SUM,
      }),
    });
  }

  graph(title: string, ...left: IMetric[]): void {
    this.dashboard.addWidgets(new GraphWidget({ title, left, width: 12, height: 6 }));
  }
}
