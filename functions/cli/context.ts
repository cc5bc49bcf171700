// What every command gets beside its own arguments.
import path from 'node:path';
import type { Backend } from './backend.ts';
import type { Host, Output } from './host.ts';
import { remoteBackend } from './remote-backend.ts';
import { type Palette, paletteFor } from './render/palette.ts';
import { type ServerName, serverOf } from './server.ts';

/** Options that every command understands. Commander sets `color` to false for --no-color. */
export interface GlobalOptions {
  readonly dataDir?: string;
  readonly json?: boolean;
  readonly color?: boolean;
  readonly quiet?: boolean;
  readonly server?: string;
  readonly sigv4?: boolean;
  readonly namespace?: string;
}

export interface Context {
  readonly host: Host;
  readonly backend: Backend;
  /** Empty where runs live on a server. */
  readonly dataDir: string;
  /** Where runs live that are none of this machine. */
  readonly server?: ServerName;
  /** The data directory was named, by option or by variable. */
  readonly dataDirNamed: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  /** A person watches this stream: what happens may be drawn instead of listed. */
  isWatched(output: Output): boolean;
  readonly paint: Palette;
  readonly paintError: Palette;
  /** One line to standard output. */
  say(line: string): void;
  /** One line to standard error: what is said beside the answer. Silent under --quiet. */
  note(line: string): void;
  /** One object to standard output, as one line. */
  sayJson(value: unknown): void;
}

/** What the command of that name gets. Rejects options that contradict each other. */
export function contextOf(
  host: Host,
  backend: Backend,
  options: GlobalOptions,
  command = '',
): Context {
  const server = serverOf(host, options, command);
  const named = options.dataDir ?? (host.env['MILLRACE_DATA_DIR'] || undefined);
  const json = options.json === true;
  const quiet = options.quiet === true;
  const colour = options.color !== false;
  return {
    host,
    backend: server === undefined ? backend : remoteBackend(server),
    dataDir: server === undefined ? path.resolve(host.cwd, named ?? '.millrace') : '',
    ...(server === undefined ? {} : { server }),
    dataDirNamed: named !== undefined,
    json,
    quiet,
    // A terminal without a width (of expect, of a container) would get a letter on each line.
    isWatched: (output) =>
      output.isTerminal && output.columns > 0 && !json && !quiet && !isDumb(host.env),
    paint: paletteFor(host.stdout, host.env, colour),
    paintError: paletteFor(host.stderr, host.env, colour),
    say: (line) => host.stdout.write(`${line}\n`),
    note: (line) => {
      if (!quiet) host.stderr.write(`${line}\n`);
    },
    sayJson: (value) => host.stdout.write(`${JSON.stringify(value)}\n`),
  };
}

/** A log of CI, or a terminal that cannot move its cursor: lines, no tree. */
function isDumb(env: Host['env']): boolean {
  return env['TERM'] === 'dumb' || (env['CI'] !== undefined && env['CI'] !== 'false');
}
