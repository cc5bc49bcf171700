import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { jobQueueNames } from '#schemas/aws.ts';
import {
  construct,
  permissionsOf,
  remove,
  type Synthesised,
  spelt,
  standIns,
  synthesise,
} from '#support/infra.ts';

const bundles = standIns();
let made: Synthesised;
beforeAll(() => {
  made = synthesise({ stage: 'prod', alarmEmail: 'a@example.com' }, { bundles });
}, 60_000);
afterAll(() => remove(bundles));

const jobDefinition = z.object({
  JobDefinitionName: z.string(),
  RetryStrategy: z.object({ Attempts: z.number() }),
  Timeout: z.object({ AttemptDurationSeconds: z.number() }),
  PropagateTags: z.boolean(),
  ContainerProperties: z.object({
    Image: z.unknown(),
    JobRoleArn: z.unknown(),
    ExecutionRoleArn: z.unknown(),
    Privileged: z.boolean().optional(),
    LogConfiguration: z.object({
      LogDriver: z.string(),
      Options: z.object({ 'awslogs-group': z.unknown() }),
    }),
    NetworkConfiguration: z.object({ AssignPublicIp: z.string() }).optional(),
  }),
});
const definitions = () =>
  Object.values(made.computeTemplate.findResources('AWS::Batch::JobDefinition')).map((resource) =>
    jobDefinition.parse(resource['Properties']),
  );

describe('a container', () => {
  test('can do nothing on AWS: its role has no permission at all', () => {
    const roles = new Set(definitions().map(({ ContainerProperties: it }) => spelt(it.JobRoleArn)));
    expect([...roles]).toEqual([expect.stringMatching(/^<JobKindsJobRole[0-9A-F]+\.Arn>$/)]);
    expect(permissionsOf(made.computeTemplate, 'JobKindsJobRole')).toEqual([]);
    const [role] = Object.entries(made.computeTemplate.findResources('AWS::IAM::Role')).filter(
      ([id]) => id.startsWith('JobKindsJobRole'),
    );
    expect(role?.[1]['Properties']).not.toHaveProperty('ManagedPolicyArns');
    expect(role?.[1]['Properties']).not.toHaveProperty('Policies');
  });

  test('can reach its registry: the image may be pulled, and the network leads there', () => {
    const pull = permissionsOf(made.computeTemplate, 'JobKindsExecutionRole');
    const mayPull = pull
      .filter(({ action }) => action === 'ecr:BatchGetImage')
      .map(({ resource }) => resource);
    for (const { ContainerProperties } of definitions()) {
      const [, repository] =
        /"(JobKindsImages[a-z]+[0-9A-F]{8})"/.exec(JSON.stringify(ContainerProperties.Image)) ?? [];
      expect(mayPull).toContain(`<${repository}.Arn>`);
    }
    expect(pull).toContainEqual({ action: 'ecr:GetAuthorizationToken', resource: '*' });
    // Out of every subnet of the machines there is a way to the internet, and whoever takes it has an address.
    made.computeTemplate.hasResourceProperties('AWS::EC2::SecurityGroup', {
      SecurityGroupEgress: [Match.objectLike({ CidrIp: '0.0.0.0/0', IpProtocol: '-1' })],
    });
    made.computeTemplate.allResourcesProperties('AWS::EC2::Subnet', { MapPublicIpOnLaunch: true });
    made.computeTemplate.allResourcesProperties('AWS::EC2::Route', {
      DestinationCidrBlock: '0.0.0.0/0',
      GatewayId: Match.anyValue(),
    });
    const fargate = definitions().find(({ JobDefinitionName: name }) => name.endsWith('-cpu'));
    expect(fargate?.ContainerProperties.NetworkConfiguration).toEqual({
      AssignPublicIp: 'ENABLED',
    });
  });

  test('can write its log, and that one only', () => {
    const write = permissionsOf(made.computeTemplate, 'JobKindsExecutionRole').filter(
      ({ action }) => action === 'logs:PutLogEvents',
    );
    for (const { ContainerProperties } of definitions()) {
      const { LogDriver, Options } = ContainerProperties.LogConfiguration;
      expect(LogDriver).toBe('awslogs');
      const group = spelt(Options['awslogs-group']).slice(1, -1);
      expect(write.map(({ resource }) => resource)).toEqual([`<${group}.Arn>`]);
    }
    made.computeTemplate.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 180 });
  });

  test('is tried once by Batch, ends after a day, carries its tags, and is not privileged', () => {
    for (const definition of definitions()) {
      expect(definition.RetryStrategy.Attempts).toBe(1);
      expect(definition.Timeout.AttemptDurationSeconds).toBe(86_400);
      expect(definition.PropagateTags).toBe(true);
      expect(definition.ContainerProperties.Privileged ?? false).toBe(false);
    }
  });
});

