// Which options of `uv sync` a pipeline may add. Those that would move the target, the project or the cache, or that undo the
// lock, are not among them.
import { optionOf, refused, withoutOptions } from './extra-args.ts';

/** Options that take no value. */
const FLAGS: ReadonlySet<string> = new Set([
  '--all-extras',
  '--all-groups',
  '--all-packages',
  '--compile-bytecode',
  '--no-build',
  '--no-build-isolation',
  '--no-cache',
  '--no-binary',
  '--no-default-groups',
  '--no-install-local',
  '--no-install-project',
  '--no-install-workspace',
  '--no-sources',
  '--offline',
  '--quiet',
  '--reinstall',
  '--require-build-hashes',
  '--verbose',
  '-n',
  '-q',
  '-v',
]);

/** Options that take one: as the next argument, or after `=`. */
const WITH_VALUE: ReadonlySet<string> = new Set([
  '--allow-insecure-host',
  '--config-setting',
  '--default-index',
  '--extra',
  '--extra-index-url',
  '--find-links',
  '--group',
  '--index',
  '--index-strategy',
  '--index-url',
  '--keyring-provider',
  '--link-mode',
  '--no-binary-package',
  '--no-build-package',
  '--no-extra',
  '--no-group',
  '--no-install-package',
  '--package',
  '--python',
  '--reinstall-package',
  '-p',
]);

/** `3.11`, `>=3.11,<3.13`, `pypy@3.10`. A path would be another interpreter on another machine. */
const VERSION =
  /^(?:(?:cpython|pypy|graalpy)@?)?[<>=~!]{0,2}\d[\d.*+a-z]*(?:,[<>=~!]{1,2}\d[\d.*]*)*$/i;

/** The interpreter that is asked for, and the arguments without it: which one is found is decided before anything is built. */
export function pythonIn(args: readonly string[]): {
  readonly python: string | undefined;
  readonly others: readonly string[];
} {
  const python = optionOf(args, '--python', '-p');
  if (python !== undefined && !VERSION.test(python))
    refuse(`--python=${python}`, ', which names no version,');
  return { python, others: withoutOptions(args, '--python', '-p') };
}

/** Throws EnvironmentFailed, naming the first argument that may not pass. */
export function checkExtraArgs(args: readonly string[]): void {
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? '';
    const [name = '', value] = arg.split(/=(.*)/s);
    if (FLAGS.has(arg)) continue;
    if (!WITH_VALUE.has(name)) refuse(arg);
    if (value !== undefined) continue;
    index += 1;
    const next = args[index];
    if (next === undefined || next.startsWith('-')) refuse(arg, ' without its value');
  }
  pythonIn(args);
}

function refuse(arg: string, why = ''): never {
  throw refused(arg, { tool: 'uv sync', known: [...FLAGS, ...WITH_VALUE], why });
}
