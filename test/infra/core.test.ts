import { readFileSync } from 'node:fs';
import path from 'node:path';
import { App } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { makeMillrace, readStage } from '#infra/app.ts';
import { type FunctionName, functionNames, jobQueueNames } from '#schemas/aws.ts';
import { limits } from '#schemas/limits.ts';
import {
  construct,
  permissionsOf,
  remove,
  type Synthesised,
  spelt,
  stageOf,
  standIns,
  synthesise,
} from '#support/infra.ts';

const PROD = { stage: 'prod', alarmEmail: 'a@example.com' };
const bundles = standIns();
let prod: Synthesised;
let dev: Synthesised;

beforeAll(() => {
  prod = synthesise(PROD, { bundles });
  dev = synthesise({ stage: 'dev' }, { bundles });
}, 60_000);
afterAll(() => remove(bundles));

const programOf = (name: FunctionName) => `${name[0]?.toUpperCase()}${name.slice(1)}Program`;
const resources = (template: Template, type: string) =>
  Object.entries(template.findResources(type));

describe('who may do what', () => {
  const items = ['BatchGetItem', 'GetItem', 'Query'].map((name) => `dynamodb:${name}`);
  const changes = ['ConditionCheckItem', 'DeleteItem', 'PutItem', 'UpdateItem'].map(
    (name) => `dynamodb:${name}`,
  );
  const log = ['logs:CreateLogStream', 'logs:PutLogEvents'];
  const readObjects = ['s3:GetObject', 's3:ListBucket'];
  const objects = [...readObjects, 's3:AbortMultipartUpload', 's3:PutObject'];
  const data = [...log, ...items, ...changes, ...objects];
  const wake = ['states:SendTaskSuccess', 'states:SendTaskFailure'];
  const consume = [
    'sqs:ChangeMessageVisibility',
    'sqs:DeleteMessage',
    'sqs:GetQueueAttributes',
    'sqs:GetQueueUrl',
    'sqs:ReceiveMessage',
  ];
  const look = ['batch:ListJobs'];
  const stop = [...look, 'batch:TerminateJob', 'batch:TerminateJobs'];
  const send = ['sqs:SendMessage'];
  const start = ['states:StartExecution'];

  const table: Readonly<Record<FunctionName, readonly string[]>> = {
    api: [...data, ...wake, ...start],
    tick: [...data, ...wake, ...start, ...send, ...stop],
    outcome: [...data, ...wake, ...send, 'kms:GetPublicKey'],
    alarm: [...log, ...items, ...changes, ...wake, ...send, ...consume],
    attempts: [...data, ...wake, 'kms:GetPublicKey', 'secretsmanager:GetSecretValue'],
    submit: [
      ...data,
      ...wake,
      ...consume,
      ...look,
      'batch:SubmitJob',
      'batch:TagResource',
      'kms:GetPublicKey',
      'kms:Sign',
      'lambda:InvokeFunction',
    ],
    sweep: [...data, ...wake, ...start, ...send, ...stop],
    drop: [...data, ...wake, ...send],
    evaluate: [...log, ...items, ...readObjects],
  };

  test.each(functionNames)('%s reaches only what it uses', (name) => {
    const allowed = permissionsOf(prod.coreTemplate, programOf(name)).map(({ action }) => action);
    expect([...new Set(allowed)].sort()).toEqual([...new Set(table[name])].sort());
  });

  test('who may read or write objects may do the same with what is remembered beside them', () => {
    for (const action of ['s3:GetObject', 's3:PutObject']) {
      const places = functionNames.flatMap((name) =>
        permissionsOf(prod.coreTemplate, programOf(name))
          .filter((allowed) => allowed.action === action && !allowed.resource.includes('drops/'))
          .map(({ resource }) => `${name} ${resource.replace(/^.*?>\//, '')}`),
      );
      const objects = places.filter((place) => place.endsWith(' NS/*'));
      expect(objects.length).toBeGreaterThan(1);
      expect(places.filter((place) => place.endsWith('.about/NS/*'))).toEqual(
        objects.map((place) => place.replace(' NS/', ' .about/NS/')),
      );
    }
  });

  test('nobody may do everything of a service, and only looking jobs up and ending many may be for every resource', () => {
    const all = [...functionNames.map(programOf), 'Walker'].flatMap((role) =>
      permissionsOf(prod.coreTemplate, role),
    );
    expect(all.filter(({ action }) => action.includes('*'))).toEqual([]);
    const everywhere = all.filter(({ resource }) => resource === '*').map(({ action }) => action);
    expect(everywhere.filter((action) => !action.startsWith('logs:')).sort()).toEqual(
      [...look, ...look, ...look, 'batch:TerminateJobs', 'batch:TerminateJobs'].sort(),
    );
  });

  test('queues are sent to by who sends, and events that could not be taken in go aside', () => {
    const sent = (name: FunctionName) =>
      permissionsOf(prod.coreTemplate, programOf(name))
        .filter(({ action }) => action === 'sqs:SendMessage')
        .map(({ resource }) => resource.replace(/^<Queues([A-Za-z]+)[0-9A-F]{8}\.Arn>$/, '$1'));
    expect(sent('tick').sort()).toEqual(['Alarms', 'Submit']);
    expect(sent('sweep').sort()).toEqual(['Alarms', 'EventsDead', 'Submit']);
    expect(sent('alarm')).toEqual(['Alarms']);
    for (const name of ['outcome', 'drop'] as const) expect(sent(name)).toEqual(['EventsDead']);
  });

  test('only functions that may use a thing are told its name', () => {
    const told = (variable: string) =>
      functionNames.filter((name) => {
        const found = resources(prod.coreTemplate, 'AWS::Lambda::Function').find(([id]) =>
          id.startsWith(programOf(name)),
        );
        const properties = z
          .object({ Environment: z.object({ Variables: z.record(z.string(), z.unknown()) }) })
          .parse(found?.[1]['Properties']);
        return variable in properties.Environment.Variables;
      });
    expect(told('MILLRACE_SECRETS')).toEqual(['attempts']);
    expect(told('MILLRACE_SUBMIT_QUEUE')).toEqual(['tick', 'sweep']);
    expect(told('MILLRACE_SIGNING_KEY')).toEqual(['outcome', 'attempts', 'submit']);
    expect(told('MILLRACE_TABLE')).toEqual([...functionNames]);
    expect(told('AWS_ENDPOINT_URL_BATCH')).toEqual([]);
  });

  test('the machine may call its function and begin itself', () => {
    const allowed = permissionsOf(prod.coreTemplate, 'Walker').filter(
      ({ action }) => !action.startsWith('logs:'),
    );
    expect(allowed.map(({ action }) => action)).toEqual([
      'lambda:InvokeFunction',
      'states:StartExecution',
    ]);
    expect(allowed[1]?.resource).toMatch(/:stateMachine:millrace-prod-walker$/);
  });
});

