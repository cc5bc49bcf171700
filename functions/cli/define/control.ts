import { type Command, Option } from 'commander';
import type { Act } from '../program.ts';
import { examples } from './examples.ts';

const RUN = 'id, unique prefix of one, or latest';

export interface EmitOptions {
  readonly key?: string;
}

export interface DecideOptions {
  readonly comment?: string;
  readonly by?: string;
}

export function defineControlCommands(program: Command, act: Act): void {
  definePause(program, act);
  defineCancel(program, act);
  defineRetry(program, act);
  defineEmit(program, act);
  defineApprove(program, act);
  defineReject(program, act);
}

function definePause(program: Command, act: Act): void {
  const command = program
    .command('pause')
    .description('start nothing more; what runs goes on')
    .argument('<run>', RUN)
    .action((name: string) =>
      act(async (context) => (await import('../commands/steer.ts')).pause(context, name)),
    );
  examples(command, [['millrace pause latest', '`millrace resume latest` goes on']]);
}

function defineCancel(program: Command, act: Act): void {
  const command = program
    .command('cancel')
    .description('end a run: programs get TERM, and KILL after their grace period')
    .argument('<run>', RUN)
    .option('--force', 'without a grace period')
    .action((name: string, options: { force?: boolean }) =>
      act(async (context) =>
        (await import('../commands/steer.ts')).cancel(context, name, options.force === true),
      ),
    );
  examples(command, [
    ['millrace cancel latest', ''],
    ['millrace cancel latest --force', 'at once'],
  ]);
}

function defineRetry(program: Command, act: Act): void {
  const command = program
    .command('retry')
    .description('a new run of what failed and what hangs on it; prints its id')
    .argument('<run>', RUN)
    .option(
      '--from <node>',
      'this node (or operator of one) and everything behind it, failed or not',
    )
    .action((name: string, options: { from?: string }) =>
      act(async (context) =>
        (await import('../commands/retry.ts')).retry(context, name, options.from),
      ),
    );
  examples(command, [
    ['millrace retry latest', 'the failed nodes'],
    ['millrace retry latest --from clean', 'from one node on'],
  ]);
}

function defineEmit(program: Command, act: Act): void {
  const command = program
    .command('emit')
    .description('tell a run an event from outside')
    .argument('<run>', RUN)
    .argument('<event>', 'begins with external.')
    .argument('[payload...]', 'name=value, read as JSON where it is JSON')
    .addOption(new Option('--key <key>', 'the same key twice is one event'))
    .action((name: string, event: string, payload: string[], options: EmitOptions) =>
      act(async (context) =>
        (await import('../commands/emit.ts')).emit(context, name, {
          event,
          payload,
          key: options.key,
        }),
      ),
    );
  examples(command, [
    ['millrace emit latest external.go', ''],
    ['millrace emit latest external.approved by=ana rows=12', 'with a payload'],
  ]);
}

const WAITING =
  'the approval, or one instance of it: review[3]; may be left out when only one waits';

function deciding(command: Command): Command {
  return command
    .argument('<run>', RUN)
    .argument('[node]', WAITING)
    .addOption(new Option('--comment <text>', 'why; kept with the decision'))
    .addOption(new Option('--by <name>', 'who decides; your user name by default'));
}

function defineApprove(program: Command, act: Act): void {
  const command = deciding(
    program.command('approve').description('say yes to an approval that waits'),
  ).action((run: string, node: string | undefined, options: DecideOptions) =>
    act(async (context) =>
      (await import('../commands/approve.ts')).approve(context, { run, node }, options),
    ),
  );
  examples(command, [
    ['millrace approve latest', 'when only one waits'],
    ['millrace approve latest review --comment "looks right"', ''],
    ["millrace approve latest 'review[3]' --by ada", 'one instance'],
  ]);
}

function defineReject(program: Command, act: Act): void {
  const command = deciding(
    program.command('reject').description('say no to an approval that waits'),
  ).action((run: string, node: string | undefined, options: DecideOptions) =>
    act(async (context) =>
      (await import('../commands/reject.ts')).reject(context, { run, node }, options),
    ),
  );
  examples(command, [['millrace reject latest review --comment "wrong month"', '']]);
}
