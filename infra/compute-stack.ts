// Where work is done: a network, machines that come and go with the jobs, and what a job is made from. While nothing runs, nothing
// of it costs anything.
import { Fn, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Stage } from '#schemas/stage.ts';
import { JobKinds } from './constructs/job-kinds.ts';
import { Machines } from './constructs/machines.ts';
import { Network } from './constructs/network.ts';

export interface ComputeProps extends StackProps {
  readonly stage: Stage;
}

export class ComputeStack extends Stack {
  readonly network: Network;

  /** Two, which every region has; looked up by CloudFormation and not by whoever synthesises. */
  override get availabilityZones(): string[] {
    return [0, 1].map((index) => Fn.select(index, Fn.getAzs()));
  }

  constructor(scope: Construct, id: string, props: ComputeProps) {
    super(scope, id, props);
    const { stage } = props;
    this.network = new Network(this, 'Network', stage);
    new Machines(this, 'Machines', { stage, network: this.network });
    new JobKinds(this, 'JobKinds', { stage, network: this.network });
    Tags.of(this).add('millrace:stage', stage.stage);
  }
}
