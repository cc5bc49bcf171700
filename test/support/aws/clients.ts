// How tests reach the emulators.
import { inject } from 'vitest';

/** Where MiniStack answers; empty where it is not there. Tests that need it are skipped then, and `npm test` says so. */
export const ministack = inject('ministack');
export const dynamodbLocal = inject('dynamodbLocal');

/** What every client of the SDK needs for an emulator; one of S3 needs `forcePathStyle: true` besides. */
export const emulated = (endpoint: string) => ({
  endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});
