// The working folders of production lines as their runs know them: with paths from the folder of the configuration.
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { type Message, message, warningOf } from '#core/messages.ts';
import type { Problem } from '#schemas/problems.ts';
import type { WorkDir } from '#schemas/work-dir.ts';
import type { FilePlan } from './run-plans.ts';

type Settings = NonNullable<FilePlan['settings']>;

/** Of each plan that is a production line, by its file. */
export function workDirsOf(plans: readonly FilePlan[]): Readonly<Record<string, WorkDir>> {
  return Object.fromEntries(
    plans.flatMap(({ file, settings }) =>
      settings === undefined ? [] : [[file, workDirOf(settings, path.dirname(file))]],
    ),
  );
}

function workDirOf({ workDir, log }: Settings, folder: string): WorkDir {
  return {
    folder: path.resolve(folder, workDir),
    log: {
      level: log.level,
      path: path.resolve(folder, log.path),
      rotation: log.rotation,
      retention: log.retention,
    },
  };
}

/** Logs that cannot be written, as far as that is seen without writing. */
export function logWarnings(workDirs: readonly WorkDir[]): readonly Problem[] {
  const files = new Set(workDirs.map(({ log }) => log.path));
  return [...files].flatMap((file) => {
    const said = whyNot(file) ?? whyNot(`${file}.jsonl`);
    return said === undefined ? [] : [warningOf(said, 'log_config.log_path')];
  });
}

/** Nothing is made: a plan asks as well. */
function whyNot(file: string): Message<'log_unwritable'> | undefined {
  let where = file;
  try {
    let there = statSync(where, { throwIfNoEntry: false });
    if (there?.isDirectory() === true) return message('log_unwritable', 'folder', { file });
    // Folders that are missing are made: the nearest that is there decides.
    while (there === undefined && path.dirname(where) !== where) {
      where = path.dirname(where);
      there = statSync(where, { throwIfNoEntry: false });
    }
    if (where !== file && there?.isDirectory() === false)
      return message('log_unwritable', 'no_folder', { file, folder: where });
    accessSync(where, where === file ? constants.W_OK : constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return message('log_unwritable', 'refused', { file, where, error: code });
  }
}
