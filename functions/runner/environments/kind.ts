// What every kind of environment can do. A new kind is one more file that implements this.

import type { GitContext } from '../code/git.ts';
import type { Variables } from '../host-environment.ts';

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
  command(program: string, args: readonly string[], options: CommandOptions): Promise<void>;
}

export interface CommandOptions {
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
}

export interface EnvironmentKind<E> {
  /** Throws EnvironmentFailed when nothing could be built from this. */
  validate(environment: E, source: Source): void;
  key(environment: E, source: Source, tools: Tools): Promise<KeyParts>;
  build(environment: E, source: Source, place: BuildPlace, tools: Tools): Promise<void>;
  /** Variables for programs that run in it. */
  activate(environment: E, folder: string, inherited: Variables): Variables;
}

/** What our tools run with: the user's own configuration. */
export type Tools = GitContext;
