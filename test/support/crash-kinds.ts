// What a round of the crash harness runs: pipelines whose programs and handlers leave a line in `effects` for every attempt, and how
// they are begun and gone on with.
import { join } from 'node:path';
import type { RunReport } from '#schemas/report.ts';
import { lineFaults, lineFiles, lineSources } from './crash-lines.ts';

export const ROOT = new URL('../..', import.meta.url).pathname;
export const BIN = join(ROOT, 'bin', 'millrace.js');
export const SECRET = 'crash-token-that-nobody-may-see';
const INSTANCES = 2_000;

type Random = () => number;

export type Target = 'engine' | 'runner' | 'both';

export interface CrashKind {
  readonly files: (random: Random) => Readonly<Record<string, string>>;
  /** Arguments of Node. */
  readonly begin: readonly string[];
  readonly goOn: (run: string) => readonly string[];
  /** Milliseconds from the start of an engine to its end: the first and the last. */
  readonly moments: readonly [number, number];
  /** Who is killed. */
  readonly targets: readonly [Target, ...Target[]];
  /** Approvals are decided, by one person or by two who do not agree. */
  readonly people?: boolean;
  /** Another run comes along as a client of the engine. */
  readonly second?: boolean;
  /** Somebody pauses the run now and then, and goes on with it. */
  readonly pauses?: boolean;
  /** What its files name. */
  readonly sources?: (folder: string) => void;
  /** What must hold besides. */
  readonly faults?: (folder: string, report: RunReport) => readonly string[];
}

const run = (file: string): readonly string[] => [BIN, 'run', file, '--json'];
const resume = (id: string): readonly string[] => [BIN, 'resume', id, '--json'];

/** The line stands where the secret is known, too: without it the program has no effect. */
const effect = (secret: boolean): string =>
  `${secret ? `test "\${#TOKEN}" = ${SECRET.length} || exit 9; echo "$TOKEN"; ` : ''}echo "$MILLRACE_RUN $MILLRACE_NODE $MILLRACE_ATTEMPT" >> "$MILLRACE_PIPELINE_DIR/effects"`;

function work(random: Random, output: string, secret = false): string {
  const command = `${effect(secret)}; sleep ${(random() * 0.12).toFixed(3)}; echo "${output}" >> "$MILLRACE_OUTPUTS"`;
  const env = secret ? 'env: { TOKEN: "{{ secret.CRASH }}" }, ' : '';
  return `steps: [{ ${env}command: ${JSON.stringify(command)} }]`;
}

/** Nodes that need some of those before them. */
function web(random: Random, count: number, does: (index: number) => string): string {
  const nodes = Array.from({ length: count }, (_, index) => {
    const needs = Array.from({ length: index }, (_unused, other) => `n${other}`).filter(
      () => random() < 1.6 / (index + 1),
    );
    const waits = needs.length === 0 ? '' : `    needs: [${needs.join(', ')}]\n`;
    return `  - id: n${index}\n${waits}    ${does(index)}\n`;
  });
  return `nodes:\n${nodes.join('')}`;
}

const every = (index: number, step: number): boolean => index % step === step - 1;

function runsInRuns(random: Random): Readonly<Record<string, string>> {
  const does = (index: number): string =>
    every(index, 6) ? 'pipeline: { id: child }' : work(random, `at=${index}`);
  return {
    'child.yaml': `id: child\nnodes:\n  - { id: c0, ${work(random, 'at=0')} }\n  - { id: c1, pipeline: { id: grandchild } }\n  - { id: c2, needs: [c0, c1], ${work(random, 'at=2')} }\n`,
    'grandchild.yaml': `id: grandchild\nnodes:\n  - { id: g0, ${work(random, 'at=0')} }\n`,
    'pipeline.yaml': `id: crash\n${web(random, 30, does)}`,
  };
}

/** Each is handled, whatever it is told; those of a list all together. */
const asked = (id: string): string =>
  `  - { id: after_${id}, startWhen: "event:${id}.approved || event:${id}.rejected", steps: [{ command: ${JSON.stringify(effect(false))} }] }\n`;

