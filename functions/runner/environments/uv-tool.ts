// Finds uv and the interpreter that uv would take.
import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { limits } from '#schemas/limits.ts';
import { type Interpreter, interpreter } from '#schemas/runner-files.ts';
import { callTool } from '../tool.ts';
import { EnvironmentFailed } from './failed.ts';
import { recall, remember, searched, wishesOf } from './interpreter-memory.ts';
import type { Tools } from './kind.ts';

export interface Uv {
  readonly program: string;
  readonly version: string;
}

const found = new Map<string, Promise<Uv>>();

/** $MILLRACE_UV, then PATH, then the one beside this installation. Asked once. */
export function findUv(tools: Tools): Promise<Uv> {
  const program = candidates(tools.host).find((file) => existsSync(file));
  if (program === undefined)
    throw new EnvironmentFailed(
      'uv is not installed: not in $MILLRACE_UV, not on PATH, not in .tools/bin; install it with: pip install uv',
    );
  const known = found.get(program) ?? askVersion(program, tools);
  found.set(program, known);
  return known;
}

function candidates(host: NodeJS.ProcessEnv): string[] {
  const given = host['MILLRACE_UV'];
  const onPath = (host['PATH'] ?? '').split(path.delimiter).filter(Boolean);
  return [
    ...(given === undefined || given === '' ? [] : [given]),
    ...onPath.map((folder) => path.join(folder, 'uv')),
    ...besideUs().map((folder) => path.join(folder, '.tools/bin/uv')),
  ];
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

async function askVersion(program: string, tools: Tools): Promise<Uv> {
  const end = await callTool({
    program,
    args: ['--version'],
    environment: tools.host,
    timeout: limits.gitTimeout,
  });
  const version = /^uv (\S+)/.exec(end.stdout)?.[1];
  if (version === undefined)
    throw new EnvironmentFailed(`${program} does not answer as uv: ${end.stderr.trim()}`);
  return { program, version };
}

const ASK =
  'import json,sys,platform; print(json.dumps({"path": getattr(sys, "_base_executable", None) or sys.executable, "version": platform.python_implementation() + " " + sys.version.split()[0]}))';

/**
 * The interpreter for a project, as an absolute path: a shim (of pyenv, say) is asked once what it stands for, because
 * it decides by folder and variables that a build does not have. Answers are kept as long as nothing they depend on changes:
 * uv looks at every interpreter there is, which takes longer than most builds.
 */
export async function findInterpreter(uv: Uv, project: string, tools: Tools): Promise<Interpreter> {
  const question = JSON.stringify([uv, wishesOf(project), searched(tools.host)]);
  const known = recall(tools.cacheDir, question);
  if (known !== undefined) return known;
  const found = await searchInterpreter(uv, project, tools);
  remember(tools.cacheDir, question, found);
  return found;
}

async function searchInterpreter(uv: Uv, project: string, tools: Tools): Promise<Interpreter> {
  const asked = await callTool({
    program: uv.program,
    args: ['python', 'find', '--no-python-downloads', '--no-progress', '--project', project],
    folder: project,
    environment: { ...tools.host, NO_COLOR: '1' },
    timeout: limits.gitTimeout,
    signal: tools.signal,
  });
  const named = asked.stdout.trim();
  if (asked.code !== 0 || named === '')
    throw new EnvironmentFailed(
      `no Python for ${path.basename(project)}: ${asked.stderr.trim() || 'uv names none'}`,
    );
  const told = await callTool({
    program: named,
    args: ['-I', '-S', '-c', ASK],
    folder: project,
    environment: tools.host,
    timeout: limits.gitTimeout,
    signal: tools.signal,
  });
  const parsed = interpreter.safeParse(parseJson(told.stdout));
  if (!parsed.success)
    throw new EnvironmentFailed(
      `Python at ${named} does not work: ${told.stderr.trim() || 'no answer'}`,
    );
  return { path: realpathSync(parsed.data.path), version: parsed.data.version };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
