import { Argument, type Command, Option } from 'commander';
import type { Shell } from '../commands/completion.ts';
import type { Act } from '../program.ts';
import { examples } from './examples.ts';

export function defineToolCommands(program: Command, act: Act): void {
  defineInit(program, act);
  defineEval(program, act);
  defineSecret(program, act);
  defineEnv(program, act);
  defineCodec(program, act);
  defineSchema(program, act);
  defineDoctor(program, act);
  defineCompletion(program, act);
}

function defineInit(program: Command, act: Act): void {
  const command = program
    .command('init')
    .description('write a pipeline to begin with; overwrites nothing')
    .addArgument(
      new Argument('[pipeline]', 'default: hello').choices(['hello', 'sql', 'operators']),
    )
    .option('--dir <folder>', 'where to; made if it is not there', '.')
    .action((name: string | undefined, options: { dir: string }) =>
      act(async (context) =>
        (await import('../commands/init.ts')).init(context, name, options.dir),
      ),
    );
  examples(command, [
    ['millrace init', 'two nodes that need nothing but a shell'],
    ['millrace init operators --dir line', 'operators from git, in a folder of their own'],
  ]);
}

function defineEval(program: Command, act: Act): void {
  const command = program
    .command('eval')
    .description('try an expression or a condition, without a run or against one')
    .argument('<expression>', 'with or without {{ }}; `event:` makes it a condition')
    .addOption(new Option('--vars <file>', 'variables from a JSON or YAML file').conflicts('run'))
    .option('--run <run>', 'against this run as it is now')
    .action((text: string, { vars, run }: { vars?: string; run?: string }) =>
      act(async (context) => {
        const { evaluateInRun, evaluateText } = await import('../commands/eval.ts');
        return run === undefined
          ? evaluateText(context, text, vars)
          : evaluateInRun(context, text, run);
      }),
    );
  examples(command, [
    ["millrace eval '1 + 1'", ''],
    ["millrace eval 'len(clean.carriers) > 3' --vars vars.yaml", '{ clean: { carriers: [...] } }'],
    [
      "millrace eval 'event:a.completed && {{ a.n > 1 }}' --vars vars.yaml",
      '{ events: [a.completed], a: { n: 2 } }',
    ],
    ["millrace eval 'clean.rows / 2' --run latest", 'with what came of the run so far'],
  ]);
}

function defineSecret(program: Command, act: Act): void {
  const secret = program
    .command('secret')
    .description('secrets that pipelines name: {{ secret.X }}');
  const set = secret
    .command('set')
    .description('store a secret; its value is read from standard input')
    .argument('<name>', 'letters, digits and _')
    // Taken so that it can be said why it is not.
    .allowExcessArguments()
    .action((name: string, _options: unknown, command: Command) =>
      act(async (context) =>
        (await import('../commands/secret.ts')).setSecret(context, name, command.args.length > 1),
      ),
    );
  examples(set, [
    ['millrace secret set API_KEY', 'asks for it, without showing it'],
    ['millrace secret set API_KEY < key.txt', ''],
  ]);
  const list = secret
    .command('list')
    .description('names of the secrets, never their values')
    .action(() =>
      act(async (context) => (await import('../commands/secret.ts')).listSecrets(context)),
    );
  examples(list, [['millrace secret list', '']]);
  const rm = secret
    .command('rm')
    .description('forget a secret')
    .argument('<name>')
    .action((name: string) =>
      act(async (context) => (await import('../commands/secret.ts')).removeSecret(context, name)),
    );
  examples(rm, [['millrace secret rm API_KEY', '']]);
  examples(secret, [
    ['millrace secret set API_KEY < key.txt', ''],
    ['millrace secret list', ''],
  ]);
}

