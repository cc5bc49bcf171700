// Turns what SQLite and the file system say into our families: who must act, and what would help.
import { Defect, type MillraceError, Rejected, Transient } from '#errors/families.ts';

const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
/** A write that failed for another reason than a full disk: a quota, a bound on file sizes, or a broken disk. */
const SQLITE_IOERR_WRITE = 778;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

/** The text code of a system error (`ENOSPC`), undefined for other errors. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}

function extendedCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number'
    ? error.errcode
    : undefined;
}

/** SQLite's primary result code; extended codes keep it in their lowest byte. */
export function sqliteCode(error: unknown): number | undefined {
  const code = extendedCode(error);
  return code === undefined ? undefined : code & 0xff;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const noSpace = (path: string, cause: unknown) =>
  new Transient(
    'no_space',
    `${path}: cannot be written any further: no space left, or a quota is used up; make room, then go on`,
    {
      afterMs: 5_000,
      details: { path },
      cause,
    },
  );

const readOnly = (path: string, cause: unknown) =>
  new Rejected(
    'read_only',
    `${path}: may not be written; make it writable or choose another data directory`,
    { path },
    cause,
  );

/** What is said of a database file that cannot be read. */
export function corrupt(path: string, saying: string, cause?: unknown): Defect {
  return new Defect(
    `${path}: not a readable database (${saying}); move it away or put a backup in its place. ` +
      'What is still legible can be taken out with: sqlite3 FILE .recover',
    { path },
    cause,
  );
}

/** An error of SQLite on the file at `path`, as one of ours. */
export function fromSqlite(error: unknown, path: string): MillraceError {
  const text = textOf(error);
  switch (sqliteCode(error) ?? 0) {
    case SQLITE_FULL:
      return noSpace(path, error);
    case SQLITE_READONLY:
      return readOnly(path, error);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return new Transient('busy', `${path}: another process is writing`, { cause: error });
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return corrupt(path, text, error);
    case SQLITE_IOERR:
      if (extendedCode(error) === SQLITE_IOERR_WRITE) return noSpace(path, error);
      return new Transient('unavailable', `${path}: the disk refused (${text})`, { cause: error });
    case SQLITE_CANTOPEN:
      return new Rejected('invalid', `${path}: cannot be opened (${text})`, { path }, error);
    default:
      return new Defect(`${path}: ${text}`, { path }, error);
  }
}

/** An error of the file system at `path`, as one of ours. */
export function fromSystem(error: unknown, path: string): MillraceError {
  switch (systemCode(error) ?? '') {
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return noSpace(path, error);
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return readOnly(path, error);
    case 'ENAMETOOLONG':
      return new Rejected('invalid', `${path}: a part of the name is too long`, { path }, error);
    case 'EEXIST':
    case 'ENOTDIR':
    case 'EISDIR':
      return new Rejected('invalid', `${path}: a file stands where a folder is wanted`, { path });
    case 'EMFILE':
    case 'ENFILE':
      return new Transient('unavailable', `${path}: too many open files`, { cause: error });
    default:
      return new Defect(`${path}: ${textOf(error)}`, { path }, error);
  }
}
