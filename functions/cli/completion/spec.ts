// What can be typed, read from the commands themselves: a new command or option is completed without a line here.
import type { Argument, Command, Option } from 'commander';
import { runStatus } from '#schemas/run.ts';

/** What stands in a place: words to choose from, or things of a kind. */
export type Kind = 'file' | 'folder' | 'run' | 'node' | 'any' | readonly string[];

export interface Word {
  readonly name: string;
  readonly about: string;
}

export interface OptionSpec extends Word {
  /** `--long` and `-s`. */
  readonly names: readonly string[];
  /** Absent: a flag without a value. */
  readonly value: Kind | undefined;
}

export interface CommandSpec {
  /** Empty for the program itself, `env build` for a command of a command. */
  readonly path: string;
  readonly about: string;
  readonly commands: readonly Word[];
  readonly options: readonly OptionSpec[];
  /** In order. The last one stands for all that follow where it takes several. */
  readonly places: readonly Kind[];
  readonly repeats: boolean;
}

/** The program first, then every command that help shows. */
export function describe(program: Command): readonly CommandSpec[] {
  return specsOf(program, '');
}

function specsOf(command: Command, path: string): readonly CommandSpec[] {
  const shown = command.createHelp().visibleCommands(command);
  const children = shown.filter((child) => child.name() !== 'help');
  const own: CommandSpec = {
    path,
    about: command.description(),
    commands: shown.map((child) => ({ name: child.name(), about: child.description() })),
    options: command.createHelp().visibleOptions(command).map(optionOf),
    places: command.registeredArguments.map(kindOfArgument),
    repeats: command.registeredArguments.at(-1)?.variadic === true,
  };
  return [own, ...children.flatMap((child) => specsOf(child, `${path} ${child.name()}`.trim()))];
}

function optionOf(option: Option): OptionSpec {
  const names = [option.long, option.short].filter((name) => name !== undefined && name !== null);
  const value = option.required || option.optional ? kindOfOption(option) : undefined;
  return { name: option.name(), about: option.description, names, value };
}

function kindOfOption(option: Option): Kind {
  return option.argChoices ?? kindNamed(/<([^>]*)>/.exec(option.flags)?.[1] ?? '');
}

function kindOfArgument(argument: Argument): Kind {
  return argument.argChoices ?? kindNamed(argument.name());
}

/** By the names that all commands use for the same thing. */
const KINDS: Readonly<Record<string, Kind>> = {
  file: 'file',
  folder: 'folder',
  run: 'run',
  node: 'node',
  status: runStatus.options,
  dialect: ['nodes', 'operators'],
};

function kindNamed(name: string): Kind {
  return KINDS[name] ?? 'any';
}
