// Folders of `.tools` that only tests want: each is made whole or not at all, and made anew when what it is made of has changed.
// Runs under Node 20: node's own modules only.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root, toolEnvironment } from './toolbox.mjs';

const FETCH_MS = 10 * 60_000;

/**
 * Makes those that are missing: `{ folder, stamp, make, package, lacks }`. Answers a line for each that is missing still: what it is and
 * what is not tested without it.
 */
export function installPlaces(places, say) {
  return places.flatMap((place) => {
    const hindrance = install(place, say);
    if (hindrance === undefined) return [];
    return [`${place.folder} (${hindrance}; ${place.package}): not tested: ${place.lacks}`];
  });
}

/** Answers why it could not be made, or undefined. The mark is written last, so that half a folder is made anew. */
function install({ folder, stamp, make }, say) {
  const place = path.join(root, '.tools', folder);
  const mark = path.join(place, 'complete');
  if (existsSync(mark) && readFileSync(mark, 'utf8') === stamp()) return undefined;
  say(`making .tools/${folder} for tests`);
  rmSync(place, { recursive: true, force: true });
  mkdirSync(place, { recursive: true });
  const hindrance = make(place);
  if (hindrance !== undefined) return hindrance;
  writeFileSync(`${mark}.new`, stamp());
  renameSync(`${mark}.new`, mark);
  return undefined;
}

/** An environment of Python in the folder `venv` of a place, with packages that need no compiler. */
export function makeVenv(place, packages) {
  const uv = path.join(root, '.tools/bin/uv');
  const venv = path.join(place, 'venv');
  const target = ['--python', path.join(venv, 'bin/python')];
  const options = ['--quiet', '--only-binary', ':all:', ...target];
  return (
    call(uv, ['venv', '--quiet', venv]) ?? call(uv, ['pip', 'install', ...options, ...packages])
  );
}

/** Answers what went wrong, or undefined. */
export function call(program, args) {
  const done = spawnSync(program, args, {
    cwd: root,
    env: toolEnvironment(),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: FETCH_MS,
  });
  if (done.status === 0) return undefined;
  const words = `${done.stderr ?? ''}${done.stdout ?? ''}`.trim().split('\n');
  const why = done.error?.message ?? words.find((line) => /error/i.test(line)) ?? words.at(-1);
  return `${path.basename(program)} ended with exit code ${done.status}: ${why}`;
}
