// Bundles the command line, the library, the runner and its program for queries into dist/, and the functions on AWS, which a set-up leaves to
// whoever deploys them (`--without-functions`). Importing a main.ts runs it.

import { createHash } from 'node:crypto';
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
import { entry, root, SetupProblem } from './toolbox.mjs';

/** What other programs import: small, and what does the work is in files that are loaded with the first engine. */
const LIBRARY = { library: 'functions/local/library.ts' };
/** Our own programs. */
const PROGRAMS = {
  ahead: 'functions/cli/ahead.ts',
  cli: 'functions/cli/main.ts',
  runner: 'functions/runner/main.ts',
};
const NO_DIGEST = '0'.repeat(16);
const OPENS = `/*${NO_DIGEST}*/(function (exports, require, module, __filename, __dirname) { 'use strict'; const millraceUrl = require('node:url').pathToFileURL(__filename).href;`;
/** Each in one file, because images take them by name: the program for queries, and the entry of a container, which is not published. */
const ALONE = { sql: 'functions/runner/sql/main.ts', job: 'batch-images/main.ts' };
const UNPUBLISHED = 'job.mjs';
const STALE_MS = 60 * 60 * 1000;

async function build() {
  const elsewhere = /^--alone=(.+)$/.exec(process.argv.at(-1) ?? '')?.[1];
  if (elsewhere !== undefined) return buildAlone(elsewhere);
  const result = joined([
    await bundle(LIBRARY, { splitting: true, chunkNames: 'chunk-[hash]' }),
    ...(await Promise.all(Object.keys(PROGRAMS).map(bundleProgram))),
    await bundle(ALONE),
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
  const { outputFiles } = await bundle(ALONE, { outdir });
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

/** Packages in CommonJS ask for node's modules by require, which an ES module does not have. */
const REQUIRE =
  "import { createRequire as millraceRequire } from 'node:module'; const require = millraceRequire(import.meta.url);";

/**
 * A program in one file, as a function of what CommonJS gives: V8 can keep what it compiled of such a one (`bin/start.js`), and each
 * further file would cost a start half a millisecond. What is imported dynamically is run then and not before, as it would be from a
 * file of its own.
 */
async function bundleProgram(name) {
  const result = await bundle(
    { [name]: PROGRAMS[name] },
    {
      plugins: [database, builtins, patientParsers],
      outExtension: { '.js': '.cjs' },
      format: 'cjs',
      supported: { 'dynamic-import': false },
      define: {
        ...common.define,
        'import.meta.url': 'millraceUrl',
        'import.meta.dirname': '__dirname',
      },
      banner: { js: OPENS },
      footer: { js: '})' },
    },
  );
  return { ...result, outputFiles: result.outputFiles.map(withDigest) };
}

/** What was compiled of it is known again by the digest that it begins with. */
function withDigest(output) {
  if (!output.path.endsWith('.cjs')) return output;
  const ascii = output.text.replace(/(\\?)([^\0-\x7f])/g, escaped);
  const digest = createHash('sha256').update(ascii).digest('hex');
  const code = ascii.replace(NO_DIGEST, digest.slice(0, NO_DIGEST.length));
  return { path: output.path, contents: Buffer.from(code) };
}

/** The bundler leaves other letters in regular expressions and tagged templates. */
function escaped(whole, backslash, letter) {
  if (backslash !== '') throw new SetupProblem(`a letter beyond ASCII stands behind ${whole}`);
  return `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

async function bundle(entryPoints, options = {}) {
  const esbuild = await import('esbuild');
  return esbuild.build({
    ...common,
    entryPoints,
    outdir: 'dist',
    outExtension: { '.js': '.mjs' },
    plugins: [database],
    format: 'esm',
    sourcemap: 'linked',
    sourcesContent: false,
    banner: { js: REQUIRE },
    ...options,
  });
}

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node24',
  minify: true,
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

/** Modules of Node that it has not loaded itself by the time a program starts. */
const SLOW =
  /^node:(child_process|crypto|fs\/promises|https?|net|sqlite|stream(\/\w+)?|timers\/promises|zlib)$/;

/** Our own sources load them when something of theirs is first asked for: together they take as long as the start of Node. */
const builtins = {
  name: 'builtins',
  setup(build) {
    const wanted = membersOfBuiltins();
    build.onResolve({ filter: SLOW }, ({ path: name, importer }) =>
      importer.startsWith(path.join(root, 'functions/'))
        ? { path: name, namespace: 'builtins' }
        : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'builtins' }, ({ path: name }) => {
      const load = `require(${JSON.stringify(name)})`;
      const getters = [...wanted.get(name)].map(
        (member) => `get ${member}() { return all().${member}; }`,
      );
      return {
        contents: `let loaded; const all = () => (loaded ??= ${load}); module.exports = { ${getters.join(', ')} };`,
      };
    });
  },
};

/** What our sources import of them, by name: to offer more would take time for each of those that import. */
function membersOfBuiltins() {
  const found = new Map();
  for (const name of readdirSync(path.join(root, 'functions'), { recursive: true })) {
    if (!name.endsWith('.ts')) continue;
    const text = readFileSync(path.join(root, 'functions', name), 'utf8');
    for (const [, members, from] of text.matchAll(/^import \{([^}]*)\} from '(node:[^']+)'/gm)) {
      const known = found.get(from) ?? new Set();
      found.set(from, known);
      for (const member of members.split(','))
        if (!/^\s*(type\s|$)/.test(member)) known.add(member.trim().split(' ')[0]);
    }
  }
  return found;
}

/** How often an object is parsed before code is made for its schema: most are parsed a few times in the life of a command. */
const PATIENCE = 150;

/** zod makes and compiles a function for each object schema when it first parses one, which takes as long as parsing hundreds. */
const patientParsers = {
  name: 'patient-parsers',
  setup(build) {
    build.onLoad({ filter: /zod\/v4\/core\/schemas\.js$/ }, ({ path: full }) => {
      const text = readFileSync(full, 'utf8');
      const [before, after, more] = text.split('if (jit && fastEnabled && ctx');
      const [head, tail, other] = (before ?? '').split('let fastpass;');
      if (after === undefined || more !== undefined || tail === undefined || other !== undefined)
        throw new SetupProblem('zod compiles its parsers elsewhere than it did');
      const contents = `${head}let fastpass, parsed = 0;${tail}if (jit && fastEnabled && ++parsed > ${PATIENCE} && ctx${after}`;
      return { contents, loader: 'js' };
    });
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
