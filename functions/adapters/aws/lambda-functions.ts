// Functions on Lambda that nodes name. They are called without waiting: what came of a call is told by the function's destinations.
import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { Rejected } from '#errors/families.ts';
import type { NodeFunctions } from '#ports/machines.ts';
import { asked, serviceCode } from './service-errors.ts';

export interface NodeFunctionsOptions {
  readonly client: LambdaClient;
  /** What the names of all functions begin with that nodes may call. */
  readonly prefix: string;
}

/** What Lambda takes as the name of a function. */
const NAME = /^[A-Za-z0-9_-]{1,64}$/;
/** The call, or the function as it is, is what stands in the way. */
const REFUSALS: ReadonlySet<string | undefined> = new Set([
  'InvalidParameterValueException',
  'InvalidRequestContentException',
  'InvalidRuntimeException',
  'RequestTooLargeException',
  'UnsupportedMediaTypeException',
]);

/** Functions of that deployment. */
export function createNodeFunctions({ client, prefix }: NodeFunctionsOptions): NodeFunctions {
  return {
    call: async (name, call) => {
      const FunctionName = `${prefix}${name}`;
      const subject = `function "${name}"`;
      if (!NAME.test(FunctionName))
        throw new Rejected(
          'invalid',
          `${subject}: Lambda knows no such name as ${FunctionName}; wanted letters, digits, - and _, ${64 - prefix.length} at most`,
        );
      const command = new InvokeCommand({
        ...{ FunctionName, InvocationType: 'Event', Payload: JSON.stringify(call) },
      });
      await asked({ subject, permission: 'lambda:InvokeFunction' }, async () => {
        try {
          await client.send(command);
        } catch (error) {
          const code = serviceCode(error);
          if (code === 'ResourceNotFoundException')
            throw new Rejected(
              'invalid',
              `${subject}: there is no Lambda function ${FunctionName}`,
            );
          if (!REFUSALS.has(code) || !(error instanceof Error)) throw error;
          throw new Rejected('invalid', `${subject}: Lambda refuses the call: ${error.message}`);
        }
      });
    },
  };
}
