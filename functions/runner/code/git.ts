// Calls git: never prompts, runs no hooks, takes no helper programs from a URL.
import { limits } from '#schemas/limits.ts';
import type { Archive } from '../archive.ts';
import { callTool, type ToolEnd } from '../tool.ts';

export interface GitContext {
  readonly cacheDir: string;
  readonly host: NodeJS.ProcessEnv;
  readonly offline?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Where trees and environments of other machines are found. */
  readonly archive?: Archive | undefined;
  readonly onOutput?: ((chunk: Buffer) => void) | undefined;
}

const SETTINGS = [
  ['protocol.ext.allow', 'never'],
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['advice.detachedHead', 'false'],
  // Repositories are made by others as a rule; we read them and run nothing of theirs.
  ['safe.directory', '*'],
] as const;

/** Variables that would point git at another repository than the one we name. */
const OWN_REPOSITORY = ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_INDEX_FILE', 'GIT_OBJECT_DIRECTORY'];

export function git(
  context: GitContext,
  args: readonly string[],
  options: { folder?: string; environment?: Record<string, string> } = {},
): Promise<ToolEnd> {
  const settings = SETTINGS.flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return callTool({
    program: 'git',
    args: [...settings, ...args],
    folder: options.folder,
    environment: { ...environmentOf(context), ...options.environment },
    timeout: limits.gitTimeout,
    signal: context.signal,
    onOutput: context.onOutput,
  });
}

function environmentOf({ host, offline }: GitContext): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { ...host };
  for (const name of OWN_REPOSITORY) delete environment[name];
  environment['GIT_TERMINAL_PROMPT'] = '0';
  environment['GIT_ASKPASS'] ??= 'true';
  environment['SSH_ASKPASS_REQUIRE'] = 'never';
  // Older versions of ssh do not know that word. Without a terminal, which our tools never have, there is no other way to ask.
  environment['SSH_ASKPASS'] = 'false';
  environment['GCM_INTERACTIVE'] = 'never';
  // Messages are read by programs: in English, whatever the user speaks.
  environment['LC_ALL'] = 'C.UTF-8';
  // Set only where it is set already: it would hide the user's core.sshCommand and GIT_SSH.
  const ssh = environment['GIT_SSH_COMMAND'];
  if (ssh !== undefined) environment['GIT_SSH_COMMAND'] = `${ssh} -oBatchMode=yes`;
  if (offline === true) environment['GIT_ALLOW_PROTOCOL'] = 'file';
  return environment;
}
