import type { Command } from 'commander';
import type { Act } from '../program.ts';
import { examples } from './examples.ts';

const RUN = 'id, unique prefix of one, or latest';

export interface RunsOptions {
  readonly limit?: string;
  readonly pipeline?: string;
  readonly status?: string;
  readonly all?: boolean;
}

export interface ShowOptions {
  readonly html?: string;
}

export interface FollowOptions {
  readonly follow?: boolean;
}

export interface EventsOptions extends FollowOptions {
  readonly children?: boolean;
}

export function defineReadCommands(program: Command, act: Act): void {
  defineRuns(program, act);
  defineShow(program, act);
  defineEvents(program, act);
  defineLogs(program, act);
  defineExplain(program, act);
}

function defineRuns(program: Command, act: Act): void {
  const command = program
    .command('runs')
    .description('list runs, newest first')
    .option('-n, --limit <count>', 'at most so many', '20')
    .option('--pipeline <id>', 'only of this pipeline')
    .option('--status <status>', 'only with this status')
    .option('-a, --all', 'sub-runs as well')
    .action((options: RunsOptions) =>
      act(async (context) => (await import('../commands/runs.ts')).runs(context, options)),
    );
  examples(command, [
    ['millrace runs', ''],
    ['millrace runs --status failed -n 5', ''],
  ]);
}

function defineShow(program: Command, act: Act): void {
  const command = program
    .command('show')
    .description('a run: its nodes, outputs and failures')
    .argument('<run>', RUN)
    .option('--html <file>', 'write a page for a browser: timeline, peaks, logs of what failed')
    .action((name: string, options: ShowOptions) =>
      act(async (context) => (await import('../commands/show.ts')).show(context, name, options)),
    );
  examples(command, [
    ['millrace show latest', ''],
    ['millrace show latest --json', 'the report, as `run --json` ends with'],
    ['millrace show latest --html run.html', 'one file that needs no network'],
  ]);
}

function defineEvents(program: Command, act: Act): void {
  const command = program
    .command('events')
    .description('what happened in a run, in order')
    .argument('<run>', RUN)
    .option('-f, --follow', 'wait for more until the run ends')
    .option('--children', 'those of its sub-runs as well')
    .action((name: string, options: EventsOptions) =>
      act(async (context) =>
        (await import('../commands/events.ts')).events(context, name, options),
      ),
    );
  examples(command, [
    ['millrace events latest', ''],
    ['millrace events latest -f --json', 'as they happen, for a program'],
  ]);
}

function defineLogs(program: Command, act: Act): void {
  const command = program
    .command('logs')
    .description('what the programs of a run printed')
    .argument('<run>', RUN)
    .argument('[node]', 'only of this node, or of one instance: per_region[3]')
    .option('-f, --follow', 'wait for more until the run ends')
    .action((name: string, node: string | undefined, options: FollowOptions) =>
      act(async (context) =>
        (await import('../commands/logs.ts')).logs(context, name, {
          node,
          follow: options.follow === true,
        }),
      ),
    );
  examples(command, [
    ['millrace logs latest', ''],
    ['millrace logs latest clean -f', 'as it is printed'],
  ]);
}

function defineExplain(program: Command, act: Act): void {
  const command = program
    .command('explain')
    .description('why a node has not started, was skipped, or what it waits for')
    .argument('<run>', RUN)
    .argument('<node>', 'a node of the run')
    .action((name: string, node: string) =>
      act(async (context) => (await import('../commands/explain.ts')).explain(context, name, node)),
    );
  examples(command, [['millrace explain latest publish', 'its condition as a tree, with values']]);
}
