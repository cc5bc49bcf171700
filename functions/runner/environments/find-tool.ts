// Finds the tools that build environments, and asks each once which version it is.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { limits } from '#schemas/limits.ts';
import { callTool } from '../tool.ts';
import { EnvironmentFailed } from './failed.ts';
import type { Tools } from './kind.ts';

export interface Tool {
  readonly program: string;
  readonly version: string;
}

export interface Wanted {
  readonly name: string;
  /** The variable that chooses another one. */
  readonly variable: string;
  /** How it is got. */
  readonly install: string;
  /** The version in what it answers to `--version`. */
  readonly version: RegExp;
}

const found = new Map<string, Promise<Tool>>();

/** The one that its variable names, then PATH, then the one beside this installation. Throws EnvironmentFailed when there is none. */
export function findTool(wanted: Wanted, tools: Tools): Promise<Tool> {
  const program = programOf(wanted, tools.host);
  if (program === undefined)
    throw new EnvironmentFailed(
      `${wanted.name} is not installed: not in $${wanted.variable}, not on PATH, not in .tools/bin; install it with: ${wanted.install}`,
    );
  const known = found.get(program);
  if (known !== undefined) return known;
  const asked = askVersion(wanted, program, tools);
  found.set(program, asked);
  // What did not answer once may do so when it is asked again.
  asked.catch(() => found.delete(program));
  return asked;
}

/** Its path, or undefined where it is not installed. */
export function programOf(
  { name, variable }: Pick<Wanted, 'name' | 'variable'>,
  host: NodeJS.ProcessEnv,
): string | undefined {
  const given = host[variable];
  const onPath = (host['PATH'] ?? '').split(path.delimiter).filter(Boolean);
  const candidates = [
    ...(given === undefined || given === '' ? [] : [given]),
    ...onPath.map((folder) => path.join(folder, name)),
    ...besideUs().map((folder) => path.join(folder, '.tools/bin', name)),
  ];
  return candidates.find((file) => existsSync(file));
}

/** The folders above this file: the checkout from the sources, the installation from a bundle. */
function besideUs(): string[] {
  const folders: string[] = [];
  let at = path.dirname(fileURLToPath(import.meta.url));
  while (path.dirname(at) !== at && folders.length < 5) {
    folders.push(at);
    at = path.dirname(at);
  }
  return folders;
}

async function askVersion(wanted: Wanted, program: string, tools: Tools): Promise<Tool> {
  const end = await callTool({
    program,
    args: ['--version'],
    environment: tools.host,
    timeout: limits.gitTimeout,
  });
  const version = wanted.version.exec(end.stdout)?.[1];
  if (version === undefined)
    throw new EnvironmentFailed(
      `${program} does not answer as ${wanted.name}: ${`${end.stderr}${end.stdout}`.trim().slice(0, limits.buildLogTail / 4)}`,
    );
  return { program, version };
}
