// Files and large values for work that is done where no store can be read from: what templates may need is looked up beforehand.
import { StepFailure } from '#core/failures.ts';
import type { FileOf, Kept, RefOf } from '#core/rendering.ts';
import { isList } from '#core/rendering.ts';
import { Defect } from '#errors/families.ts';
import type { Namespace } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { fileValue, type Json, refValue } from '#schemas/values.ts';
import { isCommon } from './attempt-objects.ts';
import { inParallel } from './in-parallel.ts';
import type { Service } from './service.ts';

/** How deep values by reference may hold others. */
const DEPTH = 3;

/**
 * All that stands in a value: a file is an address that can be read without asking anybody, as long as a function may take; a value by
 * reference is what it stands for. Throws StepFailure for what belongs to another namespace: a payload from outside may name anything.
 */
export async function keptBeside(
  service: Service,
  namespace: Namespace,
  within: Json,
): Promise<Kept> {
  const addresses = new Map<string, string>();
  const contents = new Map<string, Json>();
  let values: readonly Json[] = [within];
  for (let depth = 0; depth <= DEPTH && values.length > 0; depth += 1) {
    const found: Found = { files: new Set(), refs: new Map() };
    for (const value of values) search(value, found);
    for (const key of [...found.files, ...found.refs.keys()]) demandOwn(namespace, key);
    await inParallel([...found.files], limits.callsAtOnce, async (key) => {
      addresses.set(key, await addressOf(service, key));
    });
    const fresh = [...found.refs.values()].filter(({ key }) => !contents.has(key));
    values = await inParallel(fresh, limits.callsAtOnce, async (ref) => {
      const content = await contentOf(service, ref);
      contents.set(ref.key, content);
      return content;
    });
  }
  const addressIn = (file: FileOf): string =>
    (file.key === undefined ? undefined : addresses.get(file.key)) ?? notHere(file);
  return {
    path: addressIn,
    uri: addressIn,
    content: ({ key }) => contents.get(key) ?? null,
  };
}

function demandOwn(namespace: Namespace, key: string): void {
  if (isCommon(namespace, key)) return;
  throw new StepFailure(
    'start_failed',
    `the object ${key} is none that nodes of namespace ${namespace} hand over`,
  );
}

interface Found {
  readonly files: Set<string>;
  readonly refs: Map<string, RefOf>;
}

function search(value: Json, found: Found): void {
  if (value === null || typeof value !== 'object') return;
  const members = isList(value) ? value : Object.values(value);
  if (!isList(value) && Object.hasOwn(value, '$file')) {
    const key = fileValue.safeParse(value).data?.$file.key;
    if (key !== undefined) found.files.add(key);
  } else if (!isList(value) && Object.hasOwn(value, '$ref')) {
    const ref = refValue.safeParse(value).data?.$ref;
    if (ref !== undefined) found.refs.set(ref.key, ref);
  } else for (const member of members) search(member, found);
}

async function addressOf({ objects }: Service, key: string): Promise<string> {
  const { url } = await objects.presign({ do: 'get', key, milliseconds: limits.jobAddress });
  return url;
}

async function contentOf({ objects }: Service, { key, size }: RefOf): Promise<Json> {
  if (size > limits.listBytes)
    throw new StepFailure(
      'expression_error',
      `a value of ${size} bytes is bound; at most ${limits.listBytes} can be. Hand it over as a file`,
    );
  const bytes = await objects.get(key);
  if (bytes === undefined) throw new Defect(`the value ${key} is gone`);
  const content: Json = JSON.parse(new TextDecoder().decode(bytes));
  return content;
}

function notHere({ name }: FileOf): never {
  throw new StepFailure('start_failed', `the file ${name} lies on another machine`);
}
