// A function that nodes call by its name (`function: { name: … }`), for the stacks of those who write such functions. It has the name by
// which it is looked for, is called once for each attempt, and hands its end over to the walk. docs/aws.md shows an app with one.
import { Duration } from 'aws-cdk-lib';
import { type FunctionProps, Function as Lambda } from 'aws-cdk-lib/aws-lambda';
import { LambdaDestination } from 'aws-cdk-lib/aws-lambda-destinations';
import { Construct } from 'constructs';
import { awsNames } from '#schemas/aws.ts';
import type { StageName } from '#schemas/stage.ts';

export interface NodeFunctionProps
  extends Omit<
    FunctionProps,
    'functionName' | 'retryAttempts' | 'maxEventAge' | 'onSuccess' | 'onFailure'
  > {
  readonly stage: StageName;
  /** What nodes call it. */
  readonly name: string;
}

/** A call that no function is free for is given up after that, and its attempt fails: the walk begins the next one. */
const WAITS = Duration.minutes(1);

export class NodeFunction extends Construct {
  readonly lambda: Lambda;

  constructor(scope: Construct, id: string, { stage, name, ...props }: NodeFunctionProps) {
    super(scope, id);
    const names = awsNames(stage);
    // Found by its name: the stack of the function and that of Millrace come and go without each other.
    const outcome = Lambda.fromFunctionName(this, 'Outcome', names.function('outcome'));
    this.lambda = new Lambda(this, 'Function', {
      ...props,
      functionName: `${names.nodeFunctions}${name}`,
      // What is tried again is decided by the walk; a second call would do the work of one attempt twice.
      retryAttempts: 0,
      maxEventAge: WAITS,
      onSuccess: new LambdaDestination(outcome),
      onFailure: new LambdaDestination(outcome),
    });
  }
}
