// Turns each folder of operators/ into a git repository under .repositories/, tagged with the version its pyproject.toml gives.
//
// Commits are made with a fixed author and date and without any git configuration, so their ids depend on nothing but the
// files. The tag always holds exactly what the folder holds: a repository whose folder has changed since is made anew, and said so.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const operators = path.join(here, 'operators');
const repositories = path.join(here, '.repositories');

const AUTHOR = 'Millrace examples <examples@millrace.invalid> 1388534400 +0000';

mkdirSync(repositories, { recursive: true });
for (const name of folders(operators)) publish(name);

function publish(name) {
  const folder = path.join(operators, name);
  const tag = `refs/tags/v${versionOf(folder)}`;
  const place = path.join(repositories, `${name}.git`);
  const fresh = path.join(repositories, `.${name}.${process.pid}`);
  try {
    git(['init', '--quiet', '--bare', '--template=', '--initial-branch=main', fresh]);
    git(['-C', fresh, 'fast-import', '--quiet'], history(folder, tag));
    const before = existsSync(place) ? answer(['-C', place, 'rev-parse', '--verify', tag]) : '';
    if (before === answer(['-C', fresh, 'rev-parse', tag])) return;
    rmSync(place, { recursive: true, force: true });
    renameSync(fresh, place);
    console.log(
      `flights: operator ${name} ${path.basename(tag)} ${before === '' ? 'made' : 'made anew'}`,
    );
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

/** A repository of one commit and one annotated tag, in the language of `git fast-import`. */
function history(folder, tag) {
  const name = `${path.basename(folder)} ${path.basename(tag)}`;
  const parts = [`commit refs/heads/main\nmark :1\ncommitter ${AUTHOR}\n`, data(name)];
  for (const file of files(folder)) {
    parts.push(`M 100644 inline ${file}\n`, data(readFileSync(path.join(folder, file))));
  }
  parts.push(`tag ${path.basename(tag)}\nfrom :1\ntagger ${AUTHOR}\n`, data(name));
  return Buffer.concat(parts.map((part) => Buffer.from(part)));
}

function data(content) {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from(`data ${bytes.length}\n`), bytes, Buffer.from('\n')]);
}

/** Every file of an operator, sorted, but for what working in the folder leaves behind. */
function files(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .map((file) => file.split(path.sep).join('/'))
    .filter(
      (file) => !file.split('/').some((part) => part.startsWith('.') || part === '__pycache__'),
    )
    .sort();
}

function folders(parent) {
  return readdirSync(parent, { withFileTypes: true })
    .filter(
      (entry) => entry.isDirectory() && existsSync(path.join(parent, entry.name, 'pyproject.toml')),
    )
    .map((entry) => entry.name)
    .sort();
}

function versionOf(folder) {
  const project = readFileSync(path.join(folder, 'pyproject.toml'), 'utf8');
  const version = /^version = "(\d+\.\d+\.\d+)"$/m.exec(project)?.[1];
  if (version === undefined) {
    throw new Error(`${folder}/pyproject.toml has no line such as version = "1.0.0"`);
  }
  return version;
}

function git(args, input) {
  const { status, stdout, stderr, error } = run(args, input);
  if (status !== 0) throw new Error(`git ${args.join(' ')} failed: ${error?.message ?? stderr}`);
  return stdout.trim();
}

/** What git prints, or nothing if it refuses. */
function answer(args) {
  const { status, stdout } = run(args);
  return status === 0 ? stdout.trim() : '';
}

function run(args, input) {
  // Without the GIT_* variables of a hook or a shell round us, which would name another repository.
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'));
  const env = {
    ...Object.fromEntries(kept),
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
  };
  return spawnSync('git', args, { env, input, encoding: 'utf8' });
}
