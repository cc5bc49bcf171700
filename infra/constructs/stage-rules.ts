// What differs between stages, in one place.
import { RemovalPolicy } from 'aws-cdk-lib';
import { SystemLogLevel } from 'aws-cdk-lib/aws-lambda';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { StageName } from '#schemas/stage.ts';

export interface StageRules {
  /** Whether data outlives the stack, can be restored to a point in time and cannot be deleted by mistake. */
  readonly keepsData: boolean;
  readonly dataRemoval: RemovalPolicy;
  readonly logRetention: RetentionDays;
  readonly accessLogDays: number;
  /** What Lambda itself writes into a function's log. A function's own line tells of each call already, and lines are paid by the byte. */
  readonly systemLog: SystemLogLevel;
}

export const stageRules: Readonly<Record<StageName, StageRules>> = {
  dev: {
    keepsData: false,
    dataRemoval: RemovalPolicy.DESTROY,
    logRetention: RetentionDays.ONE_WEEK,
    accessLogDays: 7,
    systemLog: SystemLogLevel.INFO,
  },
  staging: {
    keepsData: false,
    dataRemoval: RemovalPolicy.DESTROY,
    logRetention: RetentionDays.ONE_MONTH,
    accessLogDays: 30,
    systemLog: SystemLogLevel.WARN,
  },
  prod: {
    keepsData: true,
    dataRemoval: RemovalPolicy.RETAIN,
    logRetention: RetentionDays.SIX_MONTHS,
    accessLogDays: 365,
    systemLog: SystemLogLevel.WARN,
  },
};
