// Where runs, plans and files live: one table and one bucket.
import { Duration } from 'aws-cdk-lib';
import { AttributeType, Billing, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  CfnBucket,
  ObjectOwnership,
} from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import {
  aboutPrefix,
  awsVariables,
  dropPrefix,
  expiryAttribute,
  objectPrefix,
} from '#schemas/aws.ts';
import type { StageName } from '#schemas/stage.ts';
import { acknowledge, acknowledgeWildcard } from './acknowledge.ts';
import type { Program } from './function.ts';
import { allow } from './permissions.ts';
import { stageRules } from './stage-rules.ts';

const READ_ITEMS = ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'];
const WRITE_ITEMS = [
  'dynamodb:PutItem',
  'dynamodb:UpdateItem',
  'dynamodb:DeleteItem',
  'dynamodb:ConditionCheckItem',
];

export class Storage extends Construct {
  readonly table: TableV2;
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, stage: StageName) {
    super(scope, id);
    const rules = stageRules[stage];
    this.table = new TableV2(this, 'Table', {
      partitionKey: { name: 'pk', type: AttributeType.STRING },
      sortKey: { name: 'sk', type: AttributeType.STRING },
      billing: Billing.onDemand(),
      timeToLiveAttribute: expiryAttribute,
      encryption: TableEncryptionV2.dynamoOwnedKey(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: rules.keepsData },
      deletionProtection: rules.keepsData,
      removalPolicy: rules.dataRemoval,
    });
    const shared = {
      encryption: BucketEncryption.S3_MANAGED,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      removalPolicy: rules.dataRemoval,
    } as const;
    const accessLogs = new Bucket(this, 'AccessLogs', {
      ...shared,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      lifecycleRules: [{ expiration: Duration.days(rules.accessLogDays) }],
    });
    this.bucket = new Bucket(this, 'Bucket', {
      ...shared,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      versioned: rules.keepsData,
      serverAccessLogsBucket: accessLogs,
      lifecycleRules: [
        { abortIncompleteMultipartUploadAfter: Duration.days(7) },
        ...(rules.keepsData ? [{ noncurrentVersionExpiration: Duration.days(30) }] : []),
      ],
    });
    announce(this.bucket);
    acknowledge(accessLogs, { S1: 'this bucket is where accesses are logged' });
    if (!rules.keepsData)
      acknowledge(this.table, { DDB3: 'only prod keeps data that must be restored' });
  }

  grantRead(who: Program): void {
    this.tell(who);
    allow(who, READ_ITEMS, [this.table.tableArn]);
    this.allowObjects(who, ['s3:GetObject']);
  }

  /** Of the table alone; the bucket's name is told to whoever knows the table's. */
  grantReadWriteItems(who: Program): void {
    this.tell(who);
    allow(who, [...READ_ITEMS, ...WRITE_ITEMS], [this.table.tableArn]);
  }

  grantReadWrite(who: Program): void {
    this.grantReadWriteItems(who);
    this.allowObjects(who, ['s3:GetObject', 's3:PutObject', 's3:AbortMultipartUpload']);
  }

  /** What was dropped for a namespace may be read, and nothing else of the bucket is opened by this. */
  grantReadDrops(who: Program): void {
    this.tell(who);
    allow(who, ['s3:GetObject'], [this.bucket.arnForObjects(`${dropPrefix}*`)]);
    acknowledgeWildcard(
      who,
      this.bucket.arnForObjects(`${dropPrefix}*`),
      'what may be dropped has no other name than its namespace’s',
    );
  }

  private allowObjects(who: Program, actions: readonly string[]): void {
    const objects = this.bucket.arnForObjects(`${objectPrefix}*`);
    const about = this.bucket.arnForObjects(`${aboutPrefix}${objectPrefix}*`);
    allow(who, actions, [objects, about]);
    // Without it a missing object is told as a forbidden one.
    allow(who, ['s3:ListBucket'], [this.bucket.bucketArn]);
    acknowledgeWildcard(
      who,
      objects,
      'objects are named by namespace and content; all lie below here',
    );
    acknowledgeWildcard(who, about, 'what is known of an object is named by the object');
  }

  private tell(who: Program): void {
    who.tell(awsVariables.table, this.table.tableName);
    who.tell(awsVariables.bucket, this.bucket.bucketName);
  }
}

/** Its own property: the other way of saying it brings a function in Python along. */
function announce(bucket: Bucket): void {
  const raw = bucket.node.defaultChild;
  if (CfnBucket.isCfnBucket(raw))
    raw.notificationConfiguration = { eventBridgeConfiguration: { eventBridgeEnabled: true } };
}