function askedAndAnswered(random: Random): Readonly<Record<string, string>> {
  const query = 'sql: { query: "select 40 + 2 as n", outputs: { n: select n from result } }';
  const does = (index: number): string => {
    if (index === 5) return query;
    return index === 8 ? 'pipeline: { id: child }' : work(random, `at=${index}`, every(index, 2));
  };
  const approvals =
    '  - { id: first, approval: true }\n  - { id: later, needs: [n1, n2], approval: { message: "{{ n1.at }}?" } }\n' +
    '  - { id: each, needs: [n0], forEach: [a, b, c], approval: true }\n';
  return {
    'child.yaml': `id: child\nnodes:\n  - { id: c0, ${work(random, 'at=0', true)} }\n  - { id: below, approval: true }\n${asked('below')}`,
    'pipeline.yaml': `id: crash\n${web(random, 12, does)}${approvals}${['first', 'later', 'each'].map(asked).join('')}`,
  };
}

function beside(random: Random): Readonly<Record<string, string>> {
  const does = (index: number): string => work(random, `at=${index}`);
  return {
    'pipeline.yaml': `id: crash\n${web(random, 15, does)}`,
    'second.yaml': `id: second\n${web(random, 15, does)}`,
  };
}

/** Over a list by reference, and a node behind them all. */
const fan = (list: string, each: string, last: string): string =>
  `id: crash\nnodes:\n  - { id: list, ${list} }\n  - { id: each, needs: [list], forEach: "{{ list.of }}", ${each} }\n  - { id: last, needs: [each], ${last} }\n`;

function manyPrograms(): Readonly<Record<string, string>> {
  const name = 'a-name-of-some-length';
  const list = `i=1; s='"${name}-0"'; while [ $i -lt ${INSTANCES} ]; do s="$s,\\"${name}-$i\\""; i=$((i+1)); done; echo "of=[$s]" >> "$MILLRACE_OUTPUTS"; ${effect(false)}`;
  const step = (command: string): string => `steps: [{ command: ${JSON.stringify(command)} }]`;
  return { 'pipeline.yaml': fan(step(list), step(effect(false)), step(effect(false))) };
}

/** A program that embeds the engine; it is killed with the handlers that it runs. */
function manyHandlers(): Readonly<Record<string, string>> {
  return {
    'pipeline.yaml': fan('function: list', 'function: each', 'function: each'),
    'embed.mjs': `import { appendFileSync } from 'node:fs';
import { createEngine } from ${JSON.stringify(join(ROOT, 'dist', 'library.mjs'))};
const effect = ({ run, node, instance, attempt }) =>
  appendFileSync('effects', \`\${run} \${node}\${instance === undefined ? '' : \`[\${instance}]\`} \${attempt}\\n\`);
const engine = await createEngine({ dataDir: '.millrace' });
engine.register('list', (call) => {
  effect(call);
  return { of: Array.from({ length: ${INSTANCES} }, (_, index) => \`a-name-of-some-length-\${index}\`) };
});
engine.register('each', async (call) => {
  effect(call);
  await new Promise((resolve) => setTimeout(resolve, ((call.instance ?? 0) * 7919) % 180));
});
const [, , known] = process.argv;
const run = known ?? (await engine.submit({ file: 'pipeline.yaml' })).run;
if (known !== undefined && (await engine.report(run)).endedAt === undefined) await engine.resume(run);
console.log(JSON.stringify({ run }));
const { status } = await engine.wait(run);
await engine.close();
process.exitCode = status === 'completed' ? 0 : 1;
`,
  };
}

const commands = {
  begin: run('pipeline.yaml'),
  goOn: resume,
  moments: [100, 1_000],
  targets: ['engine', 'runner', 'both'],
} as const;

export const CRASH_KINDS = {
  'runs in runs': { ...commands, files: runsInRuns },
  people: { ...commands, files: askedAndAnswered, moments: [100, 2_500], people: true },
  clients: { ...commands, files: beside, second: true },
  'many programs': { ...commands, files: manyPrograms, moments: [200, 3_000] },
  'many handlers': {
    files: manyHandlers,
    begin: ['embed.mjs'],
    goOn: (id) => ['embed.mjs', id],
    moments: [150, 1_200],
    targets: ['engine'],
  },
  lines: {
    ...commands,
    files: lineFiles,
    moments: [100, 3_500],
    pauses: true,
    sources: lineSources,
    faults: lineFaults,
  },
} as const satisfies Readonly<Record<string, CrashKind>>;
export type CrashKindName = keyof typeof CRASH_KINDS;
