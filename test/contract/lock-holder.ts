// A process of its own that takes a lock and keeps it until it is killed.
import { takeLock } from '#embedded/lock.ts';
import { MillraceError } from '#errors/families.ts';

try {
  takeLock(process.argv[2] ?? '', { pid: process.pid, host: 'child', version: '0', since: 0 });
  process.send?.('taken');
} catch (error) {
  process.send?.(error instanceof MillraceError ? error.code : String(error));
}
setInterval(() => {}, 60_000);
