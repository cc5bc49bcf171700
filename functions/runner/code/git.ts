// Calls git: never prompts, runs no hooks, takes no helper programs from a URL.
import { StringDecoder } from 'node:string_decoder';
import { limits } from '#schemas/limits.ts';
import type { Archive } from '../archive.ts';
import { Mask } from '../mask.ts';
import { callTool, type ToolEnd } from '../tool.ts';
import type { RepositoryAddress } from './address.ts';

export interface GitContext {
  readonly cacheDir: string;
  readonly host: NodeJS.ProcessEnv;
  readonly offline?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Where trees and environments of other machines are found. */
  readonly archive?: Archive | undefined;
  readonly onOutput?: ((chunk: Buffer) => void) | undefined;
  /** Values of secrets that addresses and environments name. Those that are not set are missing in the answer. */
  readonly secrets?:
    | ((names: readonly string[]) => Promise<Readonly<Record<string, string>>>)
    | undefined;
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

interface GitOptions {
  readonly folder?: string;
  readonly environment?: Record<string, string>;
  /** The repository that is asked, where there is one: what opens it goes along. */
  readonly address?: RepositoryAddress;
}

export async function git(
  context: GitContext,
  args: readonly string[],
  options: GitOptions = {},
): Promise<ToolEnd> {
  const output = masked(context.onOutput, options.address?.hidden ?? []);
  const settings = SETTINGS.flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const end = await callTool({
    program: 'git',
    args: [...settings, ...args],
    folder: options.folder,
    environment: {
      ...environmentOf(context),
      ...loginOf(context, options.address),
      ...options.environment,
    },
    timeout: limits.gitTimeout,
    signal: context.signal,
    onOutput: output.write,
  });
  output.end();
  return end;
}

/** What git prints, without what of an address nobody shall read. */
function masked(
  write: GitContext['onOutput'],
  hidden: readonly string[],
): { readonly write: GitContext['onOutput']; end(): void } {
  if (write === undefined || hidden.length === 0) return { write, end: () => undefined };
  const stream = new Mask(hidden).stream();
  const decoder = new StringDecoder('utf8');
  const put = (text: string): void => {
    if (text !== '') write(Buffer.from(text));
  };
  return {
    write: (chunk) => put(stream.push(decoder.write(chunk))),
    end: () => put(stream.push(decoder.end()) + stream.end()),
  };
}

const USER = 'MILLRACE_GIT_USER';
const PASSWORD = 'MILLRACE_GIT_PASSWORD';

/**
 * A credential helper that knows the password of one host, in variables of git's own process: lists of processes show none of it. Helpers
 * of the user are not asked, and above all are not told to keep what stands in the address.
 */
function loginOf({ host }: GitContext, address: RepositoryAddress | undefined): NodeJS.ProcessEnv {
  const { login, url = '' } = address ?? {};
  const origin = login === undefined ? undefined : URL.parse(url)?.origin;
  if (login === undefined || origin === undefined) return {};
  const answer = `printf 'username=%s\\npassword=%s\\n' "$${USER}" "$${PASSWORD}"`;
  const settings = [
    ['credential.helper', ''],
    [`credential.${origin}.helper`, `!f() { test "$1" != get || ${answer}; }; f`],
  ] as const;
  const before = Number(host['GIT_CONFIG_COUNT'] ?? 0) || 0;
  const variables: NodeJS.ProcessEnv = {
    GIT_CONFIG_COUNT: String(before + settings.length),
    [USER]: login.username,
    [PASSWORD]: login.password,
  };
  for (const [at, [name, value]] of settings.entries()) {
    variables[`GIT_CONFIG_KEY_${before + at}`] = name;
    variables[`GIT_CONFIG_VALUE_${before + at}`] = value;
  }
  return variables;
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
