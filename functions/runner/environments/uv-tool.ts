// Finds uv and the interpreter that uv would take.
import { realpathSync } from 'node:fs';
import path from 'node:path';
import { limits } from '#schemas/limits.ts';
import { type Interpreter, interpreter } from '#schemas/runner-files.ts';
import { callTool } from '../tool.ts';
import { EnvironmentFailed } from './failed.ts';
import { findTool, type Tool } from './find-tool.ts';
import { recall, remember, searched, wishesOf } from './interpreter-memory.ts';
import type { Tools } from './kind.ts';

export type Uv = Tool;

const UV = {
  name: 'uv',
  variable: 'MILLRACE_UV',
  install: 'pip install uv',
  version: /^uv (\S+)/,
};

export function findUv(tools: Tools): Promise<Uv> {
  return findTool(UV, tools);
}

/** Of a project, and where its arguments name one, the one that they name. */
export interface WantedInterpreter {
  readonly project: string;
  readonly python: string | undefined;
}

const ASK =
  'import json,sys,platform; print(json.dumps({"path": getattr(sys, "_base_executable", None) or sys.executable, "version": platform.python_implementation() + " " + sys.version.split()[0]}))';

/**
 * The interpreter for a project, as an absolute path: a shim (of pyenv, say) is asked once what it stands for, because
 * it decides by folder and variables that a build does not have. Answers are kept as long as nothing they depend on changes:
 * uv looks at every interpreter there is, which takes longer than most builds.
 */
export async function findInterpreter(
  uv: Uv,
  wanted: WantedInterpreter,
  tools: Tools,
): Promise<Interpreter> {
  const wishes = [...wishesOf(wanted.project), wanted.python ?? ''];
  const question = JSON.stringify([uv, wishes, searched(tools.host)]);
  const known = recall(tools.cacheDir, question);
  if (known !== undefined) return known;
  // Projects that are prepared side by side mostly wish for the same. Another's search may have been stopped with its run.
  const asked = `${tools.cacheDir}\0${question}`;
  const shared = await searches.get(asked)?.catch(() => undefined);
  if (shared !== undefined) return shared;
  const search = searchInterpreter(uv, wanted, tools);
  searches.set(asked, search);
  try {
    const found = await search;
    remember(tools.cacheDir, question, found);
    return found;
  } finally {
    if (searches.get(asked) === search) searches.delete(asked);
  }
}

/** Those that go on just now, by what is asked. */
const searches = new Map<string, Promise<Interpreter>>();

async function searchInterpreter(
  uv: Uv,
  { project, python }: WantedInterpreter,
  tools: Tools,
): Promise<Interpreter> {
  const asked = await callTool({
    program: uv.program,
    args: [
      ...['python', 'find', '--no-python-downloads', '--no-progress', '--project', project],
      ...(python === undefined ? [] : ['--', python]),
    ],
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
