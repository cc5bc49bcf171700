// One call of a function: what it says of itself goes into one line of its log, which carries its metrics as well (CloudWatch's
// embedded metric format).

/** What `_aws` of a line tells CloudWatch to make metrics of. */
const NAMESPACE = 'Millrace';

export interface LambdaContext {
  readonly awsRequestId?: string;
  readonly functionName?: string;
  getRemainingTimeInMillis?(): number;
}

export interface Call {
  /** Milliseconds until the function is ended from outside. */
  remaining(): number;
  /** What the line of this call says besides: run, node, what came of it. */
  note(about: Readonly<Record<string, string | number | boolean | undefined>>): void;
  /** Writes a line now, for what must not be lost among others of the same call. */
  say(level: Level, message: string, more?: Readonly<Record<string, unknown>>): void;
  /** Adds to a metric of this call. */
  count(metric: string, by?: number): void;
}

export type Level = 'info' | 'warn' | 'error';

export class OpenCall implements Call {
  readonly #began = performance.now();
  readonly #function: string;
  readonly #context: LambdaContext;
  readonly #about: Record<string, string | number | boolean> = {};
  readonly #metrics = new Map<string, number>();

  constructor(name: string, context: LambdaContext) {
    // As it is deployed: alarms watch metrics by this name.
    this.#function = context.functionName ?? name;
    this.#context = context;
  }

  remaining(): number {
    return this.#context.getRemainingTimeInMillis?.() ?? Number.POSITIVE_INFINITY;
  }

  note(about: Readonly<Record<string, string | number | boolean | undefined>>): void {
    for (const [name, value] of Object.entries(about))
      if (value !== undefined) this.#about[name] = value;
  }

  count(metric: string, by = 1): void {
    this.#metrics.set(metric, (this.#metrics.get(metric) ?? 0) + by);
  }

  say(level: Level, message: string, more: Readonly<Record<string, unknown>> = {}): void {
    const requestId = this.#context.awsRequestId;
    write({ level, message, function: this.#function, requestId, ...this.#about, ...more });
  }

  /** The line of the call. */
  end(level: Level, message: string): void {
    const metrics = [...this.#metrics.keys()].map((Name) => ({ Name, Unit: 'Count' }));
    const milliseconds = Math.round(performance.now() - this.#began);
    const emf = {
      Timestamp: Date.now(),
      CloudWatchMetrics: [{ Namespace: NAMESPACE, Dimensions: [['function']], Metrics: metrics }],
    };
    this.say(level, message, {
      milliseconds,
      ...(metrics.length === 0 ? {} : { _aws: emf, ...Object.fromEntries(this.#metrics) }),
    });
  }
}

function write(line: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), ...line })}\n`);
}
