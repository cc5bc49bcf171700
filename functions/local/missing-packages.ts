// Packages that only some pipelines need and that do not come with this one: looked for before a run exists.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { message, problemOf } from '#core/messages.ts';
import type { Plan, PlanNode } from '#schemas/plan.ts';
import type { Problem } from '#schemas/problems.ts';

/** What nodes with a query need, in the version that our program for queries is made of. */
export const DUCKDB = { name: '@duckdb/node-api', version: '1.5.5-r.5' } as const;

/** Answers the version of a package that can be loaded from here, or undefined. */
export type InstalledVersion = (name: string) => string | undefined;

/** The first node that needs a package which is not there, or there in another version. */
export function missingPackages(
  plan: Plan,
  installed: InstalledVersion = installedVersion,
): Problem[] {
  const index = plan.nodes.findIndex(hasQuery);
  const first = plan.nodes[index];
  if (first === undefined) return [];
  const came = installed(DUCKDB.name);
  if (came === DUCKDB.version) return [];
  const node = first.label ?? first.id;
  const said =
    came === undefined
      ? message('package_missing', 'sql', { node, ...DUCKDB })
      : message('package_missing', 'other', { node, ...DUCKDB, came });
  return [problemOf(said, `nodes[${index}].sql`, `npm i ${DUCKDB.name}@${DUCKDB.version}`)];
}

function hasQuery({ executor }: PlanNode): boolean {
  return (
    executor.kind === 'steps' && executor.plan.nodes.some((step) => step.executor.kind === 'sql')
  );
}

/** As a run would find it. */
export function installedVersion(name: string): string | undefined {
  try {
    const file = createRequire(import.meta.url).resolve(`${name}/package.json`);
    const manifest: { version?: unknown } = JSON.parse(readFileSync(file, 'utf8'));
    return typeof manifest.version === 'string' ? manifest.version : undefined;
  } catch {
    return undefined;
  }
}
