// Calls to DynamoDB: tried again with growing, random pauses while it is busy or away, and refused in our own words.
import { setTimeout as pause } from 'node:timers/promises';
import { TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import { Defect, MillraceError, Rejected, Transient } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import { fromService, isOfService, serviceCode } from './service-errors.ts';

/** Waits so many milliseconds; tests put their own in its place. */
export type Pause = (milliseconds: number) => Promise<unknown>;

export interface Calls {
  /**
   * Performs one call to the end. What is no matter of trying again is thrown as it came, for the caller to know.
   *
   * @param permission as a policy names it
   * @param attempt is told how often it was tried and perhaps performed before
   */
  call<T>(permission: string, attempt: (mayBeDone: boolean) => Promise<T>): Promise<T>;
}

const COLLISIONS: ReadonlySet<string> = new Set([
  'TransactionConflictException',
  'TransactionInProgressException',
]);
/** What may cancel a transaction and does not last. */
const PASSING: ReadonlySet<string> = new Set([
  'TransactionConflict',
  'ThrottlingError',
  'ProvisionedThroughputExceeded',
]);

export function createCalls(table: string, wait: Pause = pause): Calls {
  return {
    call: async (permission, attempt) => {
      let mayBeDone = false;
      for (let tries = 1; ; tries += 1) {
        try {
          return await attempt(mayBeDone);
        } catch (error) {
          const passing = passingOf(error, `table ${table}`, permission);
          if (passing === undefined) throw error;
          if (tries === limits.awsTries) throw passing;
          // One that collided or came too fast was not performed; of one without an answer nobody knows.
          mayBeDone ||= passing.code === 'unavailable';
          await wait(pauseBefore(tries));
        }
      }
    },
  };
}

/** Anything up to twice as long each time: those who collided must not meet again. */
export function pauseBefore(tries: number): number {
  const longest = Math.min(limits.awsRetryMaxDelay, limits.awsRetryDelay * 2 ** tries);
  return Math.ceil(longest * (0.25 + 0.75 * Math.random()));
}

/** What it is when it does not last, or undefined. */
function passingOf(error: unknown, subject: string, permission: string): Transient | undefined {
  if (error instanceof Transient) return error;
  if (error instanceof MillraceError || !isOfService(error)) return undefined;
  if (COLLISIONS.has(serviceCode(error) ?? '') || isPassingCancellation(error))
    return new Transient('busy', `${subject}: others are writing the same items`, { cause: error });
  const known = fromService(error, { subject, permission });
  return known instanceof Transient ? known : undefined;
}

function isPassingCancellation(error: unknown): boolean {
  if (!(error instanceof TransactionCanceledException)) return false;
  const codes = (error.CancellationReasons ?? []).map(({ Code }) => Code ?? 'None');
  // A condition that does not hold is the answer, whatever else came in between.
  return !codes.includes('ConditionalCheckFailed') && codes.some((code) => PASSING.has(code));
}

/** Runs a call whose refusals the caller does not know better. */
export async function translated<T>(
  subject: string,
  permission: string,
  request: () => Promise<T>,
): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw refusalOf(error, subject, permission);
  }
}

function refusalOf(error: unknown, subject: string, permission: string): unknown {
  if (error instanceof MillraceError || !isOfService(error)) return error;
  const code = serviceCode(error);
  const saying = error instanceof Error ? error.message : '';
  if (code === 'ResourceNotFoundException')
    return new Defect(`${subject}: there is no such table; deploy the stack again`, {}, error);
  // DynamoDB has one code for all that is wrong with a request, and words for what it is.
  const codes = [code, ...cancellationsOf(error)].join(' ');
  if (/Validation/.test(codes) && /size .*exceeded|exceeds? .*size/i.test(wordsOf(error, saying)))
    return new Rejected('too_large', `${subject}: ${saying}`, { service: code });
  return fromService(error, { subject, permission });
}

function cancellationsOf(error: unknown): readonly string[] {
  if (!(error instanceof TransactionCanceledException)) return [];
  return (error.CancellationReasons ?? []).map(({ Code }) => Code ?? '');
}

function wordsOf(error: unknown, saying: string): string {
  if (!(error instanceof TransactionCanceledException)) return saying;
  return [saying, ...(error.CancellationReasons ?? []).map(({ Message }) => Message ?? '')].join(
    ' ',
  );
}
