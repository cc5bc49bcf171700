// What the entry itself has to say goes to the container's log, a line at a time; the attempt's own log is another.
import { writeSync } from 'node:fs';

export function say(text: string): void {
  writeSync(2, `millrace: ${text.trimEnd()}\n`);
}