describe('machines', () => {
  test('no way leads in', () => {
    made.computeTemplate.resourceCountIs('AWS::EC2::SecurityGroupIngress', 0);
    made.computeTemplate.allResourcesProperties('AWS::EC2::SecurityGroup', {
      SecurityGroupIngress: Match.absent(),
    });
  });

  test('nothing is paid for while nothing runs: machines shrink to none, and there is no gateway by the hour', () => {
    const environments = Object.values(
      made.computeTemplate.findResources('AWS::Batch::ComputeEnvironment'),
    ).map(
      (resource) =>
        z
          .object({
            ComputeResources: z.object({ Type: z.string(), MinvCpus: z.number().optional() }),
          })
          .parse(resource['Properties']).ComputeResources,
    );
    expect(environments.map(({ Type }) => Type).sort()).toEqual([
      'EC2',
      'EC2',
      'FARGATE',
      'FARGATE_SPOT',
    ]);
    for (const { MinvCpus } of environments) expect(MinvCpus ?? 0).toBe(0);
    made.computeTemplate.resourceCountIs('AWS::EC2::NatGateway', 0);
  });

  test('no program but root’s gets at the machine’s credentials, and disks are encrypted', () => {
    const templates = Object.values(
      made.computeTemplate.findResources('AWS::EC2::LaunchTemplate'),
    ).map((resource) => JSON.stringify(resource['Properties']));
    expect(templates).toHaveLength(2);
    // Containers of Batch have the network of their machine: hops do not keep them away.
    for (const template of templates) {
      expect(template).toContain('multipart/mixed');
      expect(template).toContain(
        'iptables --wait --insert OUTPUT 1 --destination 169.254.169.254 --match owner ! --uid-owner 0 --jump REJECT',
      );
    }
    made.computeTemplate.allResourcesProperties('AWS::EC2::LaunchTemplate', {
      LaunchTemplateData: Match.objectLike({
        MetadataOptions: { HttpPutResponseHopLimit: 1, HttpTokens: 'required' },
        BlockDeviceMappings: [Match.objectLike({ Ebs: Match.objectLike({ Encrypted: true }) })],
      }),
    });
  });

  test('a job that no machine is large enough for is ended with the reason, instead of blocking its queue for ever', () => {
    made.computeTemplate.allResourcesProperties('AWS::Batch::JobQueue', {
      JobStateTimeLimitActions: [
        'COMPUTE_ENVIRONMENT_MAX_RESOURCE',
        'JOB_RESOURCE_REQUIREMENT',
      ].map((reason) => ({
        ...{ Action: 'CANCEL', State: 'RUNNABLE', MaxTimeSeconds: 600 },
        Reason: `MISCONFIGURATION:${reason}`,
      })),
    });
  });

  test('each queue and each job definition has the name by which it is found', () => {
    const names = Object.values(made.computeTemplate.findResources('AWS::Batch::JobQueue')).map(
      (resource) =>
        z.object({ JobQueueName: z.string() }).parse(resource['Properties']).JobQueueName,
    );
    expect(names.sort()).toEqual(jobQueueNames.map((name) => `millrace-prod-${name}`).sort());
    expect(
      definitions()
        .map(({ JobDefinitionName }) => JobDefinitionName)
        .sort(),
    ).toEqual(['millrace-prod-cpu', 'millrace-prod-cpu-large', 'millrace-prod-gpu']);
  });
});

describe('an existing network', () => {
  const environment = { account: '000000000000', region: 'us-east-1' };
  const vpcId = 'vpc-0123456789abcdef0';
  /** As a look-up would answer it. */
  const network = (...kinds: readonly string[]) => ({
    [`vpc-provider:account=${environment.account}:filter.vpc-id=${vpcId}:region=${environment.region}:returnAsymmetricSubnets=true`]:
      {
        ...{ vpcId, vpcCidrBlock: '10.0.0.0/16', availabilityZones: [] },
        subnetGroups: kinds.map((type, n) => ({
          ...{ name: type, type },
          subnets: ['a', 'b'].map((zone) => ({
            subnetId: `subnet-0${n}${zone}00000000000000`,
            cidr: '10.0.0.0/24',
            availabilityZone: `us-east-1${zone}`,
            routeTableId: 'rtb-00000000000000000',
          })),
        })),
      },
  });
  const there = (...kinds: readonly string[]) =>
    construct({ vpcId }, { bundles, environment, context: network(...kinds) });
  const subnetsOf = (template: Template) =>
    Object.values(template.findResources('AWS::Batch::ComputeEnvironment')).map(
      (resource) =>
        z
          .object({ ComputeResources: z.object({ Subnets: z.array(z.string()) }) })
          .parse(resource['Properties']).ComputeResources.Subnets,
    );

  test.each([
    [
      'private subnets where there are some: containers have no address',
      ['Public', 'Private'],
      1,
      'DISABLED',
    ],
    [
      'public subnets otherwise: containers have an address of their own',
      ['Isolated', 'Public'],
      1,
      'ENABLED',
    ],
  ])('is used as it is, by its %s', (_, kinds, used, address) => {
    const template = Template.fromStack(there(...kinds).compute);
    template.resourceCountIs('AWS::EC2::VPC', 0);
    template.hasResourceProperties('AWS::Batch::JobDefinition', {
      JobDefinitionName: 'millrace-dev-cpu',
      ContainerProperties: Match.objectLike({ NetworkConfiguration: { AssignPublicIp: address } }),
    });
    const wanted = ['a', 'b'].map((zone) => `subnet-0${used}${zone}00000000000000`);
    expect(subnetsOf(template)).toEqual([wanted, wanted, wanted, wanted]);
  });

  test('that leads nowhere is refused: a job could not even fetch its image', () => {
    Annotations.fromStack(there('Isolated').compute).hasError(
      '*',
      Match.stringLikeRegexp('no subnet of vpc-0123456789abcdef0 leads out'),
    );
  });
});
