// What every kind of environment can do. A new kind is one more file that implements this.

import type { GitContext } from '../code/git.ts';
import type { Variables } from '../host-environment.ts';
import type { ToolEnd } from '../tool.ts';

/** The code an environment belongs to. */
export interface Source {
  /** Read only. */
  readonly folder: string;
  readonly label: string;
  digest(): Promise<string>;
  copy(target: string): Promise<void>;
}

/** Everything that decides what is built, by name; equal parts give equal environments. */
export type KeyParts = Readonly<Record<string, string>>;

export interface BuildPlace {
  /** Fresh, and thrown away when the build fails. */
  readonly folder: string;
  /** Runs a command of the build and notes it in the log. Throws EnvironmentFailed when it fails. */
  command(program: string, args: readonly string[], options: CommandOptions): Promise<ToolEnd>;
  /** The same of one that may fail. */
  attempt(program: string, args: readonly string[], options: CommandOptions): Promise<ToolEnd>;
  /** Says something in the log of the build. */
  say(note: string): void;
  /** Says something that whoever runs the pipeline should know: on the terminal, among the events, in the report. */
  warn(warning: string): void;
}

export interface CommandOptions {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Nothing of the host's environment, and nothing that it prints is noted. */
  readonly apart?: boolean;
}

export interface EnvironmentKind<E> {
  /** Whether it works at any path. One that does not is built where it will lie, and restored nowhere else. */
  readonly relocatable: boolean;
  /** Whether a commit of the operator decides what is built, so that nothing need be looked up a second time. */
  readonly fixed: boolean;
  /** Throws EnvironmentFailed, naming the first that its tool may not be given. Asked before any code is there, too. */
  checkArguments(extraArgs: readonly string[]): void;
  /** Throws EnvironmentFailed when nothing could be built from this. */
  validate(environment: E, source: Source): void;
  key(environment: E, source: Source, tools: Tools): Promise<KeyParts>;
  build(environment: E, source: Source, place: BuildPlace, tools: Tools): Promise<void>;
  /** A file of a finished one without which none of its programs can begin. Where it is gone, the environment is built again. */
  essential(environment: E, folder: string): string;
  /** Variables for programs that run in it. */
  activate(environment: E, folder: string, inherited: Variables): Variables;
}

/** What our tools run with: the user's own configuration. */
export interface Tools extends GitContext {
  /** Bytes that all built environments may take; after a build those not used for longest go. No bound where it is absent. */
  readonly cacheBytes?: number | undefined;
  /** Told what a build waits for, and with nothing when it waits no more. */
  readonly onWait?: ((why: string) => void) | undefined;
  /** Told what whoever runs the pipeline should know of a build. Without it that stands in the output. */
  readonly onWarning?: ((warning: string) => void) | undefined;
  /** Told of each environment that went at once for another one to have room. */
  readonly onRemoved?: ((line: string) => void) | undefined;
}
