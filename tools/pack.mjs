// Makes the package as it is published, installs it into an empty folder, and says how large it is and what comes along with it.
// `--out FOLDER` keeps the tarball there (the checkout by default), `--json` prints one object.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { entry, modernNode, root, run, SetupProblem, toolEnvironment } from './toolbox.mjs';

/** What the package may take; a change that needs more says so here. */
const MOST = { tarballBytes: 1_600_000, unpackedBytes: 5_200_000, installedPackages: 1 };

async function pack() {
  const args = process.argv.slice(2);
  const out = path.resolve(args[args.indexOf('--out') + 1 || args.length] ?? root);
  const built = await run(modernNode(), [path.join(root, 'tools/build.mjs'), '--types'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (built !== 0) throw new SetupProblem(`the bundle could not be built: exit code ${built}`);
  const [packed] = JSON.parse(
    npm(root, 'pack', '--json', '--ignore-scripts', '--pack-destination', out),
  );
  const tarball = path.join(out, packed.filename);
  const found = {
    tarball,
    tarballBytes: packed.size,
    unpackedBytes: packed.unpackedSize,
    files: packed.entryCount,
    ...installed(tarball),
  };
  if (args.includes('--json')) console.log(JSON.stringify(found));
  else print(found);
  const over = Object.entries(MOST).filter(([name, most]) => found[name] > most);
  for (const [name, most] of over)
    console.error(`pack: ${name} is ${found[name]}; wanted ${most} at most`);
  return over.length === 0 ? 0 : 1;
}

/** What is there after `npm i` of the tarball in a folder with nothing else. */
function installed(tarball) {
  const folder = mkdtempSync(path.join(tmpdir(), 'millrace-pack-'));
  try {
    writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
    npm(folder, 'install', '--ignore-scripts', '--no-audit', '--no-fund', tarball);
    const lock = path.join(folder, 'node_modules/.package-lock.json');
    const { packages } = JSON.parse(readFileSync(lock, 'utf8'));
    return {
      installedPackages: Object.keys(packages).length,
      installedBytes: bytesBelow(path.join(folder, 'node_modules')),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function npm(folder, ...args) {
  const ended = spawnSync('npm', args, {
    cwd: folder,
    encoding: 'utf8',
    env: toolEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (ended.status === 0) return ended.stdout;
  throw new SetupProblem(
    `npm ${args[0]} in ${folder} ended with exit code ${ended.status}:\n${ended.stderr}`,
  );
}

function bytesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .reduce((sum, each) => sum + statSync(path.join(each.parentPath, each.name)).size, 0);
}

function print({ tarball, tarballBytes, unpackedBytes, files, installedPackages, installedBytes }) {
  const mb = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
  console.log(`pack: ${tarball}`);
  console.log(`pack: ${mb(tarballBytes)}, ${mb(unpackedBytes)} unpacked, ${files} files`);
  console.log(
    `pack: npm i brings ${installedPackages} package${installedPackages === 1 ? '' : 's'}, ${mb(installedBytes)}`,
  );
}

await entry(pack);
