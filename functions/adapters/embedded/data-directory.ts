// The layout of a data directory, in one place. Looks at its format before anything in it is touched.
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Defect, MillraceError, NotFound, Rejected } from '#errors/families.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { refuseNewer } from '#shared/format.ts';
import { fromSystem, systemCode } from './storage-errors.ts';

export interface DataDirectory {
  /** Absolute. */
  readonly path: string;
  readonly database: string;
  readonly lock: string;
  readonly objects: string;
  readonly logs: string;
  /** Spool and messages of the runner. */
  readonly runner: string;
  readonly workspaces: string;
  readonly secrets: string;
  readonly secretKey: string;
  /** The keys that sign. */
  readonly signingKeys: string;
  /** Where the engine answers its clients. */
  readonly engineSocket: string;
  readonly runnerSocket: string;
}

/**
 * Opens the data directory at `path`, creating what is missing. Rejects: `newer_format` (nothing touched), `read_only`.
 */
export function openDataDirectory(path: string): DataDirectory {
  const root = resolve(path);
  try {
    refuseNewerDirectory(root);
    refuseLongPath(root);
    makeFolder(root);
    for (const folder of ['objects', 'logs', 'runner', 'workspaces']) {
      mkdirSync(join(root, folder), { recursive: true, mode: 0o700 });
    }
    // Whoever keeps pipelines in git does not want runs there.
    if (!existsSync(join(root, '.gitignore'))) writeFileSync(join(root, '.gitignore'), '*\n');
    if (!existsSync(join(root, 'format'))) writeFormat(root);
    return layout(root);
  } catch (error) {
    throw error instanceof MillraceError ? error : fromSystem(error, root);
  }
}

/** The layout of a data directory that is there, for those who only read. Rejects: `not_found`, `newer_format`. */
export function readDataDirectory(path: string): DataDirectory {
  const root = resolve(path);
  if (!existsSync(join(root, 'format'))) {
    throw new NotFound(`${root}: no data directory; nothing has run here yet`, { path: root });
  }
  refuseNewerDirectory(root);
  return layout(root);
}

/**
 * The path of a socket of this data directory: in it, unless that is longer than a socket's path may be; then in a folder of
 * this user below the system's temporary folder, named by a hash of the data directory.
 */
export function socketPath(dataDirectory: string, name: string): string {
  const inside = join(dataDirectory, name);
  if (fits(inside)) return inside;
  const hash = createHash('sha256').update(realpathSync(dataDirectory)).digest('hex').slice(0, 16);
  const own = `millrace-${userInfo().uid}`;
  const base = [tmpdir(), '/tmp'].find((folder) => fits(join(folder, own, hash, name)));
  if (base === undefined) {
    throw new Rejected(
      'invalid',
      `${inside}: too long for a socket, and no shorter place was found`,
    );
  }
  ownFolder(join(base, own));
  ownFolder(join(base, own, hash));
  return join(base, own, hash, name);
}

function layout(root: string): DataDirectory {
  return {
    path: root,
    database: join(root, 'millrace.db'),
    lock: join(root, 'lock'),
    objects: join(root, 'objects'),
    logs: join(root, 'logs'),
    runner: join(root, 'runner'),
    workspaces: join(root, 'workspaces'),
    secrets: join(root, 'secrets.json'),
    secretKey: join(root, 'secrets.key'),
    signingKeys: join(root, 'signing.keys'),
    engineSocket: socketPath(root, 'engine.sock'),
    runnerSocket: socketPath(root, 'runner.sock'),
  };
}

/** Before anything is made: SQLite says only that it cannot open such a file. */
function refuseLongPath(root: string): void {
  const length = Buffer.byteLength(root);
  if (length <= limits.dataDirectoryBytes) return;
  throw new Rejected(
    'invalid',
    `${root}: a path of ${length} bytes; that of a data directory may have ${limits.dataDirectoryBytes}`,
  );
}

/** One folder after the other: asked for all at once, Node never comes back from a file system that takes none, as /proc. */
function makeFolder(folder: string): void {
  const parent = dirname(folder);
  if (parent !== folder && !existsSync(parent)) makeFolder(parent);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') throw new Rejected('invalid', `${folder}: no folder can be made there`);
    if (code !== 'EEXIST' || !statSync(folder).isDirectory()) throw error;
  }
}

function refuseNewerDirectory(root: string): void {
  const path = join(root, 'format');
  if (!existsSync(path)) return;
  const text = readFileSync(path, 'utf8').trim();
  if (!/^\d{1,9}$/.test(text)) {
    throw new Defect(`${path}: holds ${JSON.stringify(text.slice(0, 40))}, wanted a number`);
  }
  refuseNewer(Number(text), `data directory ${root}`);
}

function writeFormat(root: string): void {
  const passing = join(root, `format.${process.pid}`);
  writeFileSync(passing, `${FORMAT}\n`);
  renameSync(passing, join(root, 'format'));
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= limits.socketPathBytes;
}

/** A folder in a place that everybody may write to: it has to be ours, and nobody else's to read. */
function ownFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const found = lstatSync(path);
  const ours = found.isDirectory() && found.uid === userInfo().uid && (found.mode & 0o077) === 0;
  if (!ours) {
    throw new Rejected(
      'not_permitted',
      `${path}: has to be a folder of this user with mode 0700; remove it, or set TMPDIR to another folder`,
      { path },
    );
  }
}
