// Turns what services of AWS answer into our families: who must act, and what would help.
import { Defect, type MillraceError, NotFound, Transient } from '#errors/families.ts';

const THROTTLED: ReadonlySet<string> = new Set([
  'LimitExceededException',
  'PriorRequestNotComplete',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'ThrottledException',
  'TooManyRequestsException',
  'TransactionInProgressException',
]);
/** The services say "access denied" in many ways; KMS may deny what another service asks of it in our name. */
const DENIED: ReadonlySet<string> = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'AllAccessDisabled',
  'Forbidden',
  'KMSAccessDeniedException',
  'NotAuthorizedException',
  'UnauthorizedOperation',
]);
/** Who we are is what is wrong: the deployment, or the machine that it is tried on. */
const UNKNOWN_CALLER: ReadonlySet<string> = new Set([
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
  'TokenRefreshRequired',
  'UnrecognizedClientException',
]);
const NOT_FOUND: ReadonlySet<string> = new Set([
  'NoSuchKey',
  'NotFound',
  'ResourceNotFoundException',
]);
/** What the stack made has gone, or another stage is meant. */
const NOT_DEPLOYED: ReadonlySet<string> = new Set([
  'NoSuchBucket',
  'NotFoundException',
  'QueueDoesNotExist',
  'AWS.SimpleQueueService.NonExistentQueue',
]);
const UNREACHABLE: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/** What was tried, in words for people, and the permission that it takes. */
export interface Tried {
  /** `object NS/a/x`, `secret TOKEN of namespace one`. */
  readonly subject: string;
  /** As a policy names it: `s3:PutObject`. */
  readonly permission: string;
}

/** The name a service gave its refusal, undefined for other errors. */
export function serviceCode(error: unknown): string | undefined {
  return statusOf(error) === undefined && !(isRecord(error) && '$fault' in error)
    ? undefined
    : nameOf(error);
}

/** The status of the answer, undefined where none came. */
export function statusOf(error: unknown): number | undefined {
  const metadata = isRecord(error) ? error['$metadata'] : undefined;
  const status = isRecord(metadata) ? metadata['httpStatusCode'] : undefined;
  return typeof status === 'number' ? status : undefined;
}

/** True of what a service of AWS, or the way there, is the reason of. */
export function isOfService(error: unknown): boolean {
  return (
    serviceCode(error) !== undefined || UNKNOWN_CALLER.has(nameOf(error)) || isUnreachable(error)
  );
}

/** An error of a service of AWS as one of ours. */
export function fromService(error: unknown, tried: Tried): MillraceError {
  const name = nameOf(error);
  const { subject, permission } = tried;
  const details = { permission, service: name };
  const status = statusOf(error);
  if (THROTTLED.has(name) || status === 429 || isThrottle(error)) {
    const afterMs = retryAfter(error);
    return new Transient('busy', `${subject}: asked too fast (${name})`, {
      ...(afterMs === undefined ? {} : { afterMs }),
      ...{ details, cause: error },
    });
  }
  if (DENIED.has(name) || status === 403 || UNKNOWN_CALLER.has(name)) {
    return denied(error, tried, details);
  }
  if (NOT_DEPLOYED.has(name)) {
    const saying = `${subject}: what it is kept in is not there (${name}); deploy the stack again, or name the right one`;
    return new Defect(saying, details, error);
  }
  if (NOT_FOUND.has(name) || status === 404) return new NotFound(`${subject}: none there`, details);
  if ((status ?? 0) >= 500 || isUnreachable(error)) {
    return new Transient('unavailable', `${subject}: ${permission} was not answered (${name})`, {
      ...{ details, cause: error },
    });
  }
  return new Defect(`${subject}: ${permission}: ${name}: ${textOf(error)}`, details, error);
}

/** Runs one request; what the service refuses comes as one of ours, everything else as it is. */
export async function asked<T>(tried: Tried, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    throw isOfService(error) ? fromService(error, tried) : error;
  }
}

function denied(error: unknown, { subject, permission }: Tried, details: object): Defect {
  const name = nameOf(error);
  const cure = UNKNOWN_CALLER.has(name)
    ? 'the credentials of this process are none that AWS accepts'
    : `the role of this process lacks the permission ${permission}`;
  return new Defect(`${subject}: refused (${name}): ${cure}`, { ...details }, error);
}

function isThrottle(error: unknown): boolean {
  const retryable = isRecord(error) ? error['$retryable'] : undefined;
  return isRecord(retryable) && retryable['throttling'] === true;
}

function isUnreachable(error: unknown): boolean {
  const code = isRecord(error) ? error['code'] : undefined;
  return nameOf(error) === 'TimeoutError' || (typeof code === 'string' && UNREACHABLE.has(code));
}

/** Milliseconds that the answer asked to wait. */
function retryAfter(error: unknown): number | undefined {
  const response = isRecord(error) ? error['$response'] : undefined;
  const headers = isRecord(response) ? response['headers'] : undefined;
  const seconds = Number(isRecord(headers) ? headers['retry-after'] : undefined);
  return seconds > 0 ? Math.ceil(seconds * 1_000) : undefined;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown';
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
