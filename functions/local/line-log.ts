// What becomes of a production line and its nodes, written into the log that its operators print to.
import { levelOfEvent, subjectOfEvent, textOfEvent } from '#runner/event-lines.ts';
import { PREPARES, usePipelineLog } from '#runner/pipeline-log.ts';
import type { EventLine } from '#schemas/report.ts';
import type { Fact } from '#schemas/run.ts';
import { type RunRef, runKey } from '#service/keys.ts';
import { eventsOf } from '#service/read-events.ts';
import type { RunMemory, Service } from '#service/service.ts';

/** Facts of a run that were saved. Runs that have no such log are passed over. */
export function logFacts(service: Service, ref: RunRef, facts: readonly Fact[]): void {
  const memory = service.runs.get(runKey(ref));
  if (memory?.start.workDir === undefined) return;
  logEvents(
    memory,
    facts.flatMap((fact) => eventsOf(ref.run, fact)),
  );
}

/** Notices, which are no facts: why something waits. */
export function logNotice(service: Service, ref: RunRef, event: EventLine): void {
  const memory = service.runs.get(runKey(ref));
  if (memory?.start.workDir !== undefined) logEvents(memory, [event]);
}

function logEvents({ start, linked }: RunMemory, events: readonly EventLine[]): void {
  if (start.workDir === undefined || events.length === 0) return;
  const { files, release } = usePipelineLog(start.workDir.log);
  try {
    for (const event of events) {
      const { node, attempt } = subjectOfEvent(event);
      const label = labelOf(linked, node);
      const prepared = label?.startsWith('@') === true;
      const speaker = {
        pipeline: start.pipeline,
        node: prepared ? PREPARES : label,
        operator: prepared ? label.slice(1) : undefined,
        attempt,
      };
      const at = Date.parse(event.at);
      const head = {
        at,
        level: levelOfEvent(event),
        run: start.run,
        speaker,
        stream: 'millrace',
      } as const;
      files.write(head, textOfEvent(event).split('\n'));
    }
  } catch {
    // A log that cannot be written does not end the work; the attempts say so in their own.
  } finally {
    release();
  }
}

/** As the user spells it. */
function labelOf(
  { plan, graph }: RunMemory['linked'],
  node: string | undefined,
): string | undefined {
  if (node === undefined) return undefined;
  const index = graph.index.get(node);
  return (index === undefined ? undefined : plan.nodes[index]?.label) ?? node;
}
