// Clients of AWS for a function: made once in its life, with bounds on how long anything may take.
import { BatchClient } from '@aws-sdk/client-batch';
import { KMSClient } from '@aws-sdk/client-kms';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';
import { limits } from '#schemas/limits.ts';

const patience = {
  requestHandler: {
    connectionTimeout: limits.awsConnect,
    requestTimeout: limits.awsAnswer,
    throwOnRequestTimeout: true,
  },
} as const;

/** An address of its own means that it is not S3 itself, which may know buckets only in paths. */
export const objectsClient = (endpoint?: string): S3Client =>
  new S3Client({ ...patience, ...(endpoint === undefined ? {} : { forcePathStyle: true }) });

export const walksClient = (): SFNClient => new SFNClient(patience);

export const queuesClient = (): SQSClient => new SQSClient(patience);

export const batchClient = (): BatchClient => new BatchClient(patience);

/** One that asks once: what it asks for might be done twice. */
export const submitClient = (): BatchClient => new BatchClient({ ...patience, maxAttempts: 1 });

export const functionsClient = (): LambdaClient => new LambdaClient(patience);

export const keysClient = (): KMSClient => new KMSClient(patience);

export const secretsClient = (): SecretsManagerClient => new SecretsManagerClient(patience);
