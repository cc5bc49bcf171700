// The network of the jobs. By default public subnets, so that no gateway is paid by the hour, and no way in; or one that is there.
import { Annotations, RemovalPolicy } from 'aws-cdk-lib';
import {
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  IpAddresses,
  type ISubnet,
  type IVpc,
  SecurityGroup,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Stage } from '#schemas/stage.ts';
import { stageRules } from './stage-rules.ts';

export class Network extends Construct {
  readonly vpc: IVpc;
  readonly subnets: readonly ISubnet[];
  /** Whether containers need an address of their own to get out. */
  readonly publicAddress: boolean;
  readonly securityGroup: SecurityGroup;

  constructor(scope: Construct, id: string, stage: Stage) {
    super(scope, id);
    this.vpc =
      stage.vpcId === undefined
        ? this.makeVpc(stage)
        : Vpc.fromLookup(this, 'Vpc', { vpcId: stage.vpcId });
    this.publicAddress = this.vpc.privateSubnets.length === 0;
    this.subnets = this.publicAddress ? this.vpc.publicSubnets : this.vpc.privateSubnets;
    if (this.subnets.length === 0)
      Annotations.of(this).addError(
        `vpcId: no subnet of ${stage.vpcId} leads out: jobs need their registry, their log and the API`,
      );
    this.securityGroup = new SecurityGroup(this, 'Jobs', {
      vpc: this.vpc,
      description: 'Jobs of Millrace: everywhere out, nowhere in',
      allowAllOutbound: true,
    });
  }

  private makeVpc(stage: Stage): Vpc {
    const vpc = new Vpc(this, 'Vpc', {
      ipAddresses: IpAddresses.cidr('10.42.0.0/16'),
      natGateways: 0,
      // The other way of closing it brings a function of its own along; ours uses another group for everything.
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [
        { name: 'jobs', subnetType: SubnetType.PUBLIC, cidrMask: 20, mapPublicIpOnLaunch: true },
      ],
      gatewayEndpoints: { objects: { service: GatewayVpcEndpointAwsService.S3 } },
    });
    const { logRetention } = stageRules[stage.stage];
    const refused = new LogGroup(this, 'Refused', {
      retention: logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    vpc.addFlowLog('Refused', {
      destination: FlowLogDestination.toCloudWatchLogs(refused),
      trafficType: FlowLogTrafficType.REJECT,
    });
    return vpc;
  }
}
