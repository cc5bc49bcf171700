// What a function is told by its environment. Read once, when the function is loaded: one that lacks something fails before its first event.
import { Defect } from '#errors/families.ts';
import { type AwsVariable, awsVariables, variableValue } from '#schemas/aws.ts';

export type Settings<N extends AwsVariable> = { readonly [Name in N]: string };

/** The variables of these names. Throws, naming all that are missing. */
export function settings<N extends AwsVariable>(...names: readonly N[]): Settings<N> {
  const found = names.map((name) => {
    const read = variableValue.safeParse(process.env[awsVariables[name]]);
    return [name, read.data] as const;
  });
  const missing = found.filter(([, value]) => value === undefined);
  if (missing.length > 0)
    throw new Defect(`not set: ${missing.map(([name]) => awsVariables[name]).join(', ')}`);
  return Object.fromEntries(found) as Settings<N>;
}

/** Where the services of AWS are played by somebody else. S3 may know buckets only in paths there. */
export function ownEndpoint(): string | undefined {
  return process.env['AWS_ENDPOINT_URL_S3'] ?? process.env['AWS_ENDPOINT_URL'];
}
