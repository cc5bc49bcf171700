// What a job is made from: the runner's images, the log, and two roles. The one a job has itself can do nothing.
import { Duration, RemovalPolicy, Size, Stack } from 'aws-cdk-lib';
import {
  EcsEc2ContainerDefinition,
  EcsFargateContainerDefinition,
  EcsJobDefinition,
  type IEcsContainerDefinition,
} from 'aws-cdk-lib/aws-batch';
import { Repository, RepositoryEncryption, TagMutability } from 'aws-cdk-lib/aws-ecr';
import {
  ContainerImage,
  CpuArchitecture,
  LogDriver,
  OperatingSystemFamily,
} from 'aws-cdk-lib/aws-ecs';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { awsNames, type JobQueueName } from '#schemas/aws.ts';
import type { Stage } from '#schemas/stage.ts';
import { acknowledgeWildcard } from './acknowledge.ts';
import type { Network } from './network.ts';
import { allow } from './permissions.ts';
import { stageRules } from './stage-rules.ts';

export interface JobKindsOptions {
  readonly stage: Stage;
  readonly network: Network;
}

/** A node has this long when its pipeline says nothing else. */
const TIMEOUT = Duration.hours(24);
/** GiB of a container's disk on Fargate. */
const DISK = 60;

export class JobKinds extends Construct {
  private readonly options: JobKindsOptions;
  private readonly log: LogGroup;
  private readonly jobRole: Role;
  private readonly executionRole: Role;

  constructor(scope: Construct, id: string, options: JobKindsOptions) {
    super(scope, id);
    this.options = options;
    const tasks = new ServicePrincipal('ecs-tasks.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
    });
    this.log = new LogGroup(this, 'Log', {
      logGroupName: `/millrace/${options.stage.stage}/jobs`,
      retention: stageRules[options.stage.stage].logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.jobRole = new Role(this, 'JobRole', {
      assumedBy: tasks,
      description: 'What programs of users run as: it can do nothing, and must stay so',
    });
    this.executionRole = new Role(this, 'ExecutionRole', { assumedBy: tasks });
    allow(
      this.executionRole,
      ['logs:CreateLogStream', 'logs:PutLogEvents'],
      [this.log.logGroupArn],
    );
    acknowledgeWildcard(
      this.executionRole,
      '*',
      'leave to talk to the registries can only be given for all of them',
    );
    const cpu = this.repository('cpu');
    this.kind('cpu', this.fargate(cpu));
    this.kind('cpu-large', this.ec2('CpuLarge', cpu, {}));
    this.kind('gpu', this.ec2('Gpu', this.repository('gpu'), { gpu: 1 }));
  }

  private repository(name: 'cpu' | 'gpu'): Repository {
    const { stage } = this.options.stage;
    const repository = new Repository(this, `Images-${name}`, {
      repositoryName: `${awsNames(stage).base}/runner-${name}`,
      imageScanOnPush: true,
      imageTagMutability: stage === 'prod' ? TagMutability.IMMUTABLE : TagMutability.MUTABLE,
      encryption: RepositoryEncryption.AES_256,
      removalPolicy: stageRules[stage].dataRemoval,
      lifecycleRules: [{ maxImageCount: 20 }],
    });
    repository.grantPull(this.executionRole);
    return repository;
  }

  private fargate(repository: Repository): IEcsContainerDefinition {
    return new EcsFargateContainerDefinition(this, 'CpuContainer', {
      ...this.container(repository, 'cpu'),
      cpu: 1,
      memory: Size.mebibytes(2048),
      assignPublicIp: this.options.network.publicAddress,
      ephemeralStorageSize: Size.gibibytes(DISK),
      fargateCpuArchitecture: CpuArchitecture.X86_64,
      fargateOperatingSystemFamily: OperatingSystemFamily.LINUX,
    });
  }

  private ec2(
    id: string,
    repository: Repository,
    wants: { gpu?: number },
  ): IEcsContainerDefinition {
    return new EcsEc2ContainerDefinition(this, `${id}Container`, {
      ...this.container(repository, id),
      cpu: 2,
      memory: Size.mebibytes(4096),
      ...wants,
    });
  }

  private container(repository: Repository, streamPrefix: string) {
    return {
      image: ContainerImage.fromEcrRepository(repository, this.options.stage.imageTag),
      jobRole: this.jobRole,
      executionRole: this.executionRole,
      logging: LogDriver.awsLogs({ logGroup: this.log, streamPrefix }),
    };
  }

  /** One attempt each: what is tried again is decided by the walk. */
  private kind(name: JobQueueName, container: IEcsContainerDefinition): void {
    new EcsJobDefinition(this, `Kind-${name}`, {
      jobDefinitionName: awsNames(this.options.stage.stage).jobDefinition(name),
      container,
      retryAttempts: 1,
      timeout: TIMEOUT,
      propagateTags: true,
    });
  }
}