function defineEnv(program: Command, act: Act): void {
  const env = program.command('env').description('environments that steps run in');
  const list = env
    .command('list')
    .description('environments that are built')
    .action(() =>
      act(async (context) => (await import('../commands/env.ts')).listEnvironments(context)),
    );
  examples(list, [['millrace env list', '']]);
  const build = env
    .command('build')
    .description('build the environments of a pipeline before it runs')
    .argument('[file]', 'default: as `run`')
    .option('--offline', 'no network')
    .action((file: string | undefined, options: { offline?: boolean }) =>
      act(async (context) =>
        (await import('../commands/env.ts')).buildEnvironments(
          context,
          file,
          options.offline === true,
        ),
      ),
    );
  examples(build, [['millrace env build flights.yaml', '']]);
  const prune = env
    .command('prune')
    .description('remove environments that were not used for long')
    .option('--older-than <duration>', 'not used for so long', '30d')
    .option('--max-size <size>', 'until the rest takes no more, those not used for longest first')
    .option('--all', 'all of them')
    .action((options: { olderThan: string; maxSize?: string; all?: boolean }) =>
      act(async (context) =>
        (await import('../commands/env.ts')).pruneEnvironments(context, {
          age: options.all === true ? '0s' : options.olderThan,
          size: options.maxSize,
        }),
      ),
    );
  examples(prune, [
    ['millrace env prune --older-than 7d', ''],
    ['millrace env prune --max-size 20GiB', ''],
  ]);
  const why = env
    .command('why')
    .description('what an environment was built from, or why a pipeline needs another one')
    .argument('<pipeline|environment>', 'a pipeline, or the beginning of a digest')
    .argument('[operator]', 'of a pipeline: this one only')
    .action((name: string, operator: string | undefined) =>
      act(async (context) =>
        (await import('../commands/env.ts')).whyEnvironment(context, name, operator),
      ),
    );
  examples(why, [
    ['millrace env why flights.yaml clean', 'whether it will be built, and what has changed'],
    ['millrace env why 3f2a91', ''],
  ]);
  examples(env, [
    ['millrace env list', ''],
    ['millrace env build flights.yaml', ''],
  ]);
}

function defineCodec(program: Command, act: Act): void {
  const encode = program
    .command('encode')
    .description('write any text as one plain word: base64://…')
    .argument('[text]', 'default: standard input')
    .action((text: string | undefined) =>
      act(async (context) => (await import('../commands/codec.ts')).encodeText(context, text)),
    );
  examples(encode, [
    ["millrace encode 'a b'", 'base64://YSBi'],
    ['millrace encode < query.sql', ''],
  ]);
  const decode = program
    .command('decode')
    .description('read what `encode` wrote')
    .argument('[text]', 'default: standard input')
    .action((text: string | undefined) =>
      act(async (context) => (await import('../commands/codec.ts')).decodeText(context, text)),
    );
  examples(decode, [['millrace decode base64://YSBi', 'a b']]);
}

function defineSchema(program: Command, act: Act): void {
  const command = program
    .command('schema')
    .description('the JSON Schema of a dialect, for editors')
    .argument('<dialect>', 'nodes or operators')
    .action((dialect: string) =>
      act(async (context) => (await import('../commands/schema.ts')).printSchema(context, dialect)),
    );
  examples(command, [['millrace schema nodes > nodes.schema.json', '']]);
}

function defineCompletion(program: Command, act: Act): void {
  const command = program
    .command('completion')
    .description('a script with which a shell completes commands, options, runs and nodes')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action((shell: Shell) =>
      act(async (context) =>
        (await import('../commands/completion.ts')).printCompletion(context, shell, program),
      ),
    );
  examples(command, [
    ['eval "$(millrace completion bash)"', 'in ~/.bashrc; the same with zsh in ~/.zshrc'],
    ['millrace completion fish | source', 'in config.fish'],
  ]);
  const names = program
    .command('complete-names', { hidden: true })
    .description('runs or nodes, for the scripts of `completion`')
    .argument('<what>', 'run or node')
    .argument('[run]')
    .action((what: string, run: string | undefined) =>
      act(async (context) =>
        (await import('../commands/completion.ts')).completeNames(context, what, run),
      ),
    );
  examples(names, [['millrace complete-names node latest', '']]);
}

function defineDoctor(program: Command, act: Act): void {
  const command = program
    .command('doctor')
    .description('what of tools, limits and storage is here, and how to get what is not')
    .action(() => act(async (context) => (await import('../commands/doctor.ts')).doctor(context)));
  examples(command, [
    ['millrace doctor', 'exits 2 if something is missing without which nothing runs'],
    ['millrace doctor --json', 'for a program'],
  ]);
}
