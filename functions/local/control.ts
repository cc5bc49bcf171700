// The engine's side of Control: what every Control does, over a data directory.
import type { DataDirectory } from '#embedded/data-directory.ts';
import type { Control } from '#service/control.ts';
import { type ControlParts, createControl } from '#service/create-control.ts';
import type { Configured } from './configured.ts';
import { type LogHints, readLogs } from './logs.ts';

/** Control over the runs of one namespace of a data directory. */
export function createLocalControl(
  parts: Omit<ControlParts, 'readLogs'> & {
    readonly directory: DataDirectory;
    /** Told of what comes with a request and is stored nowhere. */
    readonly configured?: Configured;
  },
): Control {
  const { service, namespace, directory } = parts;
  const hints: LogHints = new Map();
  const control = createControl({
    ...parts,
    readLogs: (ref, query) => readLogs(service, directory.path, ref, { ...query, hints }),
    secretNames: () => service.secrets.names(namespace),
  });
  return {
    ...control,
    start: (request) => {
      parts.configured?.take(request);
      return control.start(request);
    },
  };
}
