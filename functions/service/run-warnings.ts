// What whoever runs a pipeline should know although the run goes on: what was found when it was prepared, and what those said who built
// its environments. No facts: nothing can wait for them. Where they stand in the stream of events follows from facts.
import { limits } from '#schemas/limits.ts';
import type { Problem } from '#schemas/problems.ts';
import type { EventLine } from '#schemas/report.ts';
import type { Fact } from '#schemas/run.ts';
import type { RunStart } from '#schemas/run-start.ts';
import { attemptOf } from './bulk.ts';
import { attemptKey, type RunRef } from './keys.ts';
import { hold } from './load-run.ts';
import type { Service } from './service.ts';

/** What was found before a run, as sentences with their places: at most so many, none longer than its bound. */
export const toldWarnings = (all: readonly Problem[]): string[] =>
  all.slice(0, limits.warnings).map(({ file, line, message }) => {
    const at = line === 0 ? [] : [`line ${line}`];
    const place = [...(file === undefined ? [] : [file]), ...at].join(', ');
    return (place === '' ? message : `${message} (${place})`).slice(0, limits.messageLength);
  });

/** What was found before the run began, as events of the moment in which it did. */
export function startWarnings({ run, warnings = [] }: RunStart, at: number): readonly EventLine[] {
  const head = { at: new Date(at).toISOString(), run, event: 'pipeline.warning' };
  return warnings.map((message) => ({ ...head, payload: { message } }));
}

/** Warnings that follow a fact in the stream of events. */
export async function warningLines(
  service: Service,
  ref: RunRef,
  fact: Fact,
): Promise<readonly EventLine[]> {
  if (fact.fact === 'run.started')
    return startWarnings((await hold(service, ref)).memory.start, fact.at);
  if (fact.fact !== 'ended' || fact.attempt === 0 || !fact.node.startsWith('@')) return [];
  const { node, attempt } = fact;
  const item = await service.table.get(attemptKey(ref, node, attempt));
  const warnings = item === undefined ? [] : (attemptOf(item).report?.prepared?.warnings ?? []);
  const head = { at: new Date(fact.at).toISOString(), run: ref.run, event: `${node}.warning` };
  return warnings.map((message) => ({ ...head, node, attempt, payload: { message } }));
}
