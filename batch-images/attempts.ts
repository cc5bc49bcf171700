// The runner protocol over HTTPS, the side of the job.
import { buffer } from 'node:stream/consumers';
import { Transient } from '#errors/families.ts';
import { type AttemptBody, attemptVerbs, type LogPart } from '#schemas/attempts.ts';
import { FORMAT } from '#schemas/ids.ts';
import type { JobSettings } from '#schemas/job.ts';
import { limits } from '#schemas/limits.ts';
import type { AttemptReport } from '#schemas/run.ts';
import { send } from './http.ts';
import { type Patience, withRetries } from './retry.ts';
import { say } from './say.ts';

type Bounds = Patience & { readonly idle?: number };

/** One call, and no other when it fails. */
const ONCE: Patience = { within: 0 };
const PATIENT: Patience = { within: limits.jobReach, onTrouble: say };

export class Attempts {
  readonly #settings: JobSettings;

  constructor(settings: JobSettings) {
    this.#settings = settings;
  }

  /** With the moment at which the claim that was answered was asked for, by `performance.now()`. */
  claim() {
    return withRetries(PATIENT, async () => {
      const asked = performance.now();
      return { asked, claim: await this.#call('claim', attemptVerbs.claim.answer, {}, ONCE) };
    });
  }

  /** Not tried again: the next one comes soon. */
  beat(beat: Pick<AttemptBody<'beat'>, 'counter' | 'said'>, milliseconds: number) {
    return this.#call('beat', attemptVerbs.beat.answer, beat, { ...ONCE, idle: milliseconds });
  }

  log(log: LogPart) {
    return this.#call('log', attemptVerbs.log.answer, { log }, ONCE);
  }

  read(keys: readonly string[], signal?: AbortSignal) {
    return this.#call('read', attemptVerbs.read.answer, { keys }, { ...PATIENT, signal });
  }

  write(objects: AttemptBody<'write'>['objects']) {
    return this.#call('write', attemptVerbs.write.answer, { objects }, PATIENT);
  }

  secrets(names: readonly string[]) {
    return this.#call('secrets', attemptVerbs.secrets.answer, { names }, PATIENT);
  }

  lease(name: string, hold: boolean) {
    return this.#call('lease', attemptVerbs.lease.answer, { name, hold }, PATIENT);
  }

  report(report: AttemptReport, log: LogPart | undefined, within: number) {
    const body = { report, ...(log === undefined ? {} : { log }) };
    return this.#call('report', attemptVerbs.report.answer, body, { ...PATIENT, within });
  }

  async #call<A>(
    verb: string,
    answer: { parse(value: unknown): A },
    body: object,
    bounds: Bounds,
  ): Promise<A> {
    const { url, token, job, index } = this.#settings;
    const text = JSON.stringify({
      v: FORMAT,
      job,
      ...(index === undefined ? {} : { index }),
      ...body,
    });
    const request = {
      method: 'POST',
      url: `${url.replace(/\/$/, '')}/${verb}`,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: Buffer.from(text),
    } as const;
    return withRetries(bounds, async () => {
      const { body: stream } = await send(request, {
        idle: bounds.idle ?? limits.jobCall,
        signal: bounds.signal,
      });
      const told = await buffer(stream).catch((error: unknown) => {
        throw new Transient('unavailable', `the answer to ${verb} broke off: ${error}`, {
          afterMs: 0,
        });
      });
      return answer.parse(JSON.parse(told.toString('utf8')));
    });
  }
}
