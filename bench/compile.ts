// Compiling large pipelines from YAML: time in this process, peak memory in one of its own.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { compile } from '#core/compile/compile.ts';
import { type BenchRow, elapsed, row, samples } from './row.ts';

const ROUNDS = 5;

/** A pipeline as people write them: chains and joins, conditions, steps with variables bound to outputs. */
export function largePipeline(nodes: number): string {
  const lines = ['id: large', 'inputs: { day: { type: string, default: today } }', 'nodes:'];
  for (let index = 0; index < nodes; index += 1) {
    const before = `n${index - 1}`;
    lines.push(`  - id: n${index}`);
    if (index > 1 && index % 3 !== 0) lines.push(`    needs: [${before}, n${index >> 1}]`);
    if (index > 1 && index % 3 === 0) {
      lines.push(`    startWhen: event:${before}.completed && {{ ${before}.rows > ${index} }}`);
    }
    lines.push('    steps:', `      - command: ./run --day {{ pipeline.input.day }} --n ${index}`);
    if (index > 1) lines.push(`        env: { IN: "{{ ${before}.path }}" }`);
    if (index % 5 === 0) lines.push('    retry: { maxAttempts: 3, delay: 5s }');
  }
  return `${lines.join('\n')}\n`;
}

function compileOnce(text: string): void {
  const result = compile({ text });
  if (!result.ok) throw new TypeError(JSON.stringify(result.problems.slice(0, 3)));
}

/** MiB that a process has held at most which compiled one pipeline and did nothing else. */
function peak(nodes: number): number {
  const file = fileURLToPath(import.meta.url);
  const output = execFileSync(process.execPath, [file, 'peak', `${nodes}`], { encoding: 'utf8' });
  return Number(output);
}

export async function rows(): Promise<readonly BenchRow[]> {
  const small = largePipeline(1_000);
  const large = largePipeline(10_000);
  compileOnce(small);
  const times = async (text: string): Promise<readonly number[]> =>
    samples(ROUNDS, () => elapsed(() => compileOnce(text)));
  return [
    row('compile 1,000 nodes', await times(small), { unit: 'ms', atMost: 150 }),
    row('compile 10,000 nodes', await times(large), { unit: 'ms', atMost: 1_500 }),
    row('compile 10,000 nodes, peak memory', await samples(ROUNDS, () => peak(10_000)), {
      unit: 'MiB',
      atMost: 300,
      note: 'a process of its own, from its start',
    }),
  ];
}

if (process.argv[2] === 'peak' && import.meta.filename === process.argv[1]) {
  compileOnce(largePipeline(Number(process.argv[3])));
  console.log(Math.round(process.resourceUsage().maxRSS / 1024));
}
