// The working folder of a production line as its runs know it: with paths from the folder of its configuration.
import path from 'node:path';
import type { WorkDir } from '#schemas/work-dir.ts';
import type { CompiledFile } from '#service/pipeline-files.ts';

type Settings = NonNullable<CompiledFile['compiled']['settings']>;

/** `folder` is the configuration's. */
export function workDirOf({ workDir, log }: Settings, folder: string): WorkDir {
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
