// What clients of the SDK need for an emulator.

/** One of S3 needs `forcePathStyle: true` besides. */
export const emulated = (endpoint: string) => ({
  endpoint,
  region: 'us-east-1',
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});
