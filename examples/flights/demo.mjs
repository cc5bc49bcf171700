// Runs the flights pipeline and says where its chart and its summary lie. Set-up is done by then; Node is a modern one.

import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '../..');
const millrace = path.join(root, 'bin/millrace.js');
const dataDirectory = path.resolve(root, process.env.MILLRACE_DATA_DIR ?? '.millrace');
const inRoot = { cwd: root, env: { ...process.env, MILLRACE_DATA_DIR: dataDirectory } };

const args = process.argv.slice(2);
if (args.some((arg) => arg.startsWith('min_quality='))) sayHowToDecide();
const code = await runPipeline(args);
if (code === 0) printFiles(latestReport());
process.exitCode = code;

/** Answers the exit code. The terminal sends an interrupt to the run as well, which ends itself: here it is only waited for. */
function runPipeline(args) {
  process.on('SIGINT', () => undefined);
  const child = spawn(
    process.execPath,
    [millrace, 'run', path.join(here, 'pipeline.yaml'), ...args],
    { ...inRoot, stdio: 'inherit' },
  );
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (exitCode) => resolve(exitCode ?? 1));
  });
}

/** Where the quality is too low the run waits for a person; nobody needs to come, for after its deadline it ends by itself. */
function sayHowToDecide() {
  const command = `npx millrace --data-dir ${dataDirectory}`;
  console.log(
    [
      'If the quality is below that, the run waits for your decision, ten minutes at most. From another terminal, in this folder:',
      `  ${command} approve latest`,
      `  ${command} reject latest --comment "not good enough"`,
      '',
    ].join('\n'),
  );
}

function latestReport() {
  const shown = spawnSync(process.execPath, [millrace, 'show', 'latest', '--json'], {
    ...inRoot,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lastLine = shown.stdout.trim().split('\n').at(-1) ?? '';
  return JSON.parse(lastLine);
}

function printFiles(report) {
  const files = [
    ['chart', report.nodes.chart?.outputs.chart],
    ['summary', report.nodes.summary?.outputs.summary],
    ['weather', report.nodes.by_weather?.outputs.by_weather],
    ['quality report', report.nodes.quality_report?.outputs.report],
  ];
  console.log();
  for (const [label, value] of files) {
    if (value !== undefined) console.log(`${label.padEnd(16)}${pathOf(value)}`);
  }
}

/** Where a file value lies: where it was given, or under its key among the objects of the data directory. */
function pathOf({ $file: file }) {
  return file.path ?? path.join(dataDirectory, 'objects', file.key);
}
