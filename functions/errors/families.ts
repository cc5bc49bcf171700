// Four families of errors, named by who must act. Leaves are small classes with a code from one closed list.
import type { Problem } from '#schemas/problems.ts';

/** Codes of all leaves; each has its page in docs/errors.md. */
export const ERROR_CODES = [
  'invalid',
  'problems',
  'not_found',
  'ambiguous',
  'wrong_state',
  'not_permitted',
  'too_large',
  'secret_missing',
  'tool_missing',
  'repository',
  'tag_missing',
  'project_file',
  'environment_failed',
  'malformed_outputs',
  'condition_failed',
  'busy',
  'unavailable',
  'no_space',
  'read_only',
  'newer_format',
  'defect',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** The base of all four. `details` is for programs, the message for people: the subject, what came, what was wanted. */
export abstract class MillraceError extends Error {
  /** Each class says its own: a bundler shortens the names of classes. */
  abstract override readonly name: string;
  abstract readonly family: 'rejected' | 'conflict' | 'transient' | 'defect';
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    details: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }
}

/** The caller must act: never retried, 4xx, exit code 2. */
export class Rejected extends MillraceError {
  override readonly name: string = 'Rejected';
  override readonly family = 'rejected' as const;
}

/** What a user wrote has problems; they are in `problems`, and the message is that of the first. */
export class HasProblems extends Rejected {
  override readonly name: string = 'HasProblems';
  readonly problems: readonly Problem[];
  constructor(problems: readonly Problem[]) {
    const [first, ...more] = problems.filter((problem) => problem.severity === 'error');
    const others =
      more.length === 0 ? '' : ` (and ${more.length} more problem${more.length > 1 ? 's' : ''})`;
    super('problems', `${first?.message ?? 'the pipeline has problems'}${others}`);
    this.problems = problems;
  }
}

export class NotFound extends Rejected {
  override readonly name: string = 'NotFound';
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}) {
    super('not_found', message, details);
  }
}

/** A lost race: reload and go on. */
export class Conflict extends MillraceError {
  override readonly name: string = 'Conflict';
  override readonly family = 'conflict' as const;
}

/** A dependency is not there now: try again after `afterMs`. */
export class Transient extends MillraceError {
  override readonly name: string = 'Transient';
  override readonly family = 'transient' as const;
  readonly afterMs: number;
  constructor(
    code: ErrorCode,
    message: string,
    options: {
      afterMs?: number;
      details?: Readonly<Record<string, unknown>>;
      cause?: unknown;
    } = {},
  ) {
    super(code, message, options.details, options.cause);
    this.afterMs = options.afterMs ?? 1_000;
  }
}

/** Ours: crash, alarm. */
export class Defect extends MillraceError {
  override readonly name: string = 'Defect';
  override readonly family = 'defect' as const;
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super('defect', message, details, cause);
  }
}

/** Ends a switch over a tagged union: the compiler refuses it when a case is missing. */
export function assertNever(value: never, what = 'value'): never {
  throw new Defect(`unexpected ${what}: ${JSON.stringify(value)}`);
}
