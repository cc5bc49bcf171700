// Walks as executions of the state machine. Nothing is ever asked of an execution: a run's status is its own item.
import {
  ExecutionAlreadyExists,
  InvalidToken,
  SendTaskSuccessCommand,
  type SFNClient,
  StartExecutionCommand,
  TaskDoesNotExist,
  TaskTimedOut,
} from '@aws-sdk/client-sfn';
import type { Walks } from '#ports/small.ts';
import type { WalkerInput } from '#schemas/walker.ts';
import { asked } from './service-errors.ts';

export interface WalksOptions {
  readonly client: SFNClient;
  /** The ARN of the machine. */
  readonly machine: string;
}

/** Walks by that machine. */
export function createWalks({ client, machine }: WalksOptions): Walks {
  return {
    start: async (from) => {
      const tried = { subject: `walk of run ${from.run}`, permission: 'states:StartExecution' };
      const command = new StartExecutionCommand({
        ...{ stateMachineArn: machine, name: executionName(from), input: JSON.stringify(from) },
      });
      await asked(tried, async () => {
        try {
          await client.send(command);
        } catch (error) {
          if (!(error instanceof ExecutionAlreadyExists)) throw error;
        }
      });
    },
    answer: async (taskToken, decision) => {
      const tried = { subject: 'a waiting tick', permission: 'states:SendTaskSuccess' };
      const output = JSON.stringify(decision);
      return await asked(tried, async () => {
        try {
          await client.send(new SendTaskSuccessCommand({ taskToken, output }));
          return true;
        } catch (error) {
          if (isStale(error)) return false;
          throw error;
        }
      });
    },
  };
}

/** The machine hands over to itself by the same name. */
const executionName = ({ name, walk, tick, retry }: WalkerInput): string =>
  [name, walk, tick, retry].join('-');

const isStale = (error: unknown): boolean =>
  error instanceof TaskTimedOut ||
  error instanceof TaskDoesNotExist ||
  error instanceof InvalidToken;
