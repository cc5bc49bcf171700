// Pipelines that are kept by their ids: each version is what it was compiled to, and never changes.
import type { LookUp } from '#core/compile/link-pipelines.ts';
import { NotFound } from '#errors/families.ts';
import type { Item } from '#ports/table.ts';
import { limits } from '#schemas/limits.ts';
import { type Plan, plan as planSchema } from '#schemas/plan.ts';
import { pipelineVersion } from '#schemas/stored-pipeline.ts';
import type { Json } from '#schemas/values.ts';
import type { StoredPipeline } from './control.ts';
import { pipelinesKey, pipelineVersionKey, planObject } from './keys.ts';
import type { Service } from './service.ts';

/** Where the pipelines of a namespace are kept. */
export interface Shelf {
  readonly service: Service;
  readonly namespace: string;
}

/** The latest version of each, by id. */
export async function listPipelines(
  { service, namespace }: Shelf,
  query: { limit?: number; after?: string } = {},
): Promise<readonly StoredPipeline[]> {
  const { items } = await service.table.query({
    pk: pipelinesKey(namespace),
    limit: query.limit ?? limits.page,
    ...(query.after === undefined ? {} : { after: query.after }),
  });
  return items.map((item) => shown(versionOf(item)));
}

/** One version with its plan; the latest when none is named. Rejects with NotFound. */
export async function readPipeline(
  shelf: Shelf,
  id: string,
  version?: number,
): Promise<StoredPipeline & { readonly plan: Json }> {
  const { stored, plan } = await loadStored(shelf, id, version);
  return { ...shown(stored), plan: plan as Json };
}

export type Kept = ReturnType<typeof versionOf>;

/** A version, its plan, and the plans of the pipelines below. Rejects with NotFound. */
export async function loadStored(
  shelf: Shelf,
  id: string,
  version?: number,
): Promise<{ stored: Kept; plan: Plan; below: readonly Plan[] }> {
  const { service, namespace } = shelf;
  const item =
    version === undefined
      ? await service.table.get({ pk: pipelinesKey(namespace), sk: id })
      : await service.table.get(pipelineVersionKey(namespace, id, version));
  if (item === undefined)
    throw new NotFound(
      version === undefined
        ? `no pipeline "${id}" is stored`
        : `pipeline "${id}" has no version ${version}`,
      { pipeline: id },
    );
  const stored = versionOf(item);
  const plan = await planAt(shelf, stored.digest);
  const below = new Map<string, Plan>();
  const left = subPlansOf(plan);
  for (let digest = left.pop(); digest !== undefined; digest = left.pop()) {
    if (below.has(digest)) continue;
    const child = await planAt(shelf, digest);
    below.set(digest, child);
    left.push(...subPlansOf(child));
  }
  return { stored, plan, below: [...below.values()] };
}

/** How the compiler finds a stored pipeline; undefined where none has that id. */
export async function lookUpStored(shelf: Shelf, id: string): Promise<LookUp | undefined> {
  const stored = await latestOf(shelf, id);
  if (stored === undefined) return undefined;
  const { digest, depth } = stored;
  return { is: 'found', plan: await planAt(shelf, digest), digest, depth };
}

/** The latest version; undefined where none is. */
export async function latestOf(
  { service, namespace }: Shelf,
  id: string,
): Promise<Kept | undefined> {
  const item = await service.table.get({ pk: pipelinesKey(namespace), sk: id });
  return item === undefined ? undefined : versionOf(item);
}

const versionOf = (item: Item) => pipelineVersion.parse(item['pipeline']);

/** What is told of a version. */
export const shown = ({ id, version, digest, at }: Kept): StoredPipeline => ({
  id,
  version,
  digest,
  at,
});

async function planAt({ service, namespace }: Shelf, digest: string): Promise<Plan> {
  const bytes = await service.objects.get(planObject(namespace, digest));
  if (bytes === undefined) throw new NotFound(`the plan ${digest} is gone`);
  return planSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
}

const subPlansOf = (plan: Plan): string[] =>
  plan.nodes.flatMap(({ executor }) => (executor.kind === 'pipeline' ? [executor.digest] : []));
