// A file that was dropped into the store is an event from outside, for each run that waits for one of that name.
import { digestOf } from '#core/compile/canonical.ts';
import type { Graph } from '#core/walk/graph.ts';
import { NotFound, Rejected, Transient } from '#errors/families.ts';
import { dropPrefix } from '#schemas/aws.ts';
import { namespace as namespaceName } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { FileValue, Json } from '#schemas/values.ts';
import { emitEvent } from './command-run.ts';
import { activeRuns } from './find-run.ts';
import type { RunRef } from './keys.ts';
import { hold } from './load-run.ts';
import type { Service } from './service.ts';

export interface Drop {
  /** `drops/<namespace>/<event>/<file…>`, as it is and not encoded. */
  readonly key: string;
  /** Tells what was dropped from what takes its place later. */
  readonly etag: string;
}

export interface Received {
  readonly namespace: string;
  readonly event: string;
  /** Runs that were told. None: the file stays where it was dropped, and runs that begin later do not hear of it. */
  readonly told: readonly string[];
}

/**
 * Tells every active run of the namespace whose plan names the event `external.<event>`. Safe to do again: each run hears of a version
 * of a file once.
 *
 * @param keep makes the content a file of the namespace; asked only when somebody waits
 * @throws Rejected `invalid` for a key of another form; Transient when a run can take no event in now
 */
export async function receiveDrop(
  service: Service,
  drop: Drop,
  keep: (namespace: string, name: string) => Promise<FileValue>,
): Promise<Received> {
  const { namespace, event, name } = partsOf(drop.key);
  const waiting = await runsNaming(service, namespace, event);
  if (waiting.length === 0) return { namespace, event, told: [] };
  const payload = { ...{ file: (await keep(namespace, name)) as Json, name }, key: drop.key };
  const key = `drop-${digestOf({ ...drop }).slice(0, 40)}`;
  const told: string[] = [];
  let full: Rejected | undefined;
  for (const ref of waiting) {
    try {
      await emitEvent(service, ref, event, { payload, key });
      told.push(ref.run);
    } catch (error) {
      if (!(error instanceof Rejected)) throw error;
      if (error.code === 'too_large') full = error;
      // It has ended meanwhile: there is nobody to tell.
      else if (error.code !== 'wrong_state' && error.code !== 'not_found') throw error;
    }
  }
  // The others were told; doing it again tells them nothing new.
  if (full !== undefined) throw new Transient('busy', full.message, { cause: full });
  return { namespace, event, told };
}

function partsOf(key: string): { namespace: string; event: string; name: string } {
  const [namespace, event, ...path] = key.startsWith(dropPrefix)
    ? key.slice(dropPrefix.length).split('/')
    : [];
  const name = path.at(-1) ?? '';
  const isNamed = namespaceName.safeParse(namespace).success;
  if (
    namespace === undefined ||
    !isNamed ||
    !/^[\p{L}_][\p{L}\p{N}_.]*$/u.test(event ?? '') ||
    name === ''
  )
    throw new Rejected(
      'invalid',
      `object ${key} becomes no event: wanted drops/<namespace>/<event>/<file>`,
    );
  return { namespace, event: `external.${event}`, name };
}

async function runsNaming(
  service: Service,
  namespace: string,
  event: string,
): Promise<readonly RunRef[]> {
  const found: RunRef[] = [];
  for (const ref of await activeRuns(service, namespace)) {
    if (found.length >= limits.dropRuns)
      throw new Rejected('too_large', `more than ${limits.dropRuns} runs wait for ${event}`);
    try {
      const { memory } = await hold(service, ref);
      if (names(memory.linked.graph, event)) found.push(ref);
    } catch (error) {
      // It was removed since it was listed.
      if (!(error instanceof NotFound)) throw error;
    }
  }
  return found;
}

const names = ({ payloadNames, externals }: Graph, event: string): boolean =>
  payloadNames.has(event) || externals.some(({ matches }) => matches(event));
