// Which secrets an operator is fetched with: those of its repository, and of the store that its environment lies in.
import { secretsOfAddress } from '#core/shown-address.ts';
import type { Environment, OperatorSource } from '#schemas/plan.ts';

/** Names of the secrets that an environment names: of the store that its archive lies in. */
export function secretsOfEnvironment(environment: Environment): readonly string[] {
  if (environment.kind !== 'conda') return [];
  const { endpoint, region, bucket, credentials } = environment.store;
  const all = [endpoint, region, bucket, credentials?.accessKey, credentials?.secretKey];
  return all.flatMap((each) => (typeof each === 'object' ? [each.secret] : []));
}

/** Names of the secrets that are needed to have an operator ready. */
export function secretsOfOperator(
  source: OperatorSource | undefined,
  environment: Environment,
): readonly string[] {
  const opens = source !== undefined && 'git' in source ? secretsOfAddress(source.git) : [];
  return [...opens, ...secretsOfEnvironment(environment)];
}
