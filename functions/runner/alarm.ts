// Rings once, when it is time and never before. Timers keep another clock than the walk and may ring a little early; a walk that sets its
// alarm once would see nothing to do then, and wait for ever.
import { limits } from '#schemas/limits.ts';

/** @returns how to take the alarm back */
export function alarmAt(at: number, ring: () => void): () => void {
  const wait = (): NodeJS.Timeout =>
    setTimeout(
      () => {
        if (Date.now() < at) timer = wait();
        else ring();
      },
      Math.min(Math.max(0, at - Date.now()), limits.alarmNap),
    );
  let timer = wait();
  return () => clearTimeout(timer);
}
