// Programs that tests start and no package registry has: taken from Debian, by name, where this user may install there.
// Runs under Node 20: node's own modules only.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import path from 'node:path';

/** `daemon`: the package brings a service that systemd would start, now and at every boot. */
const WANTED = [
  {
    programs: ['sshd'],
    package: 'openssh-server',
    daemon: true,
    lacks: 'operators from repositories over ssh',
  },
  {
    // Another browser of the same kind will do: Ubuntu has no package chromium.
    programs: ['chromium', 'google-chrome'],
    package: 'chromium',
    daemon: false,
    lacks: 'the page that `show --html` writes, in a browser',
  },
  {
    programs: ['java'],
    package: 'default-jre-headless',
    daemon: false,
    lacks: 'the table against DynamoDB Local',
  },
  {
    programs: ['mvn'],
    package: 'maven',
    daemon: false,
    lacks: 'the table against DynamoDB Local',
  },
];

// A plain user's PATH leaves out where Debian puts servers.
const SERVERS = ['/usr/sbin', '/usr/local/sbin', '/sbin'];

/** Installs what is missing. Answers a line for each that is missing still: what it is and what is not tested without it. */
export function installForTests(say) {
  const missing = WANTED.filter(isMissing);
  if (missing.length === 0) return [];
  const mayBe = missing.map((wanted) => ({ wanted, hindrance: hindranceOf(wanted) }));
  const names = mayBe.filter(({ hindrance }) => hindrance === undefined);
  if (names.length > 0)
    aptInstall(
      names.map(({ wanted }) => wanted.package),
      say,
    );
  return mayBe
    .filter(({ wanted }) => isMissing(wanted))
    .map(({ wanted, hindrance }) => {
      const why = hindrance ?? 'apt-get could not install it';
      return `${wanted.programs[0]} (${why}; Debian package ${wanted.package}): not tested: ${wanted.lacks}`;
    });
}

function isMissing({ programs }) {
  return programs.every((program) => findProgram(program) === undefined);
}

/** The path of a program, or undefined. */
export function findProgram(program) {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), ...SERVERS];
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => path.join(folder, program))
    .find(isProgram);
}

function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** Why it is not installed here, or undefined. */
function hindranceOf({ daemon }) {
  if (process.platform !== 'linux' || findProgram('apt-get') === undefined)
    return 'no apt-get here';
  if (asRoot() === undefined) return 'neither root nor sudo without a password';
  // Tests are no reason to open a port on somebody's own machine.
  if (daemon && existsSync('/run/systemd/system') && !isCi())
    return 'left to you, because its service would start with the machine';
  return undefined;
}

export function isCi() {
  return !['', 'false', undefined].includes(process.env.CI);
}

/** What to put before a command so that root runs it; undefined where that would ask for a password. */
function asRoot() {
  if (process.getuid?.() === 0) return [];
  const asked = spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' });
  return asked.status === 0 ? ['sudo', '-n'] : undefined;
}

function aptInstall(names, say) {
  say(`installing Debian packages for tests: ${names.join(', ')}`);
  if (apt(['install', ...names])) return;
  // A fresh container has no lists of packages yet.
  say('reading the lists of Debian packages (apt-get update)');
  if (apt(['update']) && apt(['install', ...names])) return;
  say(`apt-get could not install ${names.join(', ')}`);
}

function apt(args) {
  const [program = '', ...rest] = [
    ...(asRoot() ?? []),
    'env',
    'DEBIAN_FRONTEND=noninteractive',
    // A service manager that believes itself in a chroot starts nothing.
    'SYSTEMD_OFFLINE=1',
    'RUNLEVEL=1',
    'apt-get',
    '--quiet',
    '--quiet',
    '--yes',
    '--no-install-recommends',
    '-o',
    'Acquire::Retries=3',
    '-o',
    'DPkg::Lock::Timeout=120',
    ...args,
  ];
  const done = spawnSync(program, rest, { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] });
  return done.status === 0;
}
