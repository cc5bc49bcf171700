#!/usr/bin/env node
// Starts the command line. Old syntax on purpose: an old Node must get as far as saying which one is wanted.
// Not an ES module: those take Node several milliseconds more to begin with.
'use strict';

var fs = require('fs');
var path = require('path');

var version = process.versions.node.split('.').map(Number);
var modern = version[0] > 24 || (version[0] === 24 && version[1] >= 12);

if (modern) start();
else restart(packagedNode());

function start() {
  var source = path.join(__dirname, '../functions/cli/main.ts');
  if (fs.existsSync(path.join(__dirname, '../dist/cli.cjs'))) {
    var begin = require('./start.js');
    var command = process.argv.slice(2).find(isFrequent) || 'other';
    if (command === 'run') begin('ahead', 'ahead');
    begin('cli', 'cli-' + command);
  } else if (fs.existsSync(source)) void import(source);
  else refuse('millrace is not built here; run `npm run setup` in the checkout');
}

/** Commands that have what was compiled for them kept by itself. Options of all commands may stand before them. */
function isFrequent(word) {
  return /^(run|validate|plan|resume|retry|serve|show|runs|events|logs|explain|emit)$/.test(word);
}

/** The Node that came along as a package, in a checkout or in somebody's node_modules. */
function packagedNode() {
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
  var child = require('child_process').spawn(node, [__filename].concat(process.argv.slice(2)), {
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
