// Copies what was dropped to where files of a namespace lie: read twice, because its place is called by its digest.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { Defect, Rejected } from '#errors/families.ts';
import type { Objects } from '#ports/objects.ts';
import type { Drops } from '#ports/small.ts';
import { limits } from '#schemas/limits.ts';
import type { FileValue } from '#schemas/values.ts';
import { fileKey, fileValueOf } from '#service/given-files.ts';
import type { Drop } from '#service/receive-drop.ts';

export interface Dropping {
  readonly drops: Drops;
  readonly objects: Objects;
}

/** The dropped file as a value. Rejects with `too_large`, and with NotFound where another one has taken its place. */
export async function keepDrop(
  { drops, objects }: Dropping,
  drop: Drop,
  { namespace, name }: { readonly namespace: string; readonly name: string },
): Promise<FileValue> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of chunksOf(await drops.stream(drop))) {
    size += chunk.length;
    if (size > limits.dropBytes)
      throw new Rejected('too_large', `object ${drop.key} has more than ${limits.dropBytes} bytes`);
    hash.update(chunk);
  }
  const file = { name, size, sha256: hash.digest('hex') };
  const key = fileKey(namespace, file);
  if ((await objects.info(key)) === undefined) {
    const kept = await objects.put(key, Readable.from(chunksOf(await drops.stream(drop))));
    if (kept.sha256 !== file.sha256)
      throw new Defect(`object ${drop.key} was read as another one the second time`);
  }
  return fileValueOf(namespace, file);
}

async function* chunksOf(stream: Readable): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    if (!(chunk instanceof Uint8Array)) throw new Defect('a stream of the store gave no bytes');
    yield chunk;
  }
}
