import { Rejected } from '#errors/families.ts';

/** An environment could not be prepared; the message says why and where the whole log is. */
export class EnvironmentFailed extends Rejected {
  override readonly name = 'EnvironmentFailed';
  constructor(message: string, details: Readonly<Record<string, unknown>> = {}) {
    super('environment_failed', message, details);
  }
}
