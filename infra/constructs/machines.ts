// The compute environments and the queues before them. All of them shrink to nothing.
import { Duration } from 'aws-cdk-lib';
import {
  AllocationStrategy,
  EcsMachineImageType,
  FargateComputeEnvironment,
  type IManagedComputeEnvironment,
  JobQueue,
  JobStateTimeLimitActionsReason,
  ManagedEc2EcsComputeEnvironment,
} from 'aws-cdk-lib/aws-batch';
import {
  BlockDeviceVolume,
  EbsDeviceVolumeType,
  InstanceClass,
  InstanceSize,
  InstanceType,
  LaunchTemplate,
  LaunchTemplateHttpTokens,
  MultipartBody,
  MultipartUserData,
  UserData,
} from 'aws-cdk-lib/aws-ec2';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { awsNames, type JobQueueName } from '#schemas/aws.ts';
import type { Stage } from '#schemas/stage.ts';
import { acknowledgeManaged } from './acknowledge.ts';
import type { Network } from './network.ts';

export interface MachinesOptions {
  readonly stage: Stage;
  readonly network: Network;
}

/** What no waiting mends: a job that no machine of its queue is large enough for. Batch ends such a job after ten minutes, its shortest, and says why. */
const HOPELESS = [
  JobStateTimeLimitActionsReason.COMPUTE_ENVIRONMENT_MAX_RESOURCE,
  JobStateTimeLimitActionsReason.JOB_RESOURCE_REQUIREMENT,
].map((reason) => ({ reason, maxTime: Duration.minutes(10) }));

/** Where a machine tells of itself, its credentials included. */
const METADATA = '169.254.169.254';

/** What a machine does before it takes jobs in. Batch takes no other form than this one. */
function beginning(): MultipartUserData {
  const script = UserData.forLinux();
  script.addCommands(
    'set -e',
    `iptables --wait --insert OUTPUT 1 --destination ${METADATA} --match owner ! --uid-owner 0 --jump REJECT`,
  );
  const parts = new MultipartUserData();
  parts.addPart(MultipartBody.fromUserData(script));
  return parts;
}

/** GiB of a machine's disk: images, environments and what jobs write. */
const DISK = 200;

export class Machines extends Construct {
  private readonly options: MachinesOptions;

  constructor(scope: Construct, id: string, options: MachinesOptions) {
    super(scope, id);
    this.options = options;
    this.queue('cpu', this.fargate('Fargate', false));
    this.queue('cpu-spot', this.fargate('FargateSpot', true));
    const role = this.instanceRole();
    this.queue(
      'cpu-large',
      this.ec2('Cpu', {
        role,
        classes: [InstanceClass.M6I, InstanceClass.C6I, InstanceClass.R6I],
        image: EcsMachineImageType.ECS_AL2023,
      }),
    );
    this.queue(
      'gpu',
      this.ec2('Gpu', {
        role,
        types: [
          InstanceType.of(InstanceClass.G4DN, InstanceSize.XLARGE),
          InstanceType.of(InstanceClass.G4DN, InstanceSize.XLARGE12),
          InstanceType.of(InstanceClass.G5, InstanceSize.XLARGE),
          InstanceType.of(InstanceClass.G5, InstanceSize.XLARGE12),
        ],
        image: EcsMachineImageType.ECS_AL2023_NVIDIA,
      }),
    );
  }

  private fargate(id: string, spot: boolean): IManagedComputeEnvironment {
    return new FargateComputeEnvironment(this, id, { ...this.shared(), spot });
  }

  private ec2(
    id: string,
    kind: {
      role: Role;
      classes?: InstanceClass[];
      types?: InstanceType[];
      image: EcsMachineImageType;
    },
  ): IManagedComputeEnvironment {
    return new ManagedEc2EcsComputeEnvironment(this, id, {
      ...this.shared(),
      minvCpus: 0,
      useOptimalInstanceClasses: false,
      ...(kind.classes === undefined ? {} : { instanceClasses: kind.classes }),
      ...(kind.types === undefined ? {} : { instanceTypes: kind.types }),
      images: [{ imageType: kind.image }],
      allocationStrategy: AllocationStrategy.BEST_FIT_PROGRESSIVE,
      instanceRole: kind.role,
      launchTemplate: this.launchTemplate(`${id}Template`),
    });
  }

  /**
   * The machine's own credentials, with which one could get at what other jobs on it are told, are for root only: Batch gives its
   * containers the network of their machine, so that they are no hop away from it, and their programs run as somebody else.
   */
  private launchTemplate(id: string): LaunchTemplate {
    return new LaunchTemplate(this, id, {
      httpTokens: LaunchTemplateHttpTokens.REQUIRED,
      httpPutResponseHopLimit: 1,
      userData: beginning(),
      blockDevices: [
        {
          deviceName: '/dev/xvda',
          volume: BlockDeviceVolume.ebs(DISK, {
            encrypted: true,
            deleteOnTermination: true,
            volumeType: EbsDeviceVolumeType.GP3,
          }),
        },
      ],
    });
  }

  private instanceRole(): Role {
    const policy = ManagedPolicy.fromAwsManagedPolicyName(
      'service-role/AmazonEC2ContainerServiceforEC2Role',
    );
    const role = new Role(this, 'InstanceRole', {
      assumedBy: new ServicePrincipal('ec2.amazonaws.com'),
      managedPolicies: [policy],
    });
    const reason = 'the agent of ECS on the machine is AWS’s, and so is the list of what it needs';
    acknowledgeManaged(role, policy.managedPolicyArn, reason);
    return role;
  }

  private shared() {
    const { stage, network } = this.options;
    return {
      vpc: network.vpc,
      vpcSubnets: { subnets: [...network.subnets] },
      securityGroups: [network.securityGroup],
      maxvCpus: stage.maxvCpus,
      updateToLatestImageVersion: true,
      // The longest that Batch knows: jobs of a machine that is replaced have so long to end.
      updateTimeout: Duration.hours(6),
      terminateOnUpdate: false,
    };
  }

  private queue(name: JobQueueName, computeEnvironment: IManagedComputeEnvironment): void {
    new JobQueue(this, `Queue-${name}`, {
      jobQueueName: awsNames(this.options.stage.stage).jobQueue(name),
      computeEnvironments: [{ computeEnvironment, order: 1 }],
      priority: 1,
      jobStateTimeLimitActions: HOPELESS,
    });
  }
}
