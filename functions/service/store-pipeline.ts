// Keeps a version of a pipeline.
import { canonical, digestOf } from '#core/compile/canonical.ts';
import { Conflict, HasProblems } from '#errors/families.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import type { Plan } from '#schemas/plan.ts';
import type { Json } from '#schemas/values.ts';
import { compiledOf } from './compile-source.ts';
import type { Source, StoredPipeline } from './control.ts';
import { pipelinesKey, pipelineVersionKey, planObject } from './keys.ts';
import type { Service } from './service.ts';
import { latestOf, type Shelf, shown } from './stored-pipelines.ts';
import { travels } from './travels.ts';

/**
 * Keeps a version of a pipeline, and the plans of the pipelines that it runs.
 *
 * @returns the new version, or the latest one where that is the same
 * @throws HasProblems with all that is wrong
 */
export async function storePipeline(shelf: Shelf, source: Source): Promise<StoredPipeline> {
  const { service, namespace } = shelf;
  const { plan, below, depth, warnings } = await compiledOf(shelf, source);
  const stays = travels([plan, ...below]);
  if (stays.length > 0) throw new HasProblems([...warnings, ...stays]);
  for (const each of [...below, plan]) await keepPlan(service, namespace, each);
  const digest = digestOf(plan);
  for (let round = 0; round < limits.advanceConflicts; round += 1) {
    const latest = await latestOf(shelf, plan.id);
    if (latest?.digest === digest) return shown(latest);
    const version = (latest?.version ?? 0) + 1;
    const stored = { id: plan.id, version, digest, at: service.clock.now(), depth };
    const item = { v: FORMAT, pipeline: stored };
    try {
      await service.table.transact([
        {
          write: 'put',
          item: { ...pipelineVersionKey(namespace, plan.id, version), ...item },
          if: { exists: false },
        },
        {
          write: 'put',
          item: { pk: pipelinesKey(namespace), sk: plan.id, ...item, version },
          if: latest === undefined ? { exists: false } : { equals: { version: latest.version } },
        },
      ]);
      return shown(stored);
    } catch (error) {
      // Somebody else stored one at the same time: theirs may be the same.
      if (!(error instanceof Conflict)) throw error;
    }
  }
  throw new Conflict('busy', `pipeline ${plan.id} is being stored by many at once`);
}

async function keepPlan(service: Service, namespace: string, plan: Plan): Promise<void> {
  const text = canonical(plan as Json);
  await service.objects.put(planObject(namespace, digestOf(plan)), new TextEncoder().encode(text), {
    mediaType: 'application/json',
  });
}
