// Environments of a plan, looked up or built by hand: the same code that prepares them in a run.
import { existsSync } from 'node:fs';
import type { Decoded } from '#core/layers/decode.ts';
import { readDataDirectory } from '#embedded/data-directory.ts';
import { createSecrets } from '#embedded/secrets.ts';
import { environmentCacheBytes } from '#local/machine.ts';
import { NAMESPACE } from '#local/names.ts';
import { cacheDirectory } from '#local/settings.ts';
import { operatorCode } from '#runner/code/operator-code.ts';
import { type Ensured, prepareEnvironment, usable } from '#runner/environments/build.ts';
import type { KeyParts, Tools } from '#runner/environments/kind.ts';
import { kindOf } from '#runner/environments/kinds.ts';
import { keyOf } from '#runner/environments/store.ts';
import type { Executor, Plan } from '#schemas/plan.ts';
import type { RunRequest } from '#service/control.ts';
import type { Context } from './context.ts';

export interface Preparation {
  /** As reports name it. */
  readonly name: string;
  /** `<git>#<tag>`, or the folder. */
  readonly from: string;
  readonly executor: Extract<Executor, { kind: 'prepare' }>;
}

export interface Surroundings {
  /** The pipeline's folder. */
  readonly folder: string;
  readonly offline: boolean;
  readonly sources: RunRequest['sources'];
  /** What the configuration holds encoded, for stores that it is asked for. */
  readonly decoded?: Decoded;
}

export function preparationsOf(plan: Plan): readonly Preparation[] {
  return plan.nodes.flatMap(({ id, label, executor }) => {
    if (executor.kind !== 'prepare') return [];
    const { operator } = executor;
    const from = 'git' in operator ? `${operator.git}#${operator.tag}` : operator.path;
    return [{ name: label ?? id.replace(/^@/, ''), from, executor }];
  });
}

/** What an environment would be built from. Undefined where there is nothing to build. Fetches the code it depends on. */
export async function partsOf(
  context: Context,
  { executor }: Preparation,
  around: Surroundings,
): Promise<KeyParts | undefined> {
  const { environment, operator } = executor;
  if (environment.kind === 'host') return undefined;
  const tools = toolsOf(context, around);
  const code = await operatorCode(tools, { operator, ...around });
  const kind = kindOf(environment);
  kind.validate(environment, code);
  return await kind.key(environment, code, tools);
}

/** Whether a run would find it ready. Undefined where there is nothing to build. Fetches the code it depends on. */
export async function isBuilt(
  context: Context,
  preparation: Preparation,
  around: Surroundings,
): Promise<boolean | undefined> {
  const { environment } = preparation.executor;
  const parts = await partsOf(context, preparation, around);
  if (parts === undefined || environment.kind === 'host') return undefined;
  return usable(environment, cacheDirectory(), keyOf(parts)) !== undefined;
}

/** Fetches the code and builds the environment unless it is there. Undefined where there is nothing to build. */
export async function build(
  context: Context,
  { executor }: Preparation,
  around: Surroundings,
): Promise<Ensured | undefined> {
  const tools = toolsOf(context, around);
  const code = await operatorCode(tools, { operator: executor.operator, ...around });
  // Held until this process ends: what is built after it does not take it away.
  return prepareEnvironment(executor.environment, code, tools);
}

function toolsOf({ host, dataDir }: Context, { offline, decoded }: Surroundings): Tools {
  return {
    ...{ cacheDir: cacheDirectory(), host: { ...host.env }, offline },
    cacheBytes: environmentCacheBytes() || undefined,
    onRemoved: (line) => host.stderr.write(`${line}\n`),
    secrets: (names) => secretsOf(dataDir, names, decoded),
  };
}

/** As a run has them: what the configuration holds itself, and of the others those that are set. */
async function secretsOf(
  dataDir: string,
  names: readonly string[],
  decoded: Decoded = new Map(),
): Promise<Record<string, string>> {
  const others = names.filter((name) => !decoded.has(name));
  // Looking for them makes no data directory.
  const isAsked = others.length > 0 && existsSync(dataDir);
  const directory = isAsked ? readDataDirectory(dataDir) : undefined;
  const store =
    directory && createSecrets({ file: directory.secrets, keyFile: directory.secretKey });
  const values: Record<string, string> = Object.fromEntries(decoded);
  for (const name of others) {
    const value = await store?.get(NAMESPACE, name);
    if (value !== undefined) values[name] = value;
  }
  return values;
}
