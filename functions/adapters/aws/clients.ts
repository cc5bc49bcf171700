// Clients of AWS for a function: made once in its life, with bounds on how long anything may take.
import { S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
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