describe('data', () => {
  test('prod keeps its data, restores it to a point in time, and does not let it be deleted', () => {
    prod.coreTemplate.hasResource('AWS::DynamoDB::GlobalTable', {
      DeletionPolicy: 'Retain',
      Properties: {
        TimeToLiveSpecification: { AttributeName: 'expires', Enabled: true },
        Replicas: [
          Match.objectLike({
            DeletionProtectionEnabled: true,
            PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
          }),
        ],
      },
    });
    for (const type of ['AWS::S3::Bucket', 'AWS::KMS::Key', 'AWS::StepFunctions::StateMachine'])
      for (const [, resource] of resources(prod.coreTemplate, type))
        expect(resource['DeletionPolicy']).toBe('Retain');
  });

  test('dev leaves nothing behind but what a bucket still holds', () => {
    for (const type of [
      'AWS::DynamoDB::GlobalTable',
      'AWS::S3::Bucket',
      'AWS::KMS::Key',
      'AWS::Logs::LogGroup',
    ])
      for (const [, resource] of resources(dev.coreTemplate, type))
        expect(resource['DeletionPolicy']).toBe('Delete');
  });

  test('buckets are encrypted, closed, and refuse what is not', () => {
    for (const [id] of resources(prod.coreTemplate, 'AWS::S3::Bucket')) {
      prod.coreTemplate.hasResourceProperties('AWS::S3::BucketPolicy', {
        Bucket: { Ref: id },
        PolicyDocument: {
          Statement: Match.arrayWith([
            Match.objectLike({
              Effect: 'Deny',
              Condition: { Bool: { 'aws:SecureTransport': 'false' } },
            }),
          ]),
        },
      });
    }
    prod.coreTemplate.allResourcesProperties('AWS::S3::Bucket', {
      BucketEncryption: Match.anyValue(),
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    });
  });

  test('queues are encrypted, and both that are worked off have one for dead letters', () => {
    prod.coreTemplate.allResourcesProperties('AWS::SQS::Queue', { SqsManagedSseEnabled: true });
    const working = resources(prod.coreTemplate, 'AWS::SQS::Queue').filter(
      ([, { Properties }]) =>
        z.object({ RedrivePolicy: z.unknown().optional() }).parse(Properties).RedrivePolicy !==
        undefined,
    );
    expect(working).toHaveLength(2);
  });

  test('events that nobody took in are put aside', () => {
    prod.coreTemplate.allResourcesProperties('AWS::Events::Rule', {
      Targets: [Match.objectLike({ DeadLetterConfig: { Arn: Match.anyValue() } })],
    });
  });

  test.each([
    ['dev', 7],
    ['prod', 180],
  ] as const)('logs of %s end after %d days', (stage, days) => {
    const { coreTemplate } = stage === 'dev' ? dev : prod;
    coreTemplate.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: days });
    // A function without a log of ours would make one that never ends.
    coreTemplate.allResourcesProperties('AWS::Lambda::Function', {
      LoggingConfig: { LogGroup: Match.anyValue() },
    });
  });

  test('no function is brought along by CDK itself', () => {
    prod.coreTemplate.resourceCountIs('AWS::Lambda::Function', functionNames.length);
    prod.computeTemplate.resourceCountIs('AWS::Lambda::Function', 0);
  });
});

