// Secrets in Secrets Manager, one for each name: `millrace/<stage>/<namespace>/<NAME>`, so that a policy can open one namespace.
// A value that was read is remembered for `limits.secretMemory`; that none is there is not, so that a new one is found at once.
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { Defect, Rejected, Transient } from '#errors/families.ts';
import type { Clock, Secrets } from '#ports/small.ts';
import { limits } from '#schemas/limits.ts';
import { refuseName, refuseNamespace, refuseValue } from '#shared/secret-text.ts';
import { read, written } from './secret-text.ts';
import { asked, serviceCode } from './service-errors.ts';

export interface SecretsOptions {
  readonly client: SecretsManagerClient;
  readonly clock: Clock;
  /** Of the deployment. */
  readonly stage: string;
}

interface Place {
  readonly client: SecretsManagerClient;
  readonly stage: string;
  readonly namespace: string;
  readonly name: string;
  /** As Secrets Manager calls it. */
  readonly id: string;
}

interface Remembered {
  readonly value: string;
  readonly until: number;
}

/** The secrets of that deployment. */
export function createSecrets({ client, clock, stage }: SecretsOptions): Secrets {
  const known = new Map<string, Remembered>();
  const placeOf = (namespace: string, name: string): Place => {
    refuseName(namespace, name);
    return { client, stage, namespace, name, id: `${prefixOf(stage, namespace)}${name}` };
  };
  const remember = (id: string, value: string): void => {
    known.delete(id);
    known.set(id, { value, until: clock.now() + limits.secretMemory });
    const [oldest] = known.keys();
    if (known.size > limits.secrets && oldest !== undefined) known.delete(oldest);
  };
  return {
    get: async (namespace, name) => {
      const place = placeOf(namespace, name);
      const before = known.get(place.id);
      if (before !== undefined && clock.now() < before.until) return before.value;
      known.delete(place.id);
      const value = await textOf(place);
      if (value !== undefined) remember(place.id, value);
      return value;
    },
    put: async (namespace, name, value) => {
      const place = placeOf(namespace, name);
      refuseValue(name, value);
      known.delete(place.id);
      await putValue(place, written(value));
      remember(place.id, value);
    },
    remove: async (namespace, name) => {
      const place = placeOf(namespace, name);
      known.delete(place.id);
      return await removeValue(place);
    },
    names: async (namespace) => {
      refuseNamespace(namespace);
      return await namesOf(client, prefixOf(stage, namespace));
    },
  };
}

const prefixOf = (stage: string, namespace: string): string => `millrace/${stage}/${namespace}/`;

async function textOf(place: Place): Promise<string | undefined> {
  const answer = await unlessAbsent(place, 'GetSecretValue', () =>
    place.client.send(new GetSecretValueCommand({ SecretId: place.id })),
  );
  if (answer === undefined) return undefined;
  if (answer.SecretString !== undefined) return read(answer.SecretString);
  throw new Rejected(
    'invalid',
    `secret ${place.name} of namespace ${place.namespace}: it holds bytes and not a text; set it anew`,
  );
}

/** Another may create, or the console may have removed, the same secret in between: then it is looked at again. */
async function putValue(place: Place, text: string): Promise<void> {
  for (let turn = 1; turn <= limits.storeTries; turn += 1) {
    if (await overwritten(place, text)) return;
    if (await created(place, text)) return;
  }
  throw new Transient('busy', `${subjectOf(place)}: it is being removed; set it again in a moment`);
}

async function overwritten(place: Place, text: string): Promise<boolean> {
  const command = new PutSecretValueCommand({ SecretId: place.id, SecretString: text });
  const put = () =>
    unlessAbsent(place, 'PutSecretValue', async () => await place.client.send(command));
  return (await put()) !== undefined;
}

async function created(place: Place, text: string): Promise<boolean> {
  const { client, id, stage, namespace } = place;
  // A scheduled removal keeps the name: whoever sets the secret again wants it back.
  if (await restored(place)) return false;
  const others = await namesOf(client, prefixOf(stage, namespace));
  if (others.length >= limits.secrets) {
    throw new Rejected(
      'too_large',
      `namespace ${namespace} holds ${limits.secrets} secrets already`,
    );
  }
  const command = new CreateSecretCommand({
    ...{ Name: id, SecretString: text },
    Tags: [
      { Key: 'millrace:stage', Value: stage },
      { Key: 'millrace:namespace', Value: namespace },
    ],
  });
  return await ask(place, 'CreateSecret', async () => {
    try {
      await client.send(command);
      return true;
    } catch (error) {
      // Another was first, or the name is not free yet.
      if (serviceCode(error) === 'ResourceExistsException' || isLeaving(error)) return false;
      throw error;
    }
  });
}

async function restored(place: Place): Promise<boolean> {
  const found = await describe(place);
  if (found?.DeletedDate === undefined) return false;
  await unlessAbsent(place, 'RestoreSecret', () =>
    place.client.send(new RestoreSecretCommand({ SecretId: place.id })),
  );
  return true;
}

/** At once and for good: what is removed has leaked, or must not be used any more, and its name is free again. */
async function removeValue(place: Place): Promise<boolean> {
  // Asked first, because a forced removal of nothing is no error.
  const found = await describe(place);
  if (found === undefined || found.DeletedDate !== undefined) return false;
  const command = new DeleteSecretCommand({
    SecretId: place.id,
    ForceDeleteWithoutRecovery: true,
  });
  return (
    (await unlessAbsent(place, 'DeleteSecret', () => place.client.send(command))) !== undefined
  );
}

const describe = (place: Place) =>
  unlessAbsent(place, 'DescribeSecret', () =>
    place.client.send(new DescribeSecretCommand({ SecretId: place.id })),
  );

async function namesOf(client: SecretsManagerClient, prefix: string): Promise<readonly string[]> {
  const names: string[] = [];
  let NextToken: string | undefined;
  // One page more than full ones: the last may be empty.
  for (let page = 0; page <= limits.secrets / limits.secretPage; page += 1) {
    const command = new ListSecretsCommand({
      ...{ MaxResults: limits.secretPage, NextToken },
      Filters: [{ Key: 'name', Values: [prefix] }],
    });
    const tried = { subject: `secrets ${prefix}`, permission: 'secretsmanager:ListSecrets' };
    const answer = await asked(tried, () => client.send(command));
    // The filter passes over capitals.
    for (const { Name } of answer.SecretList ?? [])
      if (Name?.startsWith(prefix) === true) names.push(Name.slice(prefix.length));
    NextToken = answer.NextToken;
    if (NextToken === undefined) return names.sort();
  }
  throw new Defect(`${prefix}: more than ${limits.secrets} secrets are listed`);
}

/** Undefined where no secret is, or where it is on its way out. */
async function unlessAbsent<T>(
  place: Place,
  action: string,
  request: () => Promise<T>,
): Promise<T | undefined> {
  return await ask(place, action, async () => {
    try {
      return await request();
    } catch (error) {
      if (serviceCode(error) === 'ResourceNotFoundException' || isLeaving(error)) return undefined;
      throw error;
    }
  });
}

const ask = <T>(place: Place, action: string, request: () => Promise<T>): Promise<T> =>
  asked({ subject: subjectOf(place), permission: `secretsmanager:${action}` }, request);

const subjectOf = ({ name, namespace }: Place): string =>
  `secret ${name} of namespace ${namespace}`;

/** "You can't perform this operation on the secret because it was marked for deletion." */
function isLeaving(error: unknown): boolean {
  return (
    serviceCode(error) === 'InvalidRequestException' &&
    error instanceof Error &&
    /delet/i.test(error.message)
  );
}
