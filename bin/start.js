// Starts a program of the bundle together with what V8 compiled of it at an earlier start: that is most of the time it takes to
// come up. Node's own compile cache holds what is compiled at loading only, this one all that a program of that kind has ever used.

'use strict';

const fs = require('node:fs');
const { createRequire } = require('node:module');
const { homedir } = require('node:os');
const path = require('node:path');
const vm = require('node:vm');

/** What runs longer than this is kept now: V8 forgets in time what it compiled for the start. */
const SETTLED_MS = 10_000;
const STALE_MS = 14 * 24 * 60 * 60 * 1000;

/** Runs a program of `dist`. What was compiled is kept by `kind`, because each kind uses other parts of the program. */
module.exports = function start(program, kind) {
  const bundle = path.join(__dirname, '../dist', `${program}.cjs`);
  // It holds ASCII only, so that it takes one byte a letter.
  const text = fs.readFileSync(bundle, 'latin1');
  const file = fileOf(text, kind);
  const cachedData = file === undefined ? undefined : contentOf(file);
  const script = new vm.Script(text, { filename: bundle, cachedData });
  if (file !== undefined && (cachedData === undefined || script.cachedDataRejected))
    keepLater(script, file);
  const exported = {};
  const run = script.runInThisContext();
  run(exported, createRequire(bundle), { exports: exported }, bundle, path.dirname(bundle));
};

/** In the user's cache; nowhere where that has no place, or where somebody asks Node to keep nothing. */
function fileOf(text, kind) {
  const { MILLRACE_CACHE_DIR, XDG_CACHE_HOME, NODE_DISABLE_COMPILE_CACHE } = process.env;
  const digest = /^\/\*([0-9a-f]{16})\*\//.exec(text.slice(0, 32));
  if (digest === null || NODE_DISABLE_COMPILE_CACHE) return undefined;
  const name = `${digest[1]}-${process.version}-${process.arch}-${kind}`;
  try {
    const base = XDG_CACHE_HOME || path.join(homedir(), '.cache');
    return path.join(MILLRACE_CACHE_DIR || path.join(base, 'millrace'), 'compiled', name);
  } catch {
    // A user without a home.
    return undefined;
  }
}

/** It is run as it is: what somebody else wrote, or could have written, is left alone. */
function contentOf(file) {
  try {
    const { uid, mode } = fs.statSync(file);
    return uid === process.getuid() && (mode & 0o022) === 0 ? fs.readFileSync(file) : undefined;
  } catch {
    return undefined;
  }
}

function keepLater(script, file) {
  let kept = false;
  const keep = () => {
    if (kept) return;
    kept = true;
    try {
      makeFolder(path.dirname(file));
      const draft = `${file}.${process.pid}`;
      fs.writeFileSync(draft, script.createCachedData(), { mode: 0o600 });
      fs.renameSync(draft, file);
      removeStale(path.dirname(file));
    } catch {
      // The next start takes as long as this one did.
    }
  };
  setTimeout(keep, SETTLED_MS).unref();
  // Of a command that was called wrongly too little was used.
  process.once('exit', (code) => {
    if (code < 2) keep();
  });
}

/** One after the other: asked for all at once, Node never comes back from a file system that takes none, as /proc. */
function makeFolder(folder) {
  if (fs.existsSync(folder)) return;
  makeFolder(path.dirname(folder));
  fs.mkdirSync(folder, { mode: 0o700 });
}

function removeStale(folder) {
  for (const name of fs.readdirSync(folder)) {
    const file = path.join(folder, name);
    if (Date.now() - fs.statSync(file).mtimeMs > STALE_MS) fs.rmSync(file, { force: true });
  }
}
