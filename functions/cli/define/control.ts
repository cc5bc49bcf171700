import { type Command, Option } from 'commander';
import type { Act } from '../program.ts';
import { examples } from './examples.ts';

const RUN = 'id, unique prefix of one, or latest';

export interface EmitOptions {
  readonly key?: string;
}

export function defineControlCommands(program: Command, act: Act): void {
  definePause(program, act);
  defineCancel(program, act);
  defineRetry(program, act);
  defineEmit(program, act);
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
    .option('--from <node>', 'this node and everything behind it, failed or not')
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
