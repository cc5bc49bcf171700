#!/usr/bin/env node
// Starts the command line. Old syntax on purpose: an old Node must get as far as saying which one is wanted.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { fileURLToPath } from 'node:url';

var version = process.versions.node.split('.').map(Number);
var modern = version[0] > 24 || (version[0] === 24 && version[1] >= 12);

if (modern) start();
else restart(packagedNode());

function start() {
  if (nodeModule.enableCompileCache) nodeModule.enableCompileCache();
  var bundle = new URL('../dist/millrace.mjs', import.meta.url);
  var source = new URL('../functions/cli/main.ts', import.meta.url);
  var found = [bundle, source].find(function (place) {
    return existsSync(fileURLToPath(place));
  });
  if (found === undefined)
    refuse('millrace is not built here; run `npm run setup` in the checkout');
  else void import(found.href);
}

/** The Node that came along as a package, in a checkout or in somebody's node_modules. */
function packagedNode() {
  var require = nodeModule.createRequire(import.meta.url);
  try {
    return require.resolve('node-' + process.platform + '-' + process.arch + '/bin/node');
  } catch (_absent) {
    return undefined;
  }
}

function restart(node) {
  if (node === undefined) {
    refuse('millrace wants Node 24.12 or newer; this is ' + process.versions.node);
    return;
  }
  var child = spawn(node, [fileURLToPath(import.meta.url)].concat(process.argv.slice(2)), {
    stdio: 'inherit',
  });
  ['SIGTERM', 'SIGHUP', 'SIGINT'].forEach(function (signal) {
    process.on(signal, function () {
      // Ctrl-C in a terminal reaches the child by itself; a second SIGINT would mean "at once".
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  });
  child.on('error', function (problem) {
    refuse(String(problem));
  });
  child.on('exit', function (code, signal) {
    if (signal === null) {
      process.exitCode = code;
      return;
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

function refuse(text) {
  process.stderr.write(text + '\n');
  process.exitCode = 2;
}
