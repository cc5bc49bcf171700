import { type Command, Option } from 'commander';
import type { Act } from '../program.ts';
import { examples, gather } from './examples.ts';

/** How a run may be given, the same for `run` and `plan`. */
export interface GivenOptions {
  readonly input?: readonly string[];
  readonly inputs?: string;
  readonly with?: readonly string[];
  readonly allowEnv?: readonly string[];
  readonly allowAllEnv?: boolean;
  readonly offline?: boolean;
  readonly timeout?: string;
}

export interface ServeOptions {
  readonly idle?: string;
  readonly detached?: boolean;
}

export interface RunOptions extends GivenOptions {
  readonly detach?: boolean;
  /** False: nothing is taken over from earlier runs. */
  readonly cache?: boolean;
}

export function defineRunCommands(program: Command, act: Act): void {
  defineRun(program, act);
  defineResume(program, act);
  defineServe(program, act);
  definePlan(program, act);
  defineValidate(program, act);
}

function defineRun(program: Command, act: Act): void {
  const command = withGivenOptions(
    program
      .command('run')
      .description('run a pipeline and watch it until it ends')
      .argument(
        '[file]',
        'a file or folder; default: pipeline.yaml, .pipeline.yaml or .go-idp/pipeline.yaml',
      ),
  )
    .option('--detach', 'print the run id and leave; an engine in the background goes on')
    .option('--no-cache', 'work every node, cached or not; what they give is kept')
    .action((file: string | undefined, options: RunOptions) =>
      act(async (context) => (await import('../commands/run.ts')).run(context, file, options)),
    );
  examples(command, [
    ['millrace run', 'the pipeline of this folder'],
    ['millrace run flights.yaml -i year=2013', 'with an input'],
    ['millrace run flights.yaml --inputs in.json --json', 'for a program'],
    ['millrace run conf', 'the files of a folder as one configuration'],
    ['millrace run flights.yaml --with clean=../clean', 'with an operator you work on'],
    ['millrace run flights.yaml --detach', 'without watching it; `logs -f` watches'],
  ]).addHelpText(
    'after',
    '\nCtrl-C cancels the run, twice at once. SIGTERM and SIGHUP park it: `millrace resume` goes on.',
  );
}

function defineResume(program: Command, act: Act): void {
  const command = program
    .command('resume')
    .description('go on with a run that was parked, paused, halted or killed, and watch it')
    .argument('<run>', 'id, unique prefix of one, or latest')
    .action((name: string) =>
      act(async (context) => (await import('../commands/resume.ts')).resume(context, name)),
    );
  examples(command, [['millrace resume latest', 'go on where it was']]);
}

function defineServe(program: Command, act: Act): void {
  const command = program
    .command('serve')
    .description('be the engine of a data directory: go on with every unfinished run')
    .option('--idle <duration>', 'end when nothing runs and nobody asks for so long')
    .addOption(new Option('--detached', 'as `run --detach` leaves it').hideHelp())
    .action((options: ServeOptions) =>
      act(async (context) => (await import('../commands/serve.ts')).serve(context, options)),
    );
  examples(command, [
    ['millrace serve', 'until SIGTERM or Ctrl-C, which park the runs'],
    ['millrace serve --idle 10m', ''],
  ]);
}

function definePlan(program: Command, act: Act): void {
  const command = withGivenOptions(
    program
      .command('plan')
      .description('what would happen: nodes, order, environments, what cannot fit')
      .argument('[file]', 'default: as `run`'),
  ).action((file: string | undefined, options: GivenOptions) =>
    act(async (context) => (await import('../commands/plan.ts')).plan(context, file, options)),
  );
  examples(command, [
    ['millrace plan flights.yaml', 'for reading'],
    ['millrace plan flights.yaml --json', 'for a program'],
  ]);
}

function defineValidate(program: Command, act: Act): void {
  const command = program
    .command('validate')
    .description('every problem of a pipeline file, with line and column')
    .argument('[file]', 'default: as `run`')
    .action((file: string | undefined) =>
      act(async (context) => (await import('../commands/validate.ts')).validate(context, file)),
    );
  examples(command, [
    ['millrace validate flights.yaml', 'exits 0 without errors, 2 with'],
    ['millrace validate flights.yaml --json', '{ "problems": [...] }'],
  ]);
}

function withGivenOptions(command: Command): Command {
  return command
    .addOption(
      new Option('-i, --input <name=value>', 'an input; may be given several times').argParser(
        gather,
      ),
    )
    .option('--inputs <file>', 'inputs from a JSON or YAML file')
    .addOption(
      new Option('--with <operator=folder>', 'a working tree in place of an operator').argParser(
        gather,
      ),
    )
    .addOption(
      new Option('--allow-env <name>', 'a variable that programs inherit').argParser(gather),
    )
    .option('--allow-all-env', 'programs inherit every variable')
    .option('--offline', 'no network: what is not there already is a problem')
    .option('--timeout <duration>', 'longest the run may take: 90s, 2h, 1h30m');
}
