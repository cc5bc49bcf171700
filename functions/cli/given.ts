// What was given with `run` and `plan`, as the engine wants it.
import path from 'node:path';
import { parseDuration, parseSize } from '#core/compile/units.ts';
import { Rejected } from '#errors/families.ts';
import type { PrepareOptions } from '#local/prepare-run.ts';
import type { Context } from './context.ts';
import type { GivenOptions } from './define/run.ts';

export function prepareOptions(
  context: Context,
  file: string,
  options: GivenOptions,
): PrepareOptions {
  const { cwd } = context.host;
  return {
    file: path.resolve(cwd, file),
    inputs: options.input ?? [],
    ...(options.inputs === undefined ? {} : { inputsFile: path.resolve(cwd, options.inputs) }),
    with: workingTrees(options.with ?? [], cwd),
    allowEnv: options.allowAllEnv === true ? ['*'] : (options.allowEnv ?? []),
    offline: options.offline === true,
    dataDir: context.dataDir,
    ...(options.timeout === undefined ? {} : { timeout: durationOf('--timeout', options.timeout) }),
  };
}

/** `clean=../clean` → the operator and its folder. */
function workingTrees(pairs: readonly string[], cwd: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1 || at === pair.length - 1)
        throw new Rejected('invalid', `--with "${pair}": wanted operator=folder`);
      return [pair.slice(0, at), path.resolve(cwd, pair.slice(at + 1))];
    }),
  );
}

/** Milliseconds of a duration that was given as an option. */
export function durationOf(option: string, text: string): number {
  const parsed = parseDuration(text);
  if (!parsed.ok) throw new Rejected('invalid', parsed.said.about(option).text);
  return parsed.value;
}

/** Bytes of a size that was given as an option. */
export function sizeOf(option: string, text: string): number {
  const parsed = parseSize(text);
  if (!parsed.ok) throw new Rejected('invalid', parsed.said.about(option).text);
  return parsed.value;
}
