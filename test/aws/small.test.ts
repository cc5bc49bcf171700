// The small ports on AWS: the contracts, then what only services can meet.
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { CreateKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAlarms, sleepSeconds } from '#aws/alarms.ts';
import { systemClock } from '#aws/clock.ts';
import { createSecrets } from '#aws/secrets.ts';
import { createSessionSigner } from '#aws/session-signer.ts';
import { createSigner } from '#aws/signer.ts';
import { createSettableClock } from '#embedded/clock.ts';
import type { Alarms } from '#ports/small.ts';
import { alarmMessage } from '#schemas/alarm-message.ts';
import { namespace, type RunId } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { alarmStep } from '#service/ring-alarm.ts';
import { createIds } from '#shared/ids.ts';
import { emulated, ministack } from '#support/aws/clients.ts';
import { type FreshQueue, freshQueue } from '#support/aws/queues.ts';
import { signerContract } from '../contract/signer-contract.ts';
import { alarmsContract, idsContract, secretsContract } from '../contract/small-contracts.ts';

const one = namespace.parse('one');

const idsWith = (chance?: (bytes: number) => Uint8Array) => () => {
  const clock = createSettableClock();
  const ids = createIds({ clock, ...(chance === undefined ? {} : { chance }) });
  return { ids, setClock: clock.set };
};
idsContract('by chance', idsWith());
idsContract(
  'with the greatest chance',
  idsWith((bytes) => new Uint8Array(bytes).fill(255)),
);

