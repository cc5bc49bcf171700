// Bundles each Lambda function by itself: `functions/handlers/tick.ts` becomes `tick/index.mjs`. What a source imports only when it is
// needed is a chunk beside it.

import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { root } from './toolbox.mjs';

const HANDLERS = 'functions/handlers';

/** The names of the functions that have a source. */
export function functionSources() {
  const folder = path.join(root, HANDLERS);
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => /^([a-z-]+)\.ts$/.exec(name)?.slice(1) ?? []);
}

/** The files of all functions below that folder, and what is in them as esbuild tells it. Nothing is written. */
export async function bundleFunctions(outdir, names = functionSources()) {
  // One by one, so that they have no chunk in common.
  const results = await Promise.all(names.map((name) => bundleFunction(outdir, name)));
  return {
    outputFiles: results.flatMap(({ outputFiles }) => outputFiles),
    metafile: {
      inputs: Object.assign({}, ...results.map(({ metafile }) => metafile.inputs)),
      outputs: Object.assign({}, ...results.map(({ metafile }) => metafile.outputs)),
    },
  };
}

async function bundleFunction(outdir, name) {
  const esbuild = await import('esbuild');
  return esbuild.build({
    absWorkingDir: root,
    entryPoints: { [`${name}/index`]: path.join(HANDLERS, `${name}.ts`) },
    outdir,
    outExtension: { '.js': '.mjs' },
    chunkNames: `${name}/chunk-[hash]`,
    splitting: true,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minify: true,
    sourcemap: false,
    metafile: true,
    legalComments: 'none',
    mainFields: ['module', 'main'],
    // Packages of the SDK offer CommonJS to whoever says `node` first, and of that nothing can be left out.
    conditions: ['module', 'import', 'node'],
    // Its build for browsers is the same in modules, of which what is not used stays out.
    alias: { yaml: './node_modules/yaml/browser/index.js' },
    define: { 'process.env.NODE_ENV': '"production"' },
    plugins: [credentials],
    // Packages in CommonJS ask for node's modules by require, which an ES module does not have.
    banner: {
      js: "import { createRequire as millraceRequire } from 'node:module'; const require = millraceRequire(import.meta.url);",
    },
    write: false,
    logLevel: 'warning',
  });
}

/** A function is told its credentials by its environment; all other ways to them, clients of their own among them, stay out. */
const credentials = {
  name: 'credentials',
  setup(build) {
    build.onResolve({ filter: /^@aws-sdk\/credential-provider-node$/ }, () => ({
      path: 'environment',
      namespace: 'credentials',
    }));
    build.onLoad({ filter: /.*/, namespace: 'credentials' }, () => ({
      contents: `export { fromEnv as defaultProvider } from '@aws-sdk/credential-provider-env';`,
      resolveDir: root,
    }));
  },
};
