// The program: importing it runs it.
import { EXIT } from './exit-codes.ts';
import { flushed, processHost } from './host.ts';
import { localBackend } from './local-backend.ts';
import { commandLine } from './program.ts';

async function main(): Promise<void> {
  const host = processHost();
  const code = await commandLine(process.argv.slice(2), host, localBackend);
  await flushed(process.stdout);
  const { lost } = host.stdout;
  if (lost !== undefined) host.stderr.write(`millrace: what was said did not arrive: ${lost}\n`);
  await flushed(process.stderr);
  // Not by setting exitCode: a socket that somebody forgot must not keep the terminal waiting.
  process.exit(lost !== undefined && code === EXIT.done ? EXIT.failed : code);
}

void main();
