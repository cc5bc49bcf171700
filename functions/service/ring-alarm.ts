// What becomes of a message of an alarm: its run is rung, or it sleeps on, or it is forgotten. A run has one alarm, whose time `HEAD` tells;
// messages that were sent for another time lie about until they come.
import { NotFound } from '#errors/families.ts';
import type { AlarmMessage } from '#schemas/alarm-message.ts';
import { storedPhase } from '#schemas/walk-head.ts';
import { headKey, type RunRef } from './keys.ts';
import type { Service } from './service.ts';

/** What is known of a run when a message of its alarm has come. */
export interface Awaiting {
  readonly over: boolean;
  /** The time of the alarm that was asked for last. */
  readonly wakeAt: number | undefined;
}

export type AlarmStep = 'ring' | 'sleep' | 'forget';

/** Nothing need be known of the run: a message too many is harmless. */
export function alarmStep({ at }: AlarmMessage, now: number, run?: Awaiting): AlarmStep {
  const outdated = run?.wakeAt !== undefined && run.wakeAt !== at;
  if (run?.over === true || outdated) return 'forget';
  return now >= at ? 'ring' : 'sleep';
}

/** Takes in a message that has come. */
export async function ringAlarm(service: Service, alarm: AlarmMessage): Promise<AlarmStep> {
  const { namespace, run, at } = alarm;
  const ref: RunRef = { namespace, run };
  const head = await service.table.get(headKey(ref));
  if (head === undefined) return 'forget';
  const { phase } = storedPhase.parse(head['head']);
  const wakeAt = typeof head['wakeAt'] === 'number' ? head['wakeAt'] : undefined;
  const step = alarmStep(alarm, service.clock.now(), { over: phase === 'ended', wakeAt });
  if (step === 'sleep') await service.alarms.wake(namespace, run, at);
  if (step !== 'ring') return step;
  try {
    await service.bells.ring(ref, at);
    return 'ring';
  } catch (error) {
    // It was deleted meanwhile.
    if (error instanceof NotFound) return 'forget';
    throw error;
  }
}
