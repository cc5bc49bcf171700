// The package as its users have it: packed, installed into an empty folder, started, embedded, and refused by a Node that is too old.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import * as z from 'zod';
import { allProcesses, signal } from '#runner/processes.ts';
import { commandOf, jsonLines, ROOT } from '#support/millrace.ts';

const packing = z.object({
  tarball: z.string(),
  tarballBytes: z.number(),
  unpackedBytes: z.number(),
  files: z.number(),
  installedPackages: z.number(),
  installedBytes: z.number(),
});

let folder = '';
let packed: z.infer<typeof packing>;

/** As in a shell whose node is this one, with nothing of the checkout on its path. */
const env: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: [
    dirname(process.execPath),
    ...(process.env['PATH'] ?? '').split(delimiter).filter((part) => !part.startsWith(ROOT)),
  ].join(delimiter),
  MILLRACE_CACHE_DIR: join(tmpdir(), `millrace-e2e-cache-${process.getuid?.() ?? 0}`),
  NO_COLOR: '1',
};

function start(command: string, ...args: readonly string[]) {
  return spawnSync(command, args, { cwd: folder, env, encoding: 'utf8', timeout: 60_000 });
}

const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-e2e-package-'));
  const made = spawnSync(
    process.execPath,
    [join(ROOT, 'tools/pack.mjs'), '--out', folder, '--json'],
    { encoding: 'utf8' },
  );
  expect(made.status, made.stderr).toBe(0);
  packed = packing.parse(JSON.parse(made.stdout.trim().split('\n').at(-1) ?? ''));
  write('package.json', '{ "private": true }');
  const added = start(
    'npm',
    'install',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    packed.tarball,
  );
  expect(added.status, added.stderr).toBe(0);
}, 120_000);
afterAll(() => {
  // The engine that was left behind would wait a while for somebody to ask it.
  for (const { pid } of allProcesses())
    if (commandOf(pid).includes(`${folder}/`)) signal(pid, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

test('the tarball is small, brings nothing along, and holds what is used and nothing else', () => {
  expect(packed.tarballBytes).toBeLessThan(1_600_000);
  expect(packed.unpackedBytes).toBeLessThan(5_200_000);
  expect(packed.installedPackages).toBe(1);
  const names = execFileSync('tar', ['tzf', packed.tarball], { encoding: 'utf8' })
    .trim()
    .split('\n');
  expect(names).toEqual(
    expect.arrayContaining(
      [
        'README.md',
        'LICENSE',
        'bin/millrace.js',
        'dist/runner.cjs',
        'dist/sql.mjs',
        'dist/THIRD-PARTY-LICENSES.txt',
        'schemas/json/nodes.schema.json',
      ].map((name) => `package/${name}`),
    ),
  );
  const others = names.filter(
    (name) => !/^package\/(bin|dist|schemas\/json)\/|^package\/[\w.]+$/.test(name),
  );
  expect(others).toEqual([]);
  expect(names.filter((name) => /\.map$|\.tgz$|(?<!\.d)\.[mc]?ts$/.test(name))).toEqual([]);
});

const HELLO = `id: hello
nodes:
  - id: greet
    steps: [{ command: 'echo "hello"; echo words=1 >> "$MILLRACE_OUTPUTS"' }]
`;

test('npx millrace runs a pipeline', () => {
  write('hello.yaml', HELLO);
  const ran = start('npx', 'millrace', 'run', 'hello.yaml', '--json');
  expect(ran.status, ran.stderr).toBe(0);
  expect(jsonLines(ran.stdout).report).toMatchObject({
    status: 'completed',
    nodes: { greet: { outputs: { words: 1 } } },
  });
});

test('the schema that a new pipeline names is there', () => {
  const made = start('npx', 'millrace', 'init', 'hello', '--dir', 'fresh');
  const place = existsSync(join(folder, 'fresh')) ? join(folder, 'fresh') : folder;
  expect(made.status, made.stderr).toBe(0);
  const [first = ''] = readFileSync(join(place, 'pipeline.yaml'), 'utf8').split('\n');
  const address = /\$schema=(\S+)$/.exec(first)?.[1] ?? '';
  expect(existsSync(resolve(place, address.replace(/^file:\/\//, ''))), first).toBe(true);
});

test('a query without DuckDB is refused, with what to install', () => {
  write(
    'query.yaml',
    'id: query\nnodes:\n  - { id: one, sql: { query: select 1 as n, into: one.csv } }\n',
  );
  const ran = start('npx', 'millrace', 'run', 'query.yaml');
  expect(ran.status).toBe(2);
  expect(ran.stderr).toContain('npm i @duckdb/node-api@');
});

test('a query with DuckDB beside the package is answered', () => {
  symlinkSync(join(ROOT, 'node_modules/@duckdb'), join(folder, 'node_modules/@duckdb'));
  const ran = start('npx', 'millrace', 'run', 'query.yaml', '--json');
  expect(ran.status, ran.stdout).toBe(0);
  expect(jsonLines(ran.stdout).report.nodes['one']?.outputs).toHaveProperty('one');
});

test('a run that is left behind goes on in a process of its own', async () => {
  const left = start('npx', 'millrace', 'run', 'hello.yaml', '--detach');
  expect(left.status, left.stderr).toBe(0);
  await expect
    .poll(() => start('npx', 'millrace', 'show', left.stdout.trim()).stdout, { timeout: 20_000 })
    .toContain('completed');
});

/** Does what an application would, in as many words, and names the types that it is given. */
const APPLICATION = `
import { createEngine, HasProblems, type Engine, type HandlerCall, type RunReport } from 'millrace';

async function main(): Promise<void> {
  const engine: Engine = await createEngine({ memory: true });
  engine.register('double', ({ input, log }: HandlerCall) => {
    log.info('doubles');
    return { twice: Number(input['n']) * 2 };
  });
  const nodes = [
    { id: 'double', inputs: { n: '{{ pipeline.input.n }}' }, function: 'double' },
    { id: 'say', needs: ['double'], steps: [{ command: 'echo said={{ double.twice }} >> "$MILLRACE_OUTPUTS"' }] },
  ];
  const source = { id: 'doubling', inputs: { n: { type: 'number' } }, nodes };
  const { run } = await engine.submit({ source }, { inputs: { n: 21 } });
  const events: string[] = [];
  for await (const { event } of engine.events(run)) events.push(event);
  const report: RunReport = await engine.wait(run);
  const refused = await engine.submit({ source }).catch((error: unknown) => error);
  const problems = refused instanceof HasProblems ? refused.problems.map(({ code }) => code) : [];
  // @ts-expect-error -- a run is named by its id
  await engine.report(1).catch(() => undefined);
  await engine.close();
  console.log(JSON.stringify({ status: report.status, outputs: report.nodes['say']?.outputs, last: events.at(-1), problems }));
}
void main();
`;

test.each(['node16', 'nodenext'])(
  'it is embedded from an ES module and from CommonJS, with types: %s',
  (module) => {
    write('main.mts', APPLICATION);
    write('main.cts', APPLICATION);
    const compilerOptions = {
      module,
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      types: [],
      target: 'es2022',
      outDir: `out-${module}`,
    };
    write('tsconfig.json', JSON.stringify({ compilerOptions, files: ['main.mts', 'main.cts'] }));
    const checked = start(join(ROOT, 'node_modules/.bin/tsc'), '-p', '.');
    expect(checked.stdout).toBe('');
    expect(checked.status).toBe(0);
    for (const name of ['main.mjs', 'main.cjs']) {
      const ran = start(process.execPath, join(`out-${module}`, name));
      expect(ran.stderr).toBe('');
      expect(JSON.parse(ran.stdout)).toEqual({
        status: 'completed',
        outputs: { said: 42 },
        last: 'pipeline.completed',
        problems: ['missing_input'],
      });
    }
  },
);

test('import and require give the same errors and the same engine', () => {
  write(
    'same.mjs',
    `import { createRequire } from 'node:module';
     import * as imported from 'millrace';
     const required = createRequire(import.meta.url)('millrace');
     console.log(Object.keys(imported).every((name) => imported[name] === required[name]), Object.keys(imported).length, new imported.Rejected('invalid', '').name);`,
  );
  expect(start(process.execPath, 'same.mjs').stdout).toBe('true 8 Rejected\n');
});

/** The first node of the path that is too old for us. */
function oldNode(): string | undefined {
  const places = (process.env['PATH'] ?? '').split(delimiter).map((part) => join(part, 'node'));
  return places
    .filter((place) => existsSync(place))
    .find((place) => {
      const version = execFileSync(place, ['--version'], { encoding: 'utf8' }).slice(1).split('.');
      return Number(version[0]) < 24;
    });
}

const WANTED = /millrace wants Node 24\.12 or newer; this is \d+\.\d+\.\d+/;

test.for([
  ['the command line', ['node_modules/millrace/bin/millrace.js', '--help']],
  ['import', ['--input-type=module', '--eval', "import 'millrace'"]],
  ['a dynamic import', ['--eval', "import('millrace')"]],
  ['require', ['--eval', "require('millrace')"]],
] as const)(
  'a Node that is too old is told which one is wanted, and ends with 2: %s',
  ([, args], { skip }) => {
    const node = oldNode();
    if (node === undefined) return skip('no node older than 24 is on the path');
    const ended = start(node, ...args);
    expect(ended.stderr).toMatch(WANTED);
    expect(ended.status).toBe(2);
  },
);

test('a program that can do without is only told by the error', ({ skip }) => {
  const node = oldNode();
  if (node === undefined) return skip('no node older than 24 is on the path');
  const ended = start(
    node,
    '--eval',
    "import('millrace').catch((error) => console.log(error.message))",
  );
  expect(ended.stdout).toMatch(WANTED);
  expect(ended.status).toBe(0);
});
