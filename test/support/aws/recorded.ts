// A client that counts what was asked of DynamoDB, and fails where a test says so.
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';

export interface Recorded {
  /** Names of the operations, in order: `PutItem`. */
  readonly calls: readonly string[];
  /** Write and read units, where the emulator counts them. */
  readonly units: { write: number; read: number };
  /** What the next calls come to, one after the other. `lost`: it is performed, but the answer does not arrive. */
  fail(...failures: readonly (Error | 'lost')[]): void;
  forget(): void;
}

/** Records what goes through the client from now on. */
export function record(client: DynamoDBClient): Recorded {
  const calls: string[] = [];
  const failures: (Error | 'lost')[] = [];
  const units = { write: 0, read: 0 };
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const name = String(context.commandName).replace(/Command$/, '');
      calls.push(name);
      const failure = failures.shift();
      if (failure instanceof Error) throw failure;
      Object.assign(args.input, { ReturnConsumedCapacity: 'TOTAL' });
      const answer = await next(args);
      const used = unitsOf(answer.output);
      if (/Get|Query/.test(name)) units.read += used;
      else units.write += used;
      if (failure === 'lost') throw failureNamed('ECONNRESET');
      return answer;
    },
    { step: 'initialize', name: 'recorder' },
  );
  return {
    calls,
    units,
    fail: (...more) => void failures.push(...more),
    forget: () => {
      calls.length = 0;
      Object.assign(units, { write: 0, read: 0 });
    },
  };
}

/** What the way to a service, or the service, fails with. */
export function failureNamed(name: string): Error {
  if (/^E[A-Z]+$/.test(name)) return Object.assign(new Error(`socket: ${name}`), { code: name });
  return Object.assign(new Error(`${name} for a test`), {
    name,
    $fault: 'client',
    $metadata: { httpStatusCode: 400 },
  });
}

function unitsOf(output: object): number {
  if (!('ConsumedCapacity' in output)) return 0;
  const { ConsumedCapacity: used } = output;
  return (Array.isArray(used) ? used : [used]).reduce(
    (sum: number, each: { CapacityUnits?: number } | undefined) => sum + (each?.CapacityUnits ?? 0),
    0,
  );
}
