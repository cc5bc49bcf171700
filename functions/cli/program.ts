// The command line as a whole: global options, groups of commands, help, and what becomes of wrong usage.
// Only commander is loaded here; what a command does comes with its first call.
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { VERSION } from '#local/version.ts';
import type { Backend } from './backend.ts';
import { type Context, contextOf, type GlobalOptions } from './context.ts';
import { defineControlCommands } from './define/control.ts';
import { defineReadCommands } from './define/read.ts';
import { defineRunCommands } from './define/run.ts';
import { defineToolCommands } from './define/tools.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Host } from './host.ts';

/** What a command does, once its arguments are known. */
export type Act = (work: (context: Context) => Promise<ExitCode>) => Promise<void>;

const EXAMPLES = `
Examples:
  millrace run                                run ./pipeline.yaml and watch it
  millrace run flights.yaml -i year=2013      with an input
  millrace explain latest publish             why has this node not started?
  millrace resume latest                      go on after a stop, a crash included

Exit codes: 0 done, 1 failed or cancelled, 2 rejected or wrong usage, 3 defect, 4 parked
`;

export async function commandLine(
  args: readonly string[],
  host: Host,
  backend: Backend,
): Promise<ExitCode> {
  let code: ExitCode = EXIT.done;
  const program = baseProgram(host);
  let command = '';
  program.hook('preAction', (_, asked) => {
    // A command of a command goes by the name of the outer one.
    const outer = asked.parent === program ? null : asked.parent;
    command = (outer ?? asked).name();
  });
  const act: Act = async (work) => {
    const options = program.opts<GlobalOptions>();
    let context: Context | undefined;
    try {
      context = contextOf(host, backend, options, command);
      code = await work(context);
    } catch (error) {
      const { reportFailure } = await import('./failures.ts');
      // Of options that contradict each other it is told as on this machine.
      const { server: _, sigv4: _s, namespace: _n, ...own } = options;
      context ??= contextOf({ ...host, env: {} }, backend, own);
      code = reportFailure(error, context);
    }
  };
  program.commandsGroup('Running:');
  defineRunCommands(program, act);
  program.commandsGroup('Looking:');
  defineReadCommands(program, act);
  program.commandsGroup('Steering:');
  defineControlCommands(program, act);
  program.commandsGroup('Tools:');
  defineToolCommands(program, act);
  if (args.length === 0) {
    program.outputHelp();
    return EXIT.done;
  }
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.done;
    // Wrong usage is found before it is known what the options mean.
    if (args.includes('--json')) {
      const message = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
      host.stdout.write(`${JSON.stringify({ error: { code: 'invalid', message } })}\n`);
    }
    return EXIT.rejected;
  }
  return code;
}

/** As a variable of a script that nobody set. The current folder itself would fill with runs. */
function notEmpty(wanted: string): (given: string) => string {
  return (given) => {
    if (given !== '') return given;
    throw new InvalidArgumentError(`It is empty; wanted ${wanted}.`);
  };
}

function baseProgram(host: Host): Command {
  const program = new Command('millrace');
  program
    .description('Runs data pipelines that are declared in YAML.')
    .version(VERSION, '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .option(
      '--data-dir <folder>',
      'where runs live (MILLRACE_DATA_DIR; default ./.millrace)',
      notEmpty('the path of a folder'),
    )
    .option(
      '--server <url>',
      'where runs live on a server (MILLRACE_SERVER)',
      notEmpty('an address'),
    )
    .option('--sigv4', 'sign what is sent to it with credentials of AWS (MILLRACE_SIGV4)')
    .option('--namespace <name>', 'whose runs there (MILLRACE_NAMESPACE; default `default`)')
    .option('--json', 'one JSON object a line')
    .option('--no-color', 'no colours (NO_COLOR)')
    .option('-q, --quiet', 'only what went wrong')
    .addHelpText('after', EXAMPLES)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => host.stdout.write(text),
      writeErr: (text) => host.stderr.write(text),
      getOutHelpWidth: () => host.stdout.columns,
      getErrHelpWidth: () => host.stderr.columns,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .showHelpAfterError('(--help tells more)')
    .addHelpCommand(
      new Command('help').argument('[command]').description('print help').helpGroup('Tools:'),
    )
    .exitOverride();
  return program;
}
