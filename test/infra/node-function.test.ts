import { App, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Code, Runtime } from 'aws-cdk-lib/aws-lambda';
import { beforeAll, describe, expect, test } from 'vitest';
import { NodeFunction } from '#infra/constructs/node-function.ts';
import { permissionsOf } from '#support/infra.ts';

let template: Template;
beforeAll(() => {
  const stack = new Stack(new App(), 'my-functions');
  new NodeFunction(stack, 'Summarise', {
    stage: 'dev',
    name: 'summarise',
    runtime: Runtime.PYTHON_3_13,
    handler: 'index.handler',
    code: Code.fromInline('def handler(call, context): return { "rows": 1 }'),
  });
  template = Template.fromStack(stack);
});

describe('a function for nodes', () => {
  test('is found by the name that nodes call it', () => {
    template.hasResourceProperties('AWS::Lambda::Function', {
      FunctionName: 'millrace-dev-node-summarise',
    });
  });

  test('is called once for an attempt, and its end reaches the walk either way', () => {
    const outcome = {
      Destination: {
        'Fn::Join': ['', Match.arrayWith([':function:millrace-dev-outcome'])],
      },
    };
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 0,
      MaximumEventAgeInSeconds: 60,
      DestinationConfig: { OnSuccess: outcome, OnFailure: outcome },
    });
  });

  test('may call the function that takes its end in, and nothing else', () => {
    const allowed = permissionsOf(template, 'SummariseFunctionServiceRole');
    expect([...new Set(allowed.map(({ action }) => action))]).toEqual(['lambda:InvokeFunction']);
    for (const { resource } of allowed)
      expect(resource).toMatch(/:function:millrace-dev-outcome(:\*)?$/);
  });
});
