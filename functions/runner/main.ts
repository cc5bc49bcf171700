// The runner as a program: node main.ts --data-dir DIR --socket PATH --cache-dir DIR [--wait]
import { readSync } from 'node:fs';
import path from 'node:path';
import { inspect, parseArgs } from 'node:util';
import { hostEnvironment } from './host.ts';
import { Runner } from './runner.ts';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'data-dir': { type: 'string' },
      socket: { type: 'string' },
      'cache-dir': { type: 'string' },
      wait: { type: 'boolean' },
    },
  });
  const { socket, 'data-dir': dataDir, 'cache-dir': cacheDir } = values;
  if (dataDir === undefined || socket === undefined || cacheDir === undefined) {
    process.stderr.write('usage: runner --data-dir DIR --socket PATH --cache-dir DIR\n');
    process.exitCode = 2;
    return;
  }
  if (values.wait === true && !isToldToGoOn()) return;
  const runner = new Runner({
    dataDir: path.resolve(dataDir),
    cacheDir: path.resolve(cacheDir),
    socket: path.resolve(socket),
    host: hostEnvironment(),
  });
  // The terminal's signals are for the engine; it tells the runner what they mean.
  process.on('SIGINT', () => undefined);
  process.on('SIGHUP', () => undefined);
  process.on('SIGTERM', () => runner.abandon());
  await runner.run();
  // Nothing is awaited any more; a pipe that somebody holds open must not keep the process.
  process.exit();
}

/** Waits until whoever started it has the data directory, or has ended. */
function isToldToGoOn(): boolean {
  return readSync(0, Buffer.alloc(2)) > 0;
}

main().catch((error: unknown) => {
  // A data directory that cannot be written, a socket path too long: one line, not a stack.
  const told = error instanceof Error && 'code' in error ? error.message : inspect(error);
  process.stderr.write(`runner: ${told}\n`);
  process.exit(1);
});
