// Makes a checkout ready to use, from nothing but git, Node 20 with npm, and Python 3.10. Running it again costs little.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import {
  entry,
  isEntry,
  modernNode,
  root,
  run,
  SetupProblem,
  toolEnvironment,
} from './toolbox.mjs';

const UV_VERSION = '0.13.8';

// Further steps, by path: each is run with the modern Node if its file is there, and must be idempotent and quiet when nothing is to do.
const HOOKS = ['examples/flights/setup.mjs'];

export async function setup() {
  await installPackages();
  const node = modernNode();
  await installUv();
  await buildBundle(node);
  link(path.join(root, 'node_modules/.bin/millrace'), '../../bin/millrace.js');
  for (const hook of HOOKS) await runHook(node, hook);
}

async function installPackages() {
  if (packagesMatchLock()) return;
  say('installing packages (npm ci)');
  // `npm ci` by the npm that came with whatever Node is here; engine warnings of Node 20 are expected.
  const code = await run('npm', ['ci', '--loglevel=error'], { env: process.env });
  if (code !== 0)
    throw new SetupProblem(`npm ci ended with exit code ${code}; its message is above`);
}

/** Compares the lock with what npm noted in node_modules. Optional packages of other platforms are rightly absent. */
function packagesMatchLock() {
  const wanted = readPackages('package-lock.json');
  const present = readPackages('node_modules/.package-lock.json');
  if (wanted === undefined || present === undefined) return false;
  for (const [place, entryOf] of Object.entries(wanted)) {
    if (place === '') continue;
    const found = present[place];
    if (found === undefined && entryOf.optional === true) continue;
    if (found?.version !== entryOf.version || found?.integrity !== entryOf.integrity) return false;
    if (!existsSync(path.join(root, place, 'package.json'))) return false;
  }
  return Object.keys(present).every((place) => place in wanted);
}

function readPackages(file) {
  const full = path.join(root, file);
  if (!existsSync(full)) return undefined;
  try {
    return JSON.parse(readFileSync(full, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/** uv from PyPI in a folder of the checkout; the user's own Python is left as it is. */
async function installUv() {
  const uv = path.join(root, '.tools/bin/uv');
  const home = path.join(root, '.tools/uv');
  if (answersVersion(uv, UV_VERSION)) return;
  say(`installing uv ${UV_VERSION} into .tools`);
  requirePython();
  rmSync(home, { recursive: true, force: true });
  const requirement = [
    '--quiet',
    '--disable-pip-version-check',
    '--only-binary',
    ':all:',
    `uv==${UV_VERSION}`,
  ];
  const venv = spawnSync('python3', ['-m', 'venv', home], { encoding: 'utf8' });
  // Debian's python3 comes without venv unless python3-venv is installed; plain pip is the other way.
  const code =
    venv.status === 0
      ? await run(path.join(home, 'bin/python'), ['-m', 'pip', 'install', ...requirement])
      : await run('python3', [
          '-m',
          'pip',
          'install',
          '--target',
          home,
          '--upgrade',
          ...requirement,
        ]);
  if (code !== 0) {
    throw new SetupProblem(
      `uv ${UV_VERSION} could not be installed: pip ended with exit code ${code}; wanted is python3 with venv or pip`,
    );
  }
  mkdirSync(path.dirname(uv), { recursive: true });
  link(uv, '../uv/bin/uv');
  if (!answersVersion(uv, UV_VERSION))
    throw new SetupProblem(`.tools/bin/uv does not answer as uv ${UV_VERSION}`);
}

function requirePython() {
  const asked = spawnSync('python3', ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], {
    encoding: 'utf8',
  });
  const version = asked.status === 0 ? asked.stdout.trim() : undefined;
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  if (major < 3 || (major === 3 && minor < 10)) {
    throw new SetupProblem(
      `python3 is ${version ?? 'not installed'}; wanted is Python 3.10 or newer`,
    );
  }
}

function answersVersion(program, version) {
  if (!existsSync(program)) return false;
  const asked = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return asked.status === 0 && asked.stdout.split(/\s+/).includes(version);
}

async function buildBundle(node) {
  const code = await run(node, [path.join(root, 'tools/build.mjs'), '--without-functions']);
  if (code !== 0) throw new SetupProblem(`the bundle could not be built: exit code ${code}`);
}

async function runHook(node, hook) {
  const file = path.join(root, hook);
  if (!existsSync(file)) return;
  const code = await run(node, [file], { env: toolEnvironment() });
  if (code !== 0) throw new SetupProblem(`${hook} ended with exit code ${code}`);
}

function link(place, target) {
  if (
    lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() &&
    readlinkSync(place) === target
  )
    return;
  rmSync(place, { force: true });
  symlinkSync(target, place);
  chmodSync(path.resolve(path.dirname(place), target), 0o755);
}

function say(text) {
  console.log(`setup: ${text}`);
}

if (isEntry(import.meta.url)) {
  await entry(async () => {
    await setup();
    say('ready');
    return 0;
  });
}
