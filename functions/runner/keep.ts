// Takes over what a program handed in: files into file values, large values into objects, both without copying what lies in place.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, realpath, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { bytes, MalformedOutputs, OutputsTooLarge } from '#core/failures.ts';
import { limits } from '#schemas/limits.ts';
import type { Json, Outputs } from '#schemas/values.ts';
import type { Mask } from './mask.ts';
import { mediaTypeOf } from './media-types.ts';
import { FileMention, type RawOutputs, type RawValue } from './outputs.ts';
import type { Places } from './workspaces.ts';

export interface Keeper {
  readonly dataDir: string;
  readonly places: Pick<Places, 'artifacts' | 'artifactsKey' | 'valuesKey'>;
  readonly mask: Mask;
}

/** Outputs as they are reported. Throws MalformedOutputs or OutputsTooLarge. */
export async function keepOutputs(raw: RawOutputs, keeper: Keeper): Promise<Outputs> {
  const counter = { files: 0 };
  const kept: [string, Json][] = [];
  for (const [name, value] of raw) {
    const masked = keeper.mask.json(await keepFiles(value, name, { keeper, counter }));
    // Somebody may call an output what should have been its value.
    const shown = keeper.mask.text(name);
    kept.push([shown, await keepLarge(shown, masked, keeper)]);
  }
  return Object.fromEntries(kept);
}

/** All outputs of an attempt together, checked once more when those of several steps were joined. */
export function checkSize(outputs: Outputs): void {
  const count = Object.keys(outputs).length;
  if (count > limits.outputsCount)
    throw new OutputsTooLarge(
      `the steps wrote ${count} outputs; at most ${limits.outputsCount} are allowed`,
    );
  const size = Buffer.byteLength(JSON.stringify(outputs));
  if (size > limits.outputsBytes)
    throw new OutputsTooLarge(
      `the outputs take ${bytes(size)}; at most ${bytes(limits.outputsBytes)} are allowed. Hand large data over as a file: name=@path`,
    );
}

interface Taking {
  readonly keeper: Keeper;
  readonly counter: { files: number };
}

async function keepFiles(value: RawValue, name: string, taking: Taking): Promise<Json> {
  if (value instanceof FileMention) return keepFile(value, name, taking);
  if (value === null || typeof value !== 'object') return value;
  if (isList(value)) {
    const items: Json[] = [];
    for (const item of value) items.push(await keepFiles(item, name, taking));
    return items;
  }
  const members: [string, Json][] = [];
  for (const [key, member] of Object.entries(value))
    members.push([key, await keepFiles(member, name, taking)]);
  return Object.fromEntries(members);
}

async function keepFile(file: FileMention, name: string, taking: Taking): Promise<Json> {
  taking.counter.files += 1;
  if (taking.counter.files > limits.artifactFiles)
    throw new OutputsTooLarge(
      `the program hands over more than ${limits.artifactFiles} files; put them into one archive`,
    );
  const { places } = taking.keeper;
  const full = await insideArtifacts(file.path, name, places.artifacts);
  const info = await stat(full.real);
  const mediaType = mediaTypeOf(full.named);
  return {
    $file: {
      key: `${places.artifactsKey}/${path
        .relative(await realpath(places.artifacts), full.real)
        .split(path.sep)
        .join('/')}`,
      name: path.basename(full.named),
      size: info.size,
      sha256: await digestOf(full.real),
      ...(mediaType === undefined ? {} : { mediaType }),
      ...(file.metadata === undefined ? {} : { metadata: taking.keeper.mask.json(file.metadata) }),
    },
  };
}

/** A regular file whose real place is inside the artifacts folder, whatever links lead there. */
async function insideArtifacts(
  given: string,
  name: string,
  artifacts: string,
): Promise<{ named: string; real: string }> {
  const who = `output ${JSON.stringify(name)} names the file ${JSON.stringify(given)}`;
  const outside = `${who}, which is outside MILLRACE_ARTIFACTS; write or copy it there`;
  const named = path.resolve(artifacts, given);
  const home = await realpath(artifacts);
  // The path may be written with or without the links that lead to the folder itself.
  if (!isBelow(artifacts, named) && !isBelow(home, named)) throw new MalformedOutputs(outside);
  const real = await realpath(named).catch(() => undefined);
  if (real === undefined)
    throw new MalformedOutputs(
      `${who}, which does not exist; wanted is a file inside MILLRACE_ARTIFACTS`,
    );
  if (!isBelow(home, real)) throw new MalformedOutputs(outside);
  if (!(await stat(real)).isFile()) throw new MalformedOutputs(`${who}, which is no regular file`);
  return { named, real };
}

function isBelow(folder: string, file: string): boolean {
  return file.startsWith(folder.endsWith(path.sep) ? folder : folder + path.sep);
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

/** A value over the bound becomes an object of its own. */
export async function keepLarge(
  name: string,
  value: Json,
  keeper: Pick<Keeper, 'dataDir' | 'places'>,
): Promise<Json> {
  const text = JSON.stringify(value);
  const size = Buffer.byteLength(text);
  if (size <= limits.inlineValueBytes) return value;
  const file = `${createHash('sha256').update(name).digest('hex').slice(0, 32)}.json`;
  const key = `${keeper.places.valuesKey}/${file}`;
  const place = path.join(keeper.dataDir, 'objects', key);
  await mkdir(path.dirname(place), { recursive: true });
  await writeFile(place, text, { mode: 0o600 });
  const sha256 = createHash('sha256').update(text).digest('hex');
  const reference = { key, size, sha256, mediaType: 'application/json' };
  return { $ref: Array.isArray(value) ? { ...reference, count: value.length } : reference };
}

function isList(value: RawValue): value is readonly RawValue[] {
  return Array.isArray(value);
}
