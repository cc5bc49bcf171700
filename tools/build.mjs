// Bundles the command line, the library, the runner and its program for queries into dist/, and the functions on AWS, which a set-up leaves to
// whoever deploys them (`--without-functions`). Importing a main.ts runs it.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { bundleFunctions } from './bundle-functions.mjs';
import { entry, root } from './toolbox.mjs';

const ENTRIES = {
  millrace: 'functions/cli/main.ts',
  library: 'functions/local/library.ts',
  runner: 'functions/runner/main.ts',
};
const RUNNER = 'runner';
/** Each in one file, because images take them by name: the program for queries, and the entry of a container, which is not published. */
const ALONE = { sql: 'functions/runner/sql/main.ts', job: 'batch-images/main.ts' };
const UNPUBLISHED = 'job.mjs';
const STALE_MS = 60 * 60 * 1000;

async function build() {
  const elsewhere = /^--alone=(.+)$/.exec(process.argv.at(-1) ?? '')?.[1];
  if (elsewhere !== undefined) return buildAlone(elsewhere);
  const present = Object.entries(ENTRIES).filter(([, source]) =>
    existsSync(path.join(root, source)),
  );
  if (present.length === 0) return 0;
  const result = joined([
    await bundle(Object.fromEntries(present.filter(([name]) => name !== RUNNER))),
    // By itself: what all have in common would be cut into many small files, and each file costs a start half a millisecond.
    await bundle(Object.fromEntries(present.filter(([name]) => name === RUNNER))),
    await bundle(ALONE, { splitting: false }),
  ]);
  const files = [...result.outputFiles, ...(await companions(result))];
  const written = files.filter(writeIfChanged);
  removeStale(files.map((file) => path.basename(file.path)));
  if (!process.argv.includes('--without-functions')) await buildFunctions();
  if (written.length > 0) printSizes(result.metafile);
  return 0;
}

/** Only the programs that stand alone, into another folder. */
async function buildAlone(outdir) {
  const { outputFiles } = await bundle(ALONE, { splitting: false, outdir });
  outputFiles.forEach(writeIfChanged);
  return 0;
}

/** Several builds as one. */
const joined = (results) => ({
  outputFiles: results.flatMap(({ outputFiles }) => outputFiles),
  metafile: {
    inputs: Object.assign({}, ...results.map(({ metafile }) => metafile.inputs)),
    outputs: Object.assign({}, ...results.map(({ metafile }) => metafile.outputs)),
  },
});

/** Not part of the package that is published: the stacks take them from here. */
async function buildFunctions() {
  const folder = path.join(root, 'dist/functions');
  const { outputFiles, metafile } = await bundleFunctions(folder);
  if (outputFiles.filter(writeIfChanged).length > 0) printSizes(metafile);
  // Whatever lies beside them would be deployed with them.
  const current = new Set(outputFiles.map(({ path: full }) => full));
  for (const found of existsSync(folder) ? readdirSync(folder, { recursive: true }) : []) {
    const full = path.join(folder, found);
    if (statSync(full, { throwIfNoEntry: false })?.isFile() && !current.has(full))
      rmSync(full, { force: true });
  }
}

/** What lies beside the bundle: the other door of the library, its types, whose work is in it, and what of all that is published. */
async function companions({ outputFiles, metafile }) {
  const files = [
    file('library.cjs', forRequire(wantedNode())),
    file('THIRD-PARTY-LICENSES.txt', licencesOf(metafile)),
    ...(await types()),
  ];
  // Chunks of earlier builds are not of this one, and maps without sources are of use to nobody who lacks them.
  const published = [...outputFiles, ...files]
    .map(({ path: full }) => path.basename(full))
    .filter((name) => !name.endsWith('.map') && name !== UNPUBLISHED);
  return [...files, file('.npmignore', `*\n${published.map((name) => `!${name}\n`).join('')}`)];
}

/** Made on demand, and when there are none: it takes as long as all the rest. */
async function types() {
  const names = ['library.d.mts', 'library.d.cts'];
  const known = names.map((name) => path.join(root, 'dist', name));
  if (!process.argv.includes('--types') && known.every((each) => existsSync(each)))
    return known.map((each) => ({ path: each, contents: readFileSync(each) }));
  const { rolledUpTypes } = await import('./types.mjs');
  const text = await rolledUpTypes();
  return names.map((name) => file(name, text));
}

