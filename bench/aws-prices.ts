// List prices of AWS in us-east-1, in dollars, as of 2026-11-20. Those of Lambda are for arm64; free tiers are left out.
export const PRICES = {
  /** Each state that is entered and each retry of a standard workflow; its start and its end count as well. */
  transition: 0.025 / 1_000,
  lambdaRequest: 0.2 / 1_000_000,
  lambdaGbSecond: 0.000_013_333_4,
  writeUnit: 0.625 / 1_000_000,
  readUnit: 0.125 / 1_000_000,
  objectWrite: 0.005 / 1_000,
  objectRead: 0.0004 / 1_000,
  queueRequest: 0.4 / 1_000_000,
  apiRequest: 1 / 1_000_000,
  keyRequest: 0.15 / 10_000,
  logGigabyte: 0.5,
} as const;

/** What something used. Everything is counted but where it says otherwise. */
export interface Usage {
  readonly transitions: number;
  readonly lambdaRequests: number;
  /** By what the functions took on the machine that was measured, which is not AWS's. */
  readonly gbSeconds: number;
  readonly writeUnits: number;
  readonly readUnits: number;
  readonly objectWrites: number;
  readonly objectReads: number;
  /** Those of the functions, and what Lambda itself asks of the queues that it drains. */
  readonly queueRequests: number;
  readonly apiRequests: number;
  readonly keyRequests: number;
  readonly logBytes: number;
}

/** Dollars, by what is paid for. */
export function bill(usage: Usage): Readonly<Record<string, number>> {
  return {
    'Step Functions': usage.transitions * PRICES.transition,
    Lambda: usage.lambdaRequests * PRICES.lambdaRequest + usage.gbSeconds * PRICES.lambdaGbSecond,
    DynamoDB: usage.writeUnits * PRICES.writeUnit + usage.readUnits * PRICES.readUnit,
    S3: usage.objectWrites * PRICES.objectWrite + usage.objectReads * PRICES.objectRead,
    SQS: usage.queueRequests * PRICES.queueRequest,
    'API Gateway': usage.apiRequests * PRICES.apiRequest,
    KMS: usage.keyRequests * PRICES.keyRequest,
    'CloudWatch logs': (usage.logBytes / 1e9) * PRICES.logGigabyte,
  };
}

export const total = (parts: Readonly<Record<string, number>>): number =>
  Object.values(parts).reduce((sum, part) => sum + part, 0);

/** The same use so many times. */
export function times(usage: Usage, factor: number): Usage {
  const all = Object.entries(usage).map(([name, value]) => [name, value * factor]);
  return { ...usage, ...Object.fromEntries(all) };
}
