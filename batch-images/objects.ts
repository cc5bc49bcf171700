// Brings objects of the store to where the runner looks for them, and what it made to the store.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Rejected, Transient } from '#errors/families.ts';
import type { AttemptAnswer } from '#schemas/attempts.ts';
import { limits } from '#schemas/limits.ts';
import type { Json } from '#schemas/values.ts';
import type { Attempts } from './attempts.ts';
import { send } from './http.ts';
import { type ObjectNamed, objectsNamed } from './needed.ts';
import { withRetries } from './retry.ts';
import { say } from './say.ts';

type Presigned = AttemptAnswer<'read'>['objects'][number]['from'];

export class Objects {
  readonly #attempts: Attempts;
  readonly #dataDir: string;

  constructor(attempts: Attempts, dataDir: string) {
    this.#attempts = attempts;
    this.#dataDir = dataDir;
  }

  /** Where an object lies on this machine. Throws Rejected for a key that leads elsewhere. */
  fileOf(key: string): string {
    const home = path.join(this.#dataDir, 'objects');
    const file = path.resolve(home, key);
    if (!file.startsWith(home + path.sep))
      throw new Rejected(
        'invalid',
        `object ${JSON.stringify(key)} has a name that leads elsewhere`,
      );
    return file;
  }

  /** Fetches every object that these values name, and those that their content names. Throws Rejected when one is not there. */
  async fetchNamed(values: Json, signal: AbortSignal): Promise<void> {
    const seen = new Set<string>();
    let wave = objectsNamed(values);
    while (wave.length > 0) {
      for (const { key } of wave) seen.add(key);
      await this.#fetchAll(wave, signal);
      const inside = await Promise.all(wave.map((object) => this.#named(object)));
      const next = new Map(inside.flat().map((object) => [object.key, object]));
      wave = [...next.values()].filter(({ key }) => !seen.has(key));
    }
  }

  /** Puts every object that these values name into the store, unless it is there. */
  async putNamed(values: Json): Promise<void> {
    const named = objectsNamed(values);
    const inside = await Promise.all(named.map((object) => this.#named(object)));
    const all = new Map([...named, ...inside.flat()].map((object) => [object.key, object]));
    for (const some of slices([...all.values()], limits.presignedAtOnce))
      await this.put(some.map((object) => ({ ...object, file: this.fileOf(object.key) })));
  }

  /** At most `limits.presignedAtOnce` of them. */
  async put(
    objects: readonly (Omit<ObjectNamed, 'value'> & { readonly file: string })[],
  ): Promise<void> {
    const tooLarge = objects.find(({ size }) => size > limits.objectPutBytes);
    if (tooLarge !== undefined)
      throw new Rejected(
        'too_large',
        `file "${path.basename(tooLarge.file)}" has ${tooLarge.size} bytes; at most ${limits.objectPutBytes} can be handed over as one file`,
      );
    const asked = objects.map(({ key, size, sha256, mediaType }) => ({
      ...{ key, size, sha256 },
      ...(mediaType === undefined ? {} : { mediaType }),
    }));
    const answer = await this.#attempts.write(asked);
    const places = new Map(answer.objects.map(({ key, to }) => [key, to]));
    await atOnce(objects, (object) => this.#putOne(object, places.get(object.key)));
  }

  /** A stream of an object, undefined when there is none. Not for what must be whole: nothing is checked. */
  async open(key: string, signal?: AbortSignal): Promise<NodeJS.ReadableStream | undefined> {
    const [found] = (await this.#attempts.read([key], signal)).objects;
    if (found === undefined) return undefined;
    const { body } = await withRetries({ ...PATIENT, signal }, () =>
      send(found.from, { idle: limits.jobTransferIdle, signal }),
    );
    return body;
  }

  async #fetchAll(objects: readonly ObjectNamed[], signal: AbortSignal): Promise<void> {
    for (const some of slices(objects, limits.presignedAtOnce)) {
      const answer = await this.#attempts.read(
        some.map(({ key }) => key),
        signal,
      );
      const places = new Map(answer.objects.map(({ key, from }) => [key, from]));
      await atOnce(some, (object) => this.#fetchOne(object, places.get(object.key), signal));
    }
  }

  async #fetchOne(
    object: ObjectNamed,
    from: Presigned | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    if (from === undefined) throw new Rejected('not_found', `object ${object.key} is not there`);
    const file = this.fileOf(object.key);
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    const draft = `${file}.part`;
    await withRetries({ ...PATIENT, signal }, async () => {
      const { body } = await send(from, { idle: limits.jobTransferIdle, signal });
      const found = await written(body, draft).catch((error: unknown) => {
        throw new Transient('unavailable', `object ${object.key} broke off: ${error}`, {
          afterMs: 0,
        });
      });
      if (found.size !== object.size || found.sha256 !== object.sha256)
        throw new Transient(
          'unavailable',
          `object ${object.key} is not what it should be: ${found.size} bytes with digest ${found.sha256}, wanted are ${object.size} with ${object.sha256}`,
          { afterMs: 0 },
        );
    });
    await rename(draft, file);
  }

  async #putOne(
    object: { readonly key: string; readonly size: number; readonly file: string },
    to: Presigned | undefined,
  ): Promise<void> {
    // There already: a job that did the same before this one.
    if (to === undefined) return;
    const body = { file: object.file, size: object.size };
    await withRetries(PATIENT, async () => {
      const answer = await send({ ...to, body }, { idle: limits.jobTransferIdle });
      answer.body.resume();
    });
  }

  /** What the content of an object names, where that is a value that anybody reads as one. */
  async #named(object: ObjectNamed): Promise<readonly ObjectNamed[]> {
    if (!object.value || object.size > limits.listBytes) return [];
    const content: Json = JSON.parse(await readFile(this.fileOf(object.key), 'utf8'));
    return objectsNamed(content);
  }
}

const PATIENT = { within: limits.jobReach, tries: limits.jobTransferTries, onTrouble: say };

/** Writes a stream to a file, and says what it held. */
async function written(
  body: NodeJS.ReadableStream,
  file: string,
): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256');
  let size = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _, done) {
      size += chunk.length;
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(body, counted, createWriteStream(file, { mode: 0o600 }));
  return { size, sha256: hash.digest('hex') };
}

/** What a file holds. */
export async function digestOf(file: string): Promise<{ size: number; sha256: string }> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return { size: (await stat(file)).size, sha256: hash.digest('hex') };
}

function* slices<T>(all: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < all.length; from += size) yield all.slice(from, from + size);
}

/** A few at a time; the first that fails ends the rest. */
async function atOnce<T>(all: readonly T[], work: (one: T) => Promise<void>): Promise<void> {
  const left = [...all].reverse();
  const worker = async (): Promise<void> => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) await work(next);
  };
  const workers = Math.min(limits.jobTransfers, all.length);
  try {
    await Promise.all(Array.from({ length: workers }, worker));
  } catch (error) {
    left.length = 0;
    throw error;
  }
}

export async function removeQuietly(file: string): Promise<void> {
  await rm(file, { force: true }).catch(() => undefined);
}
