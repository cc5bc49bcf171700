// Repositories and projects for tests: made by the real git.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export function git(folder: string, ...args: string[]): string {
  const settings = [
    '-c',
    'user.name=Test',
    '-c',
    'user.email=test@example.com',
    '-c',
    'init.defaultBranch=main',
  ];
  return execFileSync('git', [...settings, ...args], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

export function writeFiles(folder: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
}

/** A repository with these files under a tag; answers the commit. */
export function aRepository(folder: string, files: Record<string, string>, tag = 'v1.0.0'): string {
  mkdirSync(folder, { recursive: true });
  git(folder, 'init', '--quiet');
  return aCommit(folder, files, tag);
}

export function aCommit(folder: string, files: Record<string, string>, tag: string): string {
  writeFiles(folder, files);
  git(folder, 'add', '--all');
  git(folder, 'commit', '--quiet', '--message', `Release ${tag}`);
  git(folder, 'tag', '--force', '--annotate', '--message', tag, tag);
  return git(folder, 'rev-parse', 'HEAD').trim();
}

/** A project that needs nothing, with its lock: an environment of it is made without any network. */
export function aProject(name = 'clean'): Record<string, string> {
  return {
    'pyproject.toml': `[project]\nname = "${name}"\nversion = "0.1.0"\nrequires-python = ">=3.10"\ndependencies = []\n`,
    'uv.lock': `version = 1\nrevision = 3\nrequires-python = ">=3.10"\n\n[[package]]\nname = "${name}"\nversion = "0.1.0"\nsource = { virtual = "." }\n`,
    'main.py':
      'import os, sys\nopen(os.environ["MILLRACE_OUTPUTS"], "a").write(f"prefix={sys.prefix}\\nhere={os.getcwd()}\\n")\n',
  };
}
