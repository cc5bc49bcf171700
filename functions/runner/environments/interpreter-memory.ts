// Remembers which interpreter uv chose: for the same wishes of a project, on a machine where none came or went.
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { type Interpreter, rememberedInterpreter } from '#schemas/runner-files.ts';
import { environmentsFolder, readJson, writeIfMay } from './store.ts';

/** What a project says about its Python. */
export function wishesOf(project: string): readonly string[] {
  const requires = /^\s*requires-python\s*=.*$/m.exec(textOf(path.join(project, 'pyproject.toml')));
  return [
    requires?.[0] ?? '',
    ...foldersFrom(project).flatMap((folder) => [
      textOf(path.join(folder, '.python-version')),
      textOf(path.join(folder, '.python-versions')),
    ]),
  ];
}

/** uv follows the files of the folders above, those of a workspace, too. */
function foldersFrom(folder: string): readonly string[] {
  const above = path.dirname(folder);
  return above === folder ? [folder] : [folder, ...foldersFrom(above)];
}

/** Where interpreters are looked for, and when something came or went there last. */
export function searched(host: NodeJS.ProcessEnv): readonly string[] {
  const home = host['HOME'] ?? '';
  const own = host['UV_PYTHON_INSTALL_DIR'] ?? path.join(home, '.local/share/uv/python');
  const folders = [...(host['PATH'] ?? '').split(path.delimiter), own];
  const chosen = [
    'UV_PYTHON',
    'UV_PYTHON_PREFERENCE',
    'PYENV_VERSION',
    'VIRTUAL_ENV',
    'CONDA_PREFIX',
  ];
  return [
    ...folders.map((folder) => `${folder}@${changedAt(folder) ?? 0}`),
    ...chosen.map((name) => `${name}=${host[name] ?? ''}`),
    textOf(path.join(home, '.pyenv/version')),
  ];
}

export function recall(cacheDir: string, question: string): Interpreter | undefined {
  const parsed = rememberedInterpreter.safeParse(readJson(fileOf(cacheDir, question)));
  if (!parsed.success || changedAt(parsed.data.path) !== parsed.data.changed) return undefined;
  return { path: parsed.data.path, version: parsed.data.version };
}

export function remember(cacheDir: string, question: string, interpreter: Interpreter): void {
  const changed = changedAt(interpreter.path);
  if (changed !== undefined)
    writeIfMay(fileOf(cacheDir, question), { v: 1, ...interpreter, changed });
}

function fileOf(cacheDir: string, question: string): string {
  const name = createHash('sha256').update(question).digest('hex');
  return path.join(environmentsFolder(cacheDir), 'interpreters', `${name}.json`);
}

function changedAt(file: string): number | undefined {
  try {
    return statSync(file).mtimeMs;
  } catch {
    // Gone, or a folder of somebody else's PATH that this user may not see.
    return undefined;
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
