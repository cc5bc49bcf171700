// Addresses by which a job reads and writes objects: of what its namespace shares it may read all, and write only what is its own.
import { keptKeys } from '#core/attempt-names.ts';
import { Rejected } from '#errors/families.ts';
import type { Presigned } from '#ports/objects.ts';
import type { AttemptAnswer, AttemptBody } from '#schemas/attempts.ts';
import type { Namespace } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { objectKey } from '#schemas/object-key.ts';
import type { AttemptName } from '#schemas/work-order.ts';
import { inParallel } from './in-parallel.ts';
import type { Service } from './service.ts';

type Wanted = AttemptBody<'write'>['objects'][number];

/** What jobs of a namespace have in common. Plans, logs and reports are not among it. */
const READABLE: ReadonlySet<string> = new Set([
  'artifacts',
  'values',
  'files',
  'environments',
  'trees',
]);
/** What is named by what it was made from, not by its bytes: whoever was first made it for all. */
const SHARED: ReadonlySet<string> = new Set(['environments', 'trees']);

/** Letters that may stand in a header. */
const MEDIA_TYPE = /^[\x21-\x7e][\x20-\x7e]{0,199}$/;

/** Those of the objects that are there. Rejects with `not_permitted` where one of them is none of this job's business. */
export async function addressesToRead(
  service: Service,
  name: AttemptName,
  keys: readonly string[],
): Promise<AttemptAnswer<'read'>['objects']> {
  for (const key of keys) if (!mayRead(name, key)) refuse(name, 'read', key);
  const found = await inParallel(keys, limits.callsAtOnce, async (key) => {
    const info = await service.objects.info(key);
    if (info === undefined) return undefined;
    const from = await service.objects.presign({ do: 'get', key, milliseconds: limits.jobAddress });
    return { key, size: info.size, from: copyOf(from) };
  });
  return found.filter((each) => each !== undefined);
}

/** An attempt; one that prepares makes what others run with. */
type Writer = AttemptName & { readonly prepares: boolean };

/** An address for each object that is not there yet. Rejects with `not_permitted`, or `too_large`, where one of them may not be written. */
export async function addressesToWrite(
  service: Service,
  name: Writer,
  wanted: readonly Wanted[],
): Promise<AttemptAnswer<'write'>['objects']> {
  for (const object of wanted) refuseWrite(name, object);
  const addresses = await inParallel(wanted, limits.callsAtOnce, async (object) => {
    const { key, size, sha256, mediaType } = object;
    const there = await service.objects.info(key);
    if (there !== undefined) {
      if (there.sha256 === sha256 || SHARED.has(partOf(key))) return { key };
      throw new Rejected('wrong_state', `object ${key}: another content was written there before`);
    }
    const to = await service.objects.presign({
      ...{ do: 'put', key, size, sha256, milliseconds: limits.jobAddress },
      ...(mediaType === undefined ? {} : { mediaType }),
    });
    return { key, to: copyOf(to) };
  });
  return [...addresses];
}

const partOf = (key: string): string => key.split('/')[2] ?? '';

/** Whether an object is among what all jobs of a namespace may read, whatever names it. */
export function isCommon(namespace: Namespace, key: string): boolean {
  const [, of, part = ''] = key.split('/');
  return objectKey.safeParse(key).success && of === namespace && READABLE.has(part);
}

function mayRead({ namespace, run }: AttemptName, key: string): boolean {
  const [, of, part, first, ...rest] = key.split('/');
  const isOrder = of === namespace && part === 'orders' && first === run && rest.length > 0;
  return isCommon(namespace, key) || (isOrder && objectKey.safeParse(key).success);
}

function refuseWrite(name: Writer, { key, size, mediaType }: Wanted): void {
  const { artifacts, values } = keptKeys(name);
  const own = key.startsWith(`${artifacts}/`) || key.startsWith(`${values}/`);
  const shared =
    name.prepares && SHARED.has(partOf(key)) && key.startsWith(`NS/${name.namespace}/`);
  if (!objectKey.safeParse(key).success || !(own || shared)) refuse(name, 'write', key);
  const most = partOf(key) === 'values' ? limits.outputsFileBytes : limits.objectPutBytes;
  if (size > most)
    throw new Rejected('too_large', `object ${key}: ${size} bytes; at most ${most} can be kept`);
  if (mediaType !== undefined && !MEDIA_TYPE.test(mediaType))
    throw new Rejected('invalid', `object ${key}: its media type is none`);
}

function refuse({ address }: AttemptName, verb: string, key: string): never {
  throw new Rejected('not_permitted', `${address} may not ${verb} ${key}`);
}

const copyOf = ({ method, url, headers }: Presigned) => ({ method, url, headers: { ...headers } });