/** A Node that is too old to load an ES module this way says so here, as the module itself does elsewhere. */
const forRequire = ({ major, minor }) => `'use strict';
var version = process.versions.node.split('.').map(Number);
if (version[0] < ${major} || (version[0] === ${major} && version[1] < ${minor})) {
  var refusal = new Error('millrace wants Node ${major}.${minor} or newer; this is ' + process.versions.node);
  process.once('uncaughtExceptionMonitor', function (error) {
    if (error !== refusal) return;
    process.once('exit', function () {
      process.exitCode = 2;
    });
  });
  throw refusal;
}
module.exports = require('./library.mjs');
`;

function wantedNode() {
  const { engines } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const [, major, minor] = /^>=(\d+)\.(\d+)$/.exec(engines.node);
  return { major, minor };
}

/** The licence of each package that something in the bundle is from. */
function licencesOf(metafile) {
  const folders = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match !== null) folders.add(match[1]);
  }
  const texts = [...folders].sort().map((folder) => {
    const full = path.join(root, folder);
    const { name, version, license } = JSON.parse(
      readFileSync(path.join(full, 'package.json'), 'utf8'),
    );
    const licence = readdirSync(full).find((each) => /^licen[cs]e/i.test(each));
    const text = licence === undefined ? '' : readFileSync(path.join(full, licence), 'utf8');
    return `${name} ${version} (${license})\n\n${text.trim()}\n`;
  });
  return `Millrace's bundle holds code of these packages.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

const file = (name, text) => ({ path: path.join(root, 'dist', name), contents: Buffer.from(text) });

async function bundle(entryPoints, options = {}) {
  const esbuild = await import('esbuild');
  return esbuild.build({
    ...common,
    entryPoints,
    outdir: 'dist',
    outExtension: { '.js': '.mjs' },
    // Chunks lie beside the entries, so that a path relative to import.meta.url means the same in all of them.
    chunkNames: 'chunk-[hash]',
    splitting: true,
    plugins: [database],
    format: 'esm',
    sourcemap: 'linked',
    sourcesContent: false,
    ...options,
    // Packages in CommonJS ask for node's modules by require, which an ES module does not have.
    banner: {
      js: "import { createRequire as millraceRequire } from 'node:module'; const require = millraceRequire(import.meta.url);",
    },
  });
}

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node24',
  minify: true,
  keepNames: true,
  metafile: true,
  legalComments: 'none',
  mainFields: ['module', 'main'],
  // Packages of the SDK offer CommonJS to whoever says `node` first, and of that nothing can be left out.
  conditions: ['module', 'import', 'node'],
  define: { 'process.env.NODE_ENV': '"production"' },
  write: false,
  logLevel: 'warning',
};

/**
 * The database itself, 70 MB of machine code, is not bundled: it is loaded from where its package is installed. Only that
 * package can see it, where packages are kept apart from one another.
 */
const database = {
  name: 'database',
  setup(build) {
    build.onResolve({ filter: /^@duckdb\/node-bindings$/ }, ({ path: name }) => ({
      path: name,
      namespace: 'database',
    }));
    build.onLoad({ filter: /.*/, namespace: 'database' }, ({ path: name }) => ({
      contents: `import { createRequire } from 'node:module';
        const { resolve } = createRequire(import.meta.url);
        export default createRequire(resolve('@duckdb/node-api'))(${JSON.stringify(name)});`,
    }));
  },
};

/** Replaces by rename, and only what differs: a running process never sees half a file. */
function writeIfChanged({ path: full, contents }) {
  if (existsSync(full) && readFileSync(full).equals(contents)) return false;
  mkdirSync(path.dirname(full), { recursive: true });
  const draft = `${full}.${process.pid}`;
  writeFileSync(draft, contents);
  renameSync(draft, full);
  return true;
}

/** Chunks of earlier builds stay for an hour, because a running process may still load one. */
function removeStale(current) {
  const dist = path.join(root, 'dist');
  for (const name of readdirSync(dist)) {
    const full = path.join(dist, name);
    if (
      name !== 'functions' &&
      !current.includes(name) &&
      Date.now() - statSync(full).mtimeMs > STALE_MS
    )
      rmSync(full, { force: true });
  }
}

function printSizes(metafile) {
  for (const [file, output] of Object.entries(metafile.outputs)) {
    if (/\.m?js$/.test(file)) console.log(`build: ${file} ${Math.ceil(output.bytes / 1024)} KiB`);
  }
}

await entry(build);
