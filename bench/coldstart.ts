// How long the functions take to load: each bundle in a process of its own, with nothing but the variables it is told. Time of the processor,
// so that what else this machine does counts little.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { awsVariables, functionNames } from '#schemas/aws.ts';
import { type BenchRow, row, samples } from './row.ts';

const FOLDER = new URL('../dist/functions', import.meta.url).pathname;
const TIMES = 7;
const MOST = 150;

/** Told by the stack; what they say is no matter as long as nothing is asked. */
const told = (variable: string): string =>
  variable === awsVariables.submitters
    ? '2'
    : variable === awsVariables.stage
      ? 'dev'
      : 'somewhere';

export async function rows(): Promise<readonly BenchRow[]> {
  const env = {
    AWS_REGION: 'us-east-1',
    ...Object.fromEntries(Object.values(awsVariables).map((name) => [name, told(name)])),
  };
  const load = (name: string): number => {
    const file = JSON.stringify(join(FOLDER, name, 'index.mjs'));
    const source = `const from = process.cpuUsage(); await import(${file}); const { user, system } = process.cpuUsage(from); console.log((user + system) / 1000);`;
    const args = ['--input-type=module', '--eval', source];
    return Number(execFileSync(process.execPath, args, { encoding: 'utf8', env }));
  };
  const found: BenchRow[] = [];
  for (const name of functionNames) {
    load(name);
    const taken = await samples(TIMES, () => load(name));
    found.push(row(`cold start of ${name}: import`, taken, { atMost: MOST, unit: 'ms' }));
  }
  return found;
}
