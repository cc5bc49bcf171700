// What differs between stages, in one place.
import { RemovalPolicy } from 'aws-cdk-lib';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { StageName } from '#schemas/stage.ts';

export interface StageRules {
  /** Whether data outlives the stack, can be restored to a point in time and cannot be deleted by mistake. */
  readonly keepsData: boolean;
  readonly dataRemoval: RemovalPolicy;
  readonly logRetention: RetentionDays;
  readonly accessLogDays: number;
}

export const stageRules: Readonly<Record<StageName, StageRules>> = {
  dev: {
    keepsData: false,
    dataRemoval: RemovalPolicy.DESTROY,
    logRetention: RetentionDays.ONE_WEEK,
    accessLogDays: 7,
  },
  staging: {
    keepsData: false,
    dataRemoval: RemovalPolicy.DESTROY,
    logRetention: RetentionDays.ONE_MONTH,
    accessLogDays: 30,
  },
  prod: {
    keepsData: true,
    dataRemoval: RemovalPolicy.RETAIN,
    logRetention: RetentionDays.SIX_MONTHS,
    accessLogDays: 365,
  },
};
