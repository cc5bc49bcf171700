// What the entry scripts share. Runs before node_modules exist and under Node 20: node's own modules only.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');

const WANTED = [24, 12];

/** A step of an entry script that cannot go on. Its message is for the person at the keyboard: no stack is shown. */
export class SetupProblem extends Error {}

export function isModern(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return major > WANTED[0] || (major === WANTED[0] && minor >= WANTED[1]);
}

/** The path of a Node that can run the sources: this one, or the one the lock brings along. */
export function modernNode() {
  if (isModern(process.versions.node)) return process.execPath;
  const packaged = path.join(root, 'node_modules/.bin/node');
  if (existsSync(packaged)) {
    const asked = spawnSync(packaged, ['--version'], { encoding: 'utf8' });
    if (asked.status === 0 && isModern(asked.stdout.trim())) return packaged;
  }
  throw new SetupProblem(
    `Node ${process.versions.node} runs here and no packaged Node exists for ${process.platform}-${process.arch}; ` +
      `install Node ${WANTED.join('.')} or newer (https://nodejs.org) and start again`,
  );
}

/** The environment of every tool: packaged programs and the checkout's own first on PATH. */
export function toolEnvironment() {
  const first = [path.join(root, 'node_modules/.bin'), path.join(root, '.tools/bin')];
  const rest = (process.env.PATH ?? '')
    .split(path.delimiter)
    .filter((part) => !first.includes(part));
  return { ...process.env, PATH: [...first, ...rest].join(path.delimiter) };
}

/** Runs a program with our output and answers its exit code; a signal counts as 128 and more, as in a shell. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      stdio: 'inherit',
      env: toolEnvironment(),
      ...options,
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 143)));
  });
}

/** A packaged tool by name, started with the modern Node whatever the PATH says. */
export function runTool(name, args, options) {
  return run(path.join(root, 'node_modules/.bin', name), args, options);
}

/** Runs an entry script: problems become one line and exit code 2, anything else a stack. */
export async function entry(main) {
  try {
    process.exitCode = await main();
  } catch (problem) {
    process.exitCode = problem instanceof SetupProblem ? 2 : 3;
    console.error(problem instanceof SetupProblem ? problem.message : problem);
  }
}

export function isEntry(url) {
  return process.argv[1] !== undefined && path.resolve(process.argv[1]) === fileURLToPath(url);
}
