// What sleeps in a queue until a run is to be rung.
import * as z from 'zod';
import { format, instant, namespace, runId } from './ids.ts';

export const alarmMessage = z.object({ v: format, namespace, run: runId, at: instant });
export type AlarmMessage = z.infer<typeof alarmMessage>;