describe('stages', () => {
  test('prod wants somebody who is told of alarms', () => {
    expect(readStage((name) => ({ stage: 'prod' })[name])).toEqual({
      problems: 'alarmEmail: prod wants an address that is told of alarms: -c alarmEmail=…',
    });
  });

  test('every slip in what was chosen is told', () => {
    const given: Record<string, string> = { stage: 'production', vpcId: 'mine', maxvCpus: 'many' };
    const read = readStage((name) => given[name]);
    expect(
      'problems' in read && read.problems.split('\n').map((line) => line.split(':')[0]),
    ).toEqual(['stage', 'vpcId', 'maxvCpus']);
  });

  test('only dev takes events of a Batch that is not AWS’s, and lets itself be led to one', () => {
    const sources = (template: Template) =>
      resources(template, 'AWS::Events::Rule')
        .filter(([id]) => id.startsWith('Rules'))
        .map(([, { Properties }]) =>
          z
            .object({ EventPattern: z.object({ source: z.array(z.string()) }).optional() })
            .parse(Properties),
        )
        .flatMap(({ EventPattern }) => EventPattern?.source ?? []);
    expect(sources(dev.coreTemplate)).toEqual(['aws.batch', 'millrace.batch', 'aws.s3']);
    expect(sources(prod.coreTemplate)).toEqual(['aws.batch', 'aws.s3']);
    const endpoint = 'http://127.0.0.1:4700';
    expect(stageOf({ batchEndpoint: endpoint }).batchEndpoint).toBe(endpoint);
    const led: Record<string, string> = { stage: 'staging', batchEndpoint: endpoint };
    expect(readStage((name) => led[name])).toHaveProperty('problems');
  });

  test('runners of dev may be told another address of the API, those of other stages not', () => {
    const attemptsUrl = 'http://127.0.0.1:4566/_aws/execute-api/{api}/attempts';
    const { coreTemplate } = synthesise({ attemptsUrl }, { bundles });
    const [, submit] =
      resources(coreTemplate, 'AWS::Lambda::Function').find(([id]) =>
        id.startsWith(programOf('submit')),
      ) ?? [];
    const told = z
      .object({ Environment: z.object({ Variables: z.record(z.string(), z.unknown()) }) })
      .parse(submit?.['Properties']).Environment.Variables['MILLRACE_ATTEMPTS_URL'];
    expect(spelt(told)).toMatch(
      /^http:\/\/127\.0\.0\.1:4566\/_aws\/execute-api\/<ApiHttp[0-9A-F]+>\/attempts$/,
    );
    const led: Record<string, string> = { stage: 'staging', attemptsUrl };
    expect(readStage((name) => led[name])).toEqual({
      problems: 'attemptsUrl: only dev may be told another address; the stage is staging',
    });
  });

  test('everything says its stage', () => {
    prod.coreTemplate.hasResourceProperties('AWS::Lambda::Function', {
      Tags: [{ Key: 'millrace:stage', Value: 'prod' }],
    });
  });
});

describe('the API', () => {
  test('wants a signature, but for runners, who bring the token of their attempt', () => {
    const routes = resources(prod.coreTemplate, 'AWS::ApiGatewayV2::Route').map(
      ([, { Properties }]) => {
        const { RouteKey, AuthorizationType } = z
          .object({ RouteKey: z.string(), AuthorizationType: z.string() })
          .parse(Properties);
        return `${RouteKey} ${AuthorizationType}`;
      },
    );
    expect(routes.sort()).toEqual([
      'ANY /v1/{proxy+} AWS_IAM',
      'POST /attempts/{proxy+} NONE',
      'POST /v1/{namespace}/runs/{run}/evaluation AWS_IAM',
    ]);
  });
});

