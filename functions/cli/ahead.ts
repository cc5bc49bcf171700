// Importing it starts a runner, for `millrace run` where something has run already: it comes up while the command line itself is loaded.
// Guesses where runs will lie; a wrong guess costs nothing but the start.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { bootRunner, defaultRunner } from '#embedded/runner-program.ts';
import { cacheDirectory } from '#local/settings.ts';

/** With these no runner is started, or not by this process. */
const WITHOUT = /^(--detach|--help|-h|--server(=.*)?)$/;

function comeUp(args: readonly string[], env: NodeJS.ProcessEnv): void {
  if (env['MILLRACE_SERVER'] || args.some((each) => WITHOUT.test(each))) return;
  const root = path.resolve(dataDirIn(args) ?? (env['MILLRACE_DATA_DIR'] || '.millrace'));
  const places = {
    path: root,
    runner: path.join(root, 'runner'),
    runnerSocket: path.join(root, 'runner.sock'),
  };
  const isThere = existsSync(path.join(places.runner, 'runner.log'));
  if (isThere && !existsSync(places.runnerSocket))
    bootRunner(defaultRunner(), places, cacheDirectory());
}

function dataDirIn(args: readonly string[]): string | undefined {
  const at = args.findIndex((each) => each.startsWith('--data-dir'));
  const said = args[at];
  if (said === undefined) return undefined;
  return said.startsWith('--data-dir=') ? said.slice('--data-dir='.length) : args[at + 1];
}

try {
  comeUp(process.argv.slice(2), process.env);
} catch {
  // Whatever is wrong is told by the command.
}
