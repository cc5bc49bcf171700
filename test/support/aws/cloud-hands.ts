// What tests of faults do to the emulated cloud behind the system's back: they look into its table, let time pass, call a function out of turn.
import {
  type AttributeValue,
  DynamoDBClient,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { ListExecutionsCommand, SendTaskSuccessCommand, SFNClient } from '@aws-sdk/client-sfn';
import { awsNames, type FunctionName } from '#schemas/aws.ts';
import { activeRunsKey, runKey } from '#service/keys.ts';
import type { Ground } from './cloud.ts';
import { emulated } from './emulated.ts';

export type StoredItem = Record<string, AttributeValue>;

/** Times of items: milliseconds since the epoch, of these years. */
const isTime = (value: number): boolean => value > 1.7e12 && value < 2.2e12;

function older(value: AttributeValue, milliseconds: number): AttributeValue {
  if (value.N !== undefined && isTime(Number(value.N)))
    return { N: String(Number(value.N) - milliseconds) };
  // The time of the last advance stands in a text.
  if (value.S !== undefined)
    return {
      S: value.S.replace(/"now":(\d+)/, (_, now: string) => `"now":${Number(now) - milliseconds}`),
    };
  if (value.M === undefined) return value;
  const members = Object.entries(value.M).map(([name, each]) => [name, older(each, milliseconds)]);
  return { M: Object.fromEntries(members) };
}

export class Hands {
  readonly #ground: Ground;
  readonly #table: DynamoDBClient;
  readonly #functions: LambdaClient;
  readonly #machines: SFNClient;

  constructor(ground: Ground) {
    this.#ground = ground;
    this.#table = new DynamoDBClient(emulated(ground.endpoint));
    this.#functions = new LambdaClient(emulated(ground.endpoint));
    this.#machines = new SFNClient(emulated(ground.endpoint));
  }

  close(): void {
    for (const client of [this.#table, this.#functions, this.#machines]) client.destroy();
  }

  /** The items of a run; those whose sort keys begin so. */
  async items(run: string, prefix?: string): Promise<StoredItem[]> {
    return await this.#itemsOf(runKey({ namespace: 'default', run }), prefix);
  }

  async #itemsOf(pk: string, prefix?: string): Promise<StoredItem[]> {
    const found: StoredItem[] = [];
    let from: StoredItem | undefined;
    do {
      const page = await this.#table.send(
        new QueryCommand({
          TableName: this.#ground.deployed.OutTable,
          KeyConditionExpression:
            prefix === undefined ? 'pk = :pk' : 'pk = :pk and begins_with(sk, :sk)',
          ExpressionAttributeValues: {
            ':pk': { S: pk },
            ...(prefix === undefined ? {} : { ':sk': { S: prefix } }),
          },
          ConsistentRead: true,
          ...(from === undefined ? {} : { ExclusiveStartKey: from }),
        }),
      );
      found.push(...(page.Items ?? []));
      from = page.LastEvaluatedKey;
    } while (from !== undefined);
    return found;
  }

  /** Puts an item of a run as nobody else would. */
  async put(run: string, sk: string, attributes: StoredItem): Promise<void> {
    const pk = { S: runKey({ namespace: 'default', run }) };
    await this.#put({ pk, sk: { S: sk }, ...attributes });
  }

  async #put(Item: StoredItem): Promise<void> {
    await this.#table.send(new PutItemCommand({ TableName: this.#ground.deployed.OutTable, Item }));
  }

  /** For this run, everything was so much longer ago. It must be at rest. */
  async age(run: string, milliseconds: number): Promise<void> {
    const items = (await this.items(run)).filter((item) =>
      /^(BELL|HEAD|ATT#)/.test(item['sk']?.S ?? ''),
    );
    const listed = await this.#itemsOf(activeRunsKey('default'), run);
    for (const { pk, sk, ...rest } of [...items, ...listed]) {
      const aged = Object.entries(rest).map(([name, value]) => [name, older(value, milliseconds)]);
      await this.#put({ pk, sk, ...Object.fromEntries(aged) } as StoredItem);
    }
  }

  /** Calls a function, and waits for it. */
  async call(name: FunctionName, event: unknown): Promise<unknown> {
    const { Payload, FunctionError } = await this.#functions.send(
      new InvokeCommand({
        FunctionName: awsNames('dev').function(name),
        Payload: JSON.stringify(event),
      }),
    );
    const said = Payload?.transformToString() ?? '';
    if (FunctionError !== undefined) throw new Error(`${name}: ${said}`);
    return said === '' ? undefined : JSON.parse(said);
  }

  async sweep(): Promise<void> {
    await this.call('sweep', {
      source: 'aws.events',
      'detail-type': 'Scheduled Event',
      time: new Date().toISOString(),
      detail: {},
    });
  }

  /** The token that the run's tick sleeps on. */
  async token(run: string): Promise<string | undefined> {
    const [bell] = await this.items(run, 'BELL');
    return bell?.['token']?.S;
  }

  /** Answers a tick. False where nobody waits for it any more. */
  async wake(taskToken: string): Promise<boolean> {
    try {
      const output = JSON.stringify({ next: 'tick' });
      await this.#machines.send(new SendTaskSuccessCommand({ taskToken, output }));
      return true;
    } catch (error) {
      if (error instanceof Error && /TaskTimedOut|TaskDoesNotExist|InvalidToken/.test(error.name))
        return false;
      throw error;
    }
  }

  /** Names of the executions that walked a run. */
  async executions(run: string): Promise<string[]> {
    const { executions = [] } = await this.#machines.send(
      new ListExecutionsCommand({ stateMachineArn: this.#ground.deployed.OutWalker }),
    );
    return executions.flatMap(({ name = '' }) => (name.includes(run) ? [name] : [])).sort();
  }
}
