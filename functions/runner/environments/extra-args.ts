// Arguments that a pipeline adds to those of a tool: only those pass that cannot move what is built, where it is built from, or its lock.
import { nearest } from '../code/problem.ts';
import { EnvironmentFailed } from './failed.ts';

export interface Allowed {
  /** As one types it: `pixi install`. */
  readonly tool: string;
  /** Options that take no value. */
  readonly flags: ReadonlySet<string>;
  /** Options that take one, as the next argument or after `=`, and what it may be. */
  readonly values: Readonly<Record<string, RegExp>>;
}

/** Throws EnvironmentFailed, naming the first argument that may not pass. */
export function checkArguments(args: readonly string[], allowed: Allowed): void {
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? '';
    if (allowed.flags.has(arg)) continue;
    const [name = '', joined] = arg.split(/=(.*)/s);
    const form = Object.hasOwn(allowed.values, name) ? allowed.values[name] : undefined;
    if (form === undefined) refuse(arg, allowed);
    if (joined === undefined) index += 1;
    const value = joined ?? args[index];
    if (value === undefined || value.startsWith('-')) refuse(arg, allowed, ' without its value');
    if (!form.test(value)) refuse(`${name}=${value}`, allowed);
  }
}

/** As they may be shown and kept: without who asks for a package, and the password. */
export function shownArguments(args: readonly string[]): string[] {
  return args.map((arg) => arg.replaceAll(/:\/\/[^/\s@]*@/g, '://***@'));
}

/** The value of an option, as it was given last; undefined where it was not. */
export function optionOf(args: readonly string[], ...names: readonly string[]): string | undefined {
  let found: string | undefined;
  args.forEach((arg, index) => {
    const [name = '', joined] = arg.split(/=(.*)/s);
    if (names.includes(name)) found = joined ?? args[index + 1];
  });
  return found;
}

/** The arguments without these options and their values. */
export function withoutOptions(args: readonly string[], ...names: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? '';
    const [name = '', joined] = arg.split(/=(.*)/s);
    if (!names.includes(name)) kept.push(arg);
    else if (joined === undefined) index += 1;
  }
  return kept;
}

function refuse(arg: string, { tool, flags, values }: Allowed, why = ''): never {
  throw refused(arg, { tool, known: [...flags, ...Object.keys(values)], why });
}

/** What is wrong with an argument, and which options may have been meant. */
export function refused(
  arg: string,
  { tool, known, why = '' }: { tool: string; known: readonly string[]; why?: string },
): EnvironmentFailed {
  const [name = ''] = arg.split(/[=\s]/);
  const long = known.filter((each) => each.startsWith('--'));
  const cure =
    /\s/.test(arg) && known.includes(name)
      ? 'an option and its value are two arguments, or one with "=" between them'
      : `nearest to it are ${nearest(name, long, 2).join(', ')}; docs/environments.md lists all that may`;
  return new EnvironmentFailed(
    `argument ${JSON.stringify(arg)}${why} may not be given to ${tool}; ${cure}`,
  );
}
