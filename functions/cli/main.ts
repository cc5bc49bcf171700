// The program: importing it runs it.
import { flushed, processHost } from './host.ts';
import { localBackend } from './local-backend.ts';
import { commandLine } from './program.ts';

const code = await commandLine(process.argv.slice(2), processHost(), localBackend);
await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
// Not by setting exitCode: a socket that somebody forgot must not keep the terminal waiting.
process.exit(code);
