// What becomes of a production line and its nodes, written into the log that its operators print to.
import { levelOfEvent, subjectOfEvent, textOfEvent } from '#runner/event-lines.ts';
import { namesOf, speakerAt } from '#runner/log-shape.ts';
import { usePipelineLog } from '#runner/pipeline-log.ts';
import type { EventLine } from '#schemas/report.ts';
import type { Fact } from '#schemas/run.ts';
import { type RunRef, runKey } from '#service/keys.ts';
import { eventsOf } from '#service/read-events.ts';
import { startWarnings } from '#service/run-warnings.ts';
import type { RunMemory, Service } from '#service/service.ts';

/** Facts of a run that were saved. Runs that have no such log are passed over. */
export function logFacts(service: Service, ref: RunRef, facts: readonly Fact[]): void {
  const memory = service.runs.get(runKey(ref));
  if (memory?.start.workDir === undefined) return;
  logEvents(
    memory,
    facts.flatMap((fact) => [
      ...eventsOf(ref.run, fact),
      // Those of environments stand between the lines of whoever built them.
      ...(fact.fact === 'run.started' ? startWarnings(memory.start, fact.at) : []),
    ]),
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
    const names = namesOf(start.pipeline, linked.plan);
    for (const event of events) {
      const speaker = speakerAt(names, subjectOfEvent(event));
      const told = {
        at: Date.parse(event.at),
        level: levelOfEvent(event),
        speaker,
        stream: 'millrace',
      } as const;
      files.write({ ...told, run: start.run }, textOfEvent(event).split('\n'));
    }
  } catch {
    // A log that cannot be written does not end the work; the attempts say so in their own.
  } finally {
    release();
  }
}
