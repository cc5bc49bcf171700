// What is watched of the control plane, and what is shown of it.
import { Duration } from 'aws-cdk-lib';
import { Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { EventField } from 'aws-cdk-lib/aws-events';
import { functionNames } from '#schemas/aws.ts';
import type { Program } from './constructs/function.ts';
import type { Watch } from './constructs/watch.ts';
import type { CoreStack } from './core-stack.ts';

const period = Duration.minutes(5);
const sum = { period, statistic: Stats.SUM } as const;
const most = { period, statistic: Stats.MAXIMUM } as const;

/** Seconds a message may wait to be submitted before somebody is told. */
const SUBMIT_AGE = 600;

export function watchCore(watch: Watch, core: CoreStack, jobQueues: readonly string[]): void {
  watchFunctions(watch, core);
  watchWalker(watch, core);
  watchRuns(watch, core);
  watchQueues(watch, core);
  watchTable(watch, core);
  watchMachines(watch, core, jobQueues);
}

function watchFunctions(watch: Watch, { programs, api }: CoreStack): void {
  for (const name of functionNames) {
    const { lambda } = programs[name];
    watch.alarm(`${name}-errors`, {
      metric: lambda.metricErrors(sum),
      says: `The function ${name} failed.`,
      runbook: 'a-function-fails',
      threshold: 5,
    });
    watch.alarm(`${name}-throttled`, {
      metric: lambda.metricThrottles(sum),
      says: `The function ${name} was not run because too many run already.`,
      runbook: 'a-function-is-throttled',
      threshold: 10,
      periods: 3,
    });
  }
  watch.alarm('sweep-silent', {
    metric: programs.sweep.lambda.metricInvocations({ ...sum, period: Duration.minutes(15) }),
    says: 'No sweep for a quarter of an hour: walks that died stay dead.',
    runbook: 'the-sweep-is-silent',
    silence: true,
  });
  watch.alarm('api-server-errors', {
    metric: api.stage.metricServerError(sum),
    says: 'The API answered with errors of its own.',
    runbook: 'the-api-fails',
    threshold: 5,
  });
  watch.graph(
    'Calls',
    ...functionNames.map((name) => programs[name].lambda.metricInvocations(sum)),
  );
  watch.graph('Errors', ...functionNames.map((name) => programs[name].lambda.metricErrors(sum)));
  watch.graph(
    'Time (99 %)',
    ...functionNames.map((name) =>
      programs[name].lambda.metricDuration({ period, statistic: 'p99' }),
    ),
  );
  watch.graph(
    'Requests',
    api.stage.metricCount(sum),
    api.stage.metricClientError(sum),
    api.stage.metricServerError(sum),
  );
}

function watchWalker(watch: Watch, { walker: { machine }, programs }: CoreStack): void {
  watch.alarm('walks-failed', {
    metric: machine.metricFailed(sum),
    says: 'A walk ended although its run did not; the sweep begins another one.',
    runbook: 'a-walk-fails',
  });
  watch.alarm('walks-aborted', {
    metric: machine.metricAborted(sum),
    says: 'Somebody stopped the execution of a walk; the sweep begins another one.',
    runbook: 'a-walk-fails',
  });
  watch.alarm('runs-halted', {
    metric: told(programs.tick, 'RunsHalted'),
    says: 'A run was halted: its ticks kept failing. It waits for a person.',
    runbook: 'a-run-is-halted',
  });
  watch.alarm('runs-halted-by-sweep', {
    metric: told(programs.sweep, 'RunsHalted'),
    says: 'A run was halted: its walks died at work again and again. It waits for a person.',
    runbook: 'a-run-is-halted',
  });
  watch.graph(
    'Walks',
    machine.metricStarted(sum),
    machine.metricSucceeded(sum),
    machine.metricFailed(sum),
  );
}

/** What is told by the functions themselves. */
function watchRuns(watch: Watch, { programs: { tick, sweep, outcome } }: CoreStack): void {
  watch.alarm('ticks-failed', {
    metric: told(tick, 'TicksFailed'),
    says: 'Runs could not be advanced. Each is tried again, and halted after five times.',
    runbook: 'ticks-fail',
    threshold: 5,
  });
  watch.alarm('walks-dead', {
    metric: told(sweep, 'WalksBegun'),
    says: 'The sweep found walks that were dead, and began others.',
    runbook: 'a-walk-fails',
    threshold: 5,
  });
  watch.alarm('sweep-failed', {
    metric: told(sweep, 'SweepsFailed'),
    says: 'The sweep could not look after some run, three times in a row.',
    runbook: 'a-run-is-not-looked-after',
    periods: 3,
  });
  watch.alarm('jobs-unreported', {
    metric: told(outcome, 'JobsUnreported'),
    says: 'Many jobs ended without a report of their runner: machines were lost, or containers do not start.',
    runbook: 'jobs-end-without-a-report',
    threshold: 20,
  });
  watch.alarm('attempts-silent', {
    metric: told(sweep, 'AttemptsSettled'),
    says: 'Nothing was heard of many jobs, not even their end.',
    runbook: 'jobs-are-silent',
    threshold: 20,
  });
  watch.graph('Runs that are not over', told(sweep, 'RunsActive'));
  watch.graph(
    'What went wrong and was mended',
    ...[told(tick, 'TicksFailed'), told(sweep, 'WalksBegun')],
    ...[told(sweep, 'AttemptsSettled'), told(outcome, 'JobsUnreported')],
  );
}

/** A metric that a function writes into its log. */
const told = ({ lambda }: Program, metricName: string): Metric =>
  new Metric({
    ...{ namespace: 'Millrace', metricName, dimensionsMap: { function: lambda.functionName } },
    ...sum,
  });

function watchQueues(watch: Watch, { queues }: CoreStack): void {
  for (const [name, queue] of Object.entries(queues.dead))
    watch.alarm(`dead-${name}`, {
      metric: queue.metricApproximateNumberOfMessagesVisible(most),
      says: `Something could not be taken in and lies in the queue of dead ${name}.`,
      runbook: 'dead-letters',
    });
  watch.alarm('submit-slow', {
    metric: queues.submit.metricApproximateAgeOfOldestMessage(most),
    says: 'Work waits long to be submitted.',
    runbook: 'work-is-submitted-slowly',
    threshold: SUBMIT_AGE,
    periods: 3,
  });
  watch.graph(
    'Waiting to be submitted',
    queues.submit.metricApproximateNumberOfMessagesVisible(most),
    queues.submit.metricApproximateAgeOfOldestMessage(most),
  );
}

function watchTable(watch: Watch, { storage: { table } }: CoreStack): void {
  for (const kind of ['Read', 'Write'] as const)
    watch.alarm(`table-${kind.toLowerCase()}-throttled`, {
      metric: table.metric(`${kind}ThrottleEvents`, sum),
      says: 'The table refused requests because they came too fast.',
      runbook: 'the-table-is-throttled',
      threshold: 50,
      periods: 3,
    });
  watch.alarm('table-errors', {
    // Every advance of a run ends with one of these.
    metric: table.metric('SystemErrors', {
      ...sum,
      dimensionsMap: { TableName: table.tableName, Operation: 'TransactWriteItems' },
    }),
    says: 'DynamoDB itself failed.',
    runbook: 'dynamodb-fails',
    threshold: 5,
    periods: 3,
  });
  watch.graph(
    'Units of the table',
    table.metricConsumedWriteCapacityUnits(sum),
    table.metricConsumedReadCapacityUnits(sum),
  );
}

/** Batch has no metrics, but it says when the first job of a queue cannot run, and with it all behind it. */
function watchMachines(watch: Watch, { queues }: CoreStack, jobQueues: readonly string[]): void {
  watch.event('queue-blocked', {
    pattern: {
      source: ['aws.batch'],
      detailType: ['Batch Job Queue Blocked'],
      detail: { jobQueue: [...jobQueues] },
    },
    says: 'The first job of a queue finds no machine, and those behind it wait.',
    runbook: 'a-queue-is-blocked',
    details: ['jobQueue', 'jobName', 'jobId', 'statusReason'].map(
      (name) => `${name}: ${EventField.fromPath(`$.detail.${name}`)}`,
    ),
    deadLetters: queues.dead.events,
  });
}