describe('the API under load', () => {
  test('lets a thousand jobs beat and write at once, and a burst of those that begin, beside what people ask', () => {
    prod.coreTemplate.hasResourceProperties('AWS::ApiGatewayV2::Stage', {
      DefaultRouteSettings: { ThrottlingRateLimit: 500, ThrottlingBurstLimit: 1_000 },
      RouteSettings: {
        'POST /attempts/{proxy+}': { ThrottlingRateLimit: 2_000, ThrottlingBurstLimit: 4_000 },
      },
    });
    const asked = 1_000 * (1_000 / limits.jobHeartbeat + 1_000 / limits.logPartInterval);
    expect(asked).toBeLessThan(500);
  });
});

describe('a queue whose first job finds no machine', () => {
  test('is told with its reason, and sounds an alarm', () => {
    const [[rule = ''] = []] = resources(prod.coreTemplate, 'AWS::Events::Rule').filter(
      ([, { Properties }]) => JSON.stringify(Properties).includes('Batch Job Queue Blocked'),
    );
    prod.coreTemplate.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.batch'],
        'detail-type': ['Batch Job Queue Blocked'],
        detail: { jobQueue: jobQueueNames.map(() => Match.anyValue()) },
      },
      Targets: [
        Match.objectLike({
          InputTransformer: Match.objectLike({
            InputPathsMap: Match.objectLike({ 'detail-statusReason': '$.detail.statusReason' }),
          }),
        }),
      ],
    });
    prod.coreTemplate.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmName: 'millrace-prod-queue-blocked',
      Namespace: 'AWS/Events',
      MetricName: 'Invocations',
      Dimensions: [{ Name: 'RuleName', Value: { Ref: rule } }],
    });
  });
});

describe('alarms', () => {
  const runbook = readFileSync(path.join(import.meta.dirname, '../../infra/RUNBOOK.md'), 'utf8');
  const anchors = [...runbook.matchAll(/^## (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
  const linked = () =>
    resources(prod.coreTemplate, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => {
      const { AlarmDescription } = z.object({ AlarmDescription: z.string() }).parse(Properties);
      return /infra\/RUNBOOK\.md#([\w-]+)$/.exec(AlarmDescription)?.[1] ?? AlarmDescription;
    });

  test('each names a section of the runbook, and each section but the last is of an alarm', () => {
    expect(linked().filter((anchor) => !anchors.includes(anchor))).toEqual([]);
    expect(anchors.slice(0, -1).filter((anchor) => !linked().includes(anchor))).toEqual([]);
  });

  test('each is told to the address', () => {
    prod.coreTemplate.hasResourceProperties('AWS::SNS::Subscription', {
      Protocol: 'email',
      Endpoint: 'a@example.com',
    });
    prod.coreTemplate.allResourcesProperties('AWS::CloudWatch::Alarm', {
      AlarmActions: [Match.anyValue()],
    });
  });

  test('links of the runbook lead somewhere', () => {
    const links = [...runbook.matchAll(/\]\(#([\w-]+)\)/g)].map(([, anchor]) => anchor);
    expect(links.filter((anchor) => !anchors.includes(anchor ?? ''))).toEqual([]);
  });
});

describe('bundles', () => {
  test('a stack without them is refused by CloudFormation, and says what is missing', () => {
    const app = new App();
    const { core } = makeMillrace(app, stageOf({}), { bundles: '/nowhere' });
    const { Rules } = z
      .object({ Rules: z.object({ BundlesAreThere: z.unknown() }) })
      .parse(Template.fromStack(core).toJSON());
    expect(Rules.BundlesAreThere).toEqual({
      Assertions: [
        {
          Assert: { 'Fn::Equals': ['missing', 'none'] },
          AssertDescription: `bundles are missing (npm run build): ${functionNames.join(', ')}`,
        },
      ],
    });
  });

  test('with them nothing is refused', () => {
    expect(prod.coreTemplate.toJSON()).not.toHaveProperty('Rules.BundlesAreThere');
  });
});

describe('cdk-nag', () => {
  test.each([
    ['prod, anywhere', PROD, undefined],
    ['prod, in a region that is known', PROD, { account: '000000000000', region: 'us-east-1' }],
    ['dev, on the emulator', { stage: 'dev' }, { account: '000000000000', region: 'us-east-1' }],
  ])('has no finding that is not acknowledged: %s', (_, given, environment) => {
    const { app } = construct(given, {
      bundles,
      ...(environment === undefined ? {} : { environment }),
    });
    expect(() => app.synth()).not.toThrow();
  });

  test('has been asked: a role that may do everything stops the synthesis', () => {
    const { app, core } = construct({ stage: 'dev' }, { bundles });
    core.programs.evaluate.lambda.addToRolePolicy(
      new PolicyStatement({ actions: ['s3:*'], resources: ['*'] }),
    );
    expect(() => app.synth()).toThrow(/IAM5/);
  });
});