describe.skipIf(ministack === '')('secrets in Secrets Manager', () => {
  let client: SecretsManagerClient;
  beforeAll(() => {
    client = new SecretsManagerClient(emulated(ministack));
  });
  afterAll(() => {
    client.destroy();
  });
  const clock = createSettableClock(1_000_000);
  // Every test has a stage of its own: they see nothing of one another.
  const open = (stage: string) => createSecrets({ client, clock, stage });
  const kept = (stage: string, name: string) =>
    client
      .send(new GetSecretValueCommand({ SecretId: `millrace/${stage}/one/${name}` }))
      .then(({ SecretString }) => SecretString);

  secretsContract('Secrets Manager in the emulator', () => ({
    secrets: open(randomUUID()),
    close: () => {},
  }));

  test('stages see nothing of one another', async () => {
    const [first, second] = [randomUUID(), randomUUID()];
    await open(first).put(one, 'TOKEN', 'x');
    expect(await open(second).get(one, 'TOKEN')).toBeUndefined();
    expect(await open(second).names(one)).toEqual([]);
  });

  test('a value is read again only after a while; that none is there is not remembered', async () => {
    const stage = randomUUID();
    const [reader, writer] = [open(stage), open(stage)];
    expect(await reader.get(one, 'TOKEN')).toBeUndefined();
    await writer.put(one, 'TOKEN', 'old');
    expect(await reader.get(one, 'TOKEN')).toBe('old');
    await writer.put(one, 'TOKEN', 'new');
    expect(await reader.get(one, 'TOKEN')).toBe('old');
    clock.advance(limits.secretMemory);
    expect(await reader.get(one, 'TOKEN')).toBe('new');
  });

  test('an empty value is kept as something that Secrets Manager takes', async () => {
    const stage = randomUUID();
    await open(stage).put(one, 'EMPTY', '');
    expect(await kept(stage, 'EMPTY')).toHaveLength(1);
    expect(await open(stage).get(one, 'EMPTY')).toBe('');
  });

  test('a removed secret is gone for good, and its name is free at once', async () => {
    const stage = randomUUID();
    const secrets = open(stage);
    await secrets.put(one, 'TOKEN', 'x');
    expect(await secrets.remove(one, 'TOKEN')).toBe(true);
    await expect(kept(stage, 'TOKEN')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    await secrets.put(one, 'TOKEN', 'y');
    expect(await open(stage).get(one, 'TOKEN')).toBe('y');
  });

  test('one that somebody removed with a time to recover is not there, and comes back when it is set', async () => {
    const stage = randomUUID();
    await open(stage).put(one, 'TOKEN', 'x');
    const SecretId = `millrace/${stage}/one/TOKEN`;
    await client.send(new DeleteSecretCommand({ SecretId, RecoveryWindowInDays: 7 }));
    expect(await open(stage).get(one, 'TOKEN')).toBeUndefined();
    expect(await open(stage).remove(one, 'TOKEN')).toBe(false);
    await open(stage).put(one, 'TOKEN', 'y');
    expect(await open(stage).get(one, 'TOKEN')).toBe('y');
    expect(await open(stage).names(one)).toEqual(['TOKEN']);
  });

  test('of two that set a new secret at once, one wins and none fails', async () => {
    const stage = randomUUID();
    await Promise.all(['x', 'y'].map((value) => open(stage).put(one, 'TOKEN', value)));
    expect(['x', 'y']).toContain(await open(stage).get(one, 'TOKEN'));
    expect(await open(stage).names(one)).toEqual(['TOKEN']);
  });

  test('more names than one answer holds are all told', async () => {
    const stage = randomUUID();
    const names = Array.from({ length: limits.secretPage + 5 }, (_, n) => `N${n}`);
    for (const name of names)
      await client.send(
        new CreateSecretCommand({ Name: `millrace/${stage}/one/${name}`, SecretString: 'x' }),
      );
    expect(await open(stage).names(one)).toEqual(names.sort());
  });
});

describe.skipIf(ministack === '')('a signer in KMS', () => {
  let client: KMSClient;
  beforeAll(() => {
    client = new KMSClient(emulated(ministack));
  });
  afterAll(() => {
    client.destroy();
  });
  const key = async (KeySpec: 'ECC_NIST_EDWARDS25519' | 'ECC_NIST_P256'): Promise<string> => {
    const command = new CreateKeyCommand({ KeySpec, KeyUsage: 'SIGN_VERIFY' });
    return (await client.send(command)).KeyMetadata?.Arn ?? '';
  };

  signerContract('KMS in the emulator', async () => {
    const old = await key('ECC_NIST_EDWARDS25519');
    const open = () => createSigner({ client, keys: [old] });
    return {
      signer: open(),
      again: open,
      rotated: async () =>
        createSigner({ client, keys: [await key('ECC_NIST_EDWARDS25519'), old] }),
      close: () => {},
    };
  });

  test('a key of another kind is refused as a defect, which says the kind', async () => {
    const signer = createSigner({ client, keys: [await key('ECC_NIST_P256')] });
    await expect(signer.publicKeys()).rejects.toMatchObject({
      family: 'defect',
      message: expect.stringContaining('ECC_NIST_EDWARDS25519'),
    });
  });

  test('a key that is not there is a defect of the deployment, and is asked for again', async () => {
    const signer = createSigner({ client, keys: ['arn:aws:kms:us-east-1:000000000000:key/none'] });
    for (let turn = 0; turn < 2; turn += 1) {
      await expect(signer.publicKeys()).rejects.toMatchObject({ family: 'defect' });
    }
  });
});

test('the key of a session signs until its process ends, and no other key does', async () => {
  const [first, second] = [createSessionSigner(), createSessionSigner()];
  const [[{ kid }], [other]] = await Promise.all([first.publicKeys(), second.publicKeys()]);
  expect(kid).not.toBe(other.kid);
  expect(await first.sign(kid, Buffer.from('x'))).toHaveLength(64);
  await expect(first.sign(other.kid, Buffer.from('x'))).rejects.toMatchObject({
    code: 'not_found',
  });
});

describe.skipIf(ministack === '')('alarms in SQS', () => {
  const clock = systemClock;

  /** A second at a time, so that those of the contract are put back on their way. */
  const HOP = 1_000;
  const SECOND = 1_000;

  /** Receives as the handler does; what has come early sleeps again. */
  async function receive(queue: FreshQueue, alarms: Alarms, ring: (run: RunId) => void) {
    const { client, queueUrl: QueueUrl } = queue;
    const command = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 });
    const { Messages = [] } = await client.send(command);
    for (const { Body = '', ReceiptHandle } of Messages) {
      const alarm = alarmMessage.parse(JSON.parse(Body));
      const { namespace: space, run: of, at } = alarm;
      const step = alarmStep(alarm, clock.now());
      if (step === 'ring') ring(of);
      if (step === 'sleep') await alarms.wake(space, of, at);
      await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    }
  }

  alarmsContract(
    'SQS in the emulator',
    async () => {
      const queue = await freshQueue(ministack);
      const { client, queueUrl } = queue;
      const alarms = createAlarms({ client, queueUrl, clock, hop: HOP });
      const asked: number[] = [];
      const rung: RunId[] = [];
      return {
        ...{ clock, rung, close: queue.close },
        alarms: {
          wake: async (space, of, at) => {
            asked.push(at);
            await alarms.wake(space, of, at);
          },
        },
        // Time itself is waited for, and then what is due but still in the queue.
        reach: async (at) => {
          const due = asked.filter((each) => each <= at).length;
          while (clock.now() < at || rung.length < due) {
            await receive(queue, alarms, (of) => rung.push(of));
            await pause(20);
          }
        },
      };
    },
    SECOND / 100,
  );
});

describe('a message of an alarm', () => {
  test.each([
    [5_000, 5_000, 0],
    [0, 5_000, 0],
    [5_001, 5_000, 1],
    [6_000, 5_000, 1],
    [6_001, 5_000, 2],
    [900_000, 0, 900],
    [900_001, 0, 900],
    [Number.MAX_SAFE_INTEGER, 0, 900],
  ])('at %d, now %d, sleeps %d seconds', (at, now, seconds) => {
    expect(sleepSeconds(at, now)).toBe(seconds);
  });
});
