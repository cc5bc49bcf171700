// Which secrets an environment is fetched with.
import type { Environment } from '#schemas/plan.ts';

/** Names of the secrets that an environment names: of the store that its archive lies in. */
export function secretsOfEnvironment(environment: Environment): readonly string[] {
  if (environment.kind !== 'conda') return [];
  const { endpoint, region, bucket, credentials } = environment.store;
  const all = [endpoint, region, bucket, credentials?.accessKey, credentials?.secretKey];
  return all.flatMap((each) => (typeof each === 'object' ? [each.secret] : []));
}
