// The kinds of environment there are, by the word that a plan has for them. docs/environments.md says how one is added.
import type { Environment } from '#schemas/plan.ts';
import { conda } from './conda.ts';
import { EnvironmentFailed } from './failed.ts';
import type { EnvironmentKind } from './kind.ts';
import { pixi } from './pixi.ts';
import { poetry } from './poetry.ts';
import { uv } from './uv.ts';

/** All but the host, which has nothing that could be built. */
export type Buildable = Exclude<Environment, { kind: 'host' }>;

const KINDS: Readonly<Record<Buildable['kind'], EnvironmentKind<Buildable>>> = {
  uv,
  pixi,
  conda,
  poetry,
};

/** What is wrong with the further arguments of an environment's tool. */
export function refusedArgument(environment: Buildable): string | undefined {
  try {
    kindOf(environment).checkArguments(environment.extraArgs ?? []);
    return undefined;
  } catch (error) {
    if (error instanceof EnvironmentFailed) return error.message;
    throw error;
  }
}

export function kindOf({ kind }: Buildable): EnvironmentKind<Buildable> {
  return KINDS[kind];
}
