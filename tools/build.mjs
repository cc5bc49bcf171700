// Bundles the command line, the library, the runner and its program for queries into dist/. Importing a main.ts runs it.

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
import { entry, root } from './toolbox.mjs';

const ENTRIES = {
  millrace: 'functions/cli/main.ts',
  library: 'functions/local/library.ts',
  runner: 'functions/runner/main.ts',
  sql: 'functions/runner/sql/main.ts',
};
const STALE_MS = 60 * 60 * 1000;

async function build() {
  const present = Object.entries(ENTRIES).filter(([, source]) =>
    existsSync(path.join(root, source)),
  );
  if (present.length === 0) return 0;
  const result = await bundle(Object.fromEntries(present));
  const written = result.outputFiles.filter(writeIfChanged);
  removeStale(result.outputFiles.map((file) => path.basename(file.path)));
  if (written.length > 0) printSizes(result.metafile);
  return 0;
}

async function bundle(entryPoints) {
  const esbuild = await import('esbuild');
  return esbuild.build({
    absWorkingDir: root,
    entryPoints,
    outdir: 'dist',
    outExtension: { '.js': '.mjs' },
    // Chunks lie beside the entries, so that a path relative to import.meta.url means the same in all of them.
    chunkNames: 'chunk-[hash]',
    bundle: true,
    splitting: true,
    platform: 'node',
    plugins: [database],
    target: 'node24',
    format: 'esm',
    minify: true,
    keepNames: true,
    sourcemap: 'linked',
    sourcesContent: false,
    metafile: true,
    legalComments: 'none',
    mainFields: ['module', 'main'],
    conditions: ['import', 'node'],
    define: { 'process.env.NODE_ENV': '"production"' },
    // Packages in CommonJS ask for node's modules by require, which an ES module does not have.
    banner: {
      js: "import { createRequire as millraceRequire } from 'node:module'; const require = millraceRequire(import.meta.url);",
    },
    write: false,
    logLevel: 'warning',
  });
}

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
function writeIfChanged(file) {
  if (existsSync(file.path) && readFileSync(file.path).equals(file.contents)) return false;
  mkdirSync(path.dirname(file.path), { recursive: true });
  const draft = `${file.path}.${process.pid}`;
  writeFileSync(draft, file.contents);
  renameSync(draft, file.path);
  return true;
}

/** Chunks of earlier builds stay for an hour, because a running process may still load one. */
function removeStale(current) {
  const dist = path.join(root, 'dist');
  for (const name of readdirSync(dist)) {
    const full = path.join(dist, name);
    if (!current.includes(name) && Date.now() - statSync(full).mtimeMs > STALE_MS)
      rmSync(full, { force: true });
  }
}

function printSizes(metafile) {
  for (const [file, output] of Object.entries(metafile.outputs)) {
    if (file.endsWith('.mjs')) console.log(`build: ${file} ${Math.ceil(output.bytes / 1024)} KiB`);
  }
}

await entry(build);
