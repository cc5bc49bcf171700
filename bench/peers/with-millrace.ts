// Millrace: the same work as in with-*.py, by an engine that keeps all of it in a data directory, each commit on disk.
import path from 'node:path';
import * as z from 'zod';
import { Defect } from '#errors/families.ts';
import { createEngine, type Engine } from '#local/library.ts';
import type { Json } from '#schemas/values.ts';
import { median } from '../row.ts';

/** As in harness.py: milliseconds of one work, for warming up and for measuring. */
const ENOUGH = 1_000;
const RUNS = 5;

const [folder = '', length = '', width = ''] = process.argv.slice(2);

function chain(): string {
  const nodes = Array.from({ length: Number(length) }, (_, index) => {
    const before =
      index === 0
        ? 'inputs: { number: 0 }'
        : `needs: [n${index - 1}]\n    inputs: { number: "{{ n${index - 1}.number }}" }`;
    return `  - id: n${index}\n    ${before}\n    function: add_one\n`;
  });
  return `id: chain\nnodes:\n${nodes.join('')}`;
}

function fan(): string {
  const numbers = Array.from({ length: Number(width) }, (_, index) => index);
  return `id: fan
nodes:
  - id: each
    forEach: [${numbers.join(', ')}]
    inputs: { number: "{{ item }}" }
    function: add_one
  - id: total
    needs: [each]
    inputs: { numbers: "{{ each.items }}" }
    function: add_up
`;
}

/** From the text of the pipeline to what its last node gave. */
async function resultOf(engine: Engine, text: string, last: string): Promise<Json | undefined> {
  const { run } = await engine.submit({ source: text });
  const report = await engine.wait(run);
  if (report.status !== 'completed')
    throw new Defect(JSON.stringify({ ...report, nodes: report.nodes[last] }));
  return report.nodes[last]?.outputs?.['number'];
}

function check(result: Json | undefined, wanted: number): void {
  if (result !== wanted) throw new Defect(`the result is ${result}, wanted is ${wanted}`);
}

async function main(engine: Engine): Promise<void> {
  const count = Number(width);
  const works = [
    { name: 'chain', text: chain(), last: `n${Number(length) - 1}`, wanted: Number(length) },
    { name: 'fan', text: fan(), last: 'total', wanted: (count * (count + 1)) / 2 },
  ];
  for (const { text, last, wanted } of works) {
    const began = performance.now();
    while (performance.now() - began < ENOUGH) check(await resultOf(engine, text, last), wanted);
  }
  const found: Record<string, { seconds: number; recorded: number }> = {};
  for (const work of works) {
    const times: number[] = [];
    for (let spent = 0; times.length < RUNS && spent < ENOUGH; spent += times.at(-1) ?? 0) {
      const began = performance.now();
      const result = await resultOf(engine, work.text, work.last);
      times.push(performance.now() - began);
      check(result, work.wanted);
    }
    const seconds = median(times) / 1_000;
    // What a run has as its result is on disk before it is told.
    found[work.name] = { seconds, recorded: seconds };
  }
  console.log(JSON.stringify(found));
}

const engine = await createEngine({
  dataDir: path.join(folder, 'millrace'),
  cacheDir: path.join(folder, 'cache'),
});
const numbered = z.object({ number: z.number() });
const listed = z.object({ numbers: z.array(numbered) });
engine.register('add_one', async ({ input }) => ({ number: numbered.parse(input).number + 1 }));
engine.register('add_up', async ({ input }) => ({
  number: listed.parse(input).numbers.reduce((sum, { number }) => sum + number, 0),
}));
try {
  await main(engine);
} finally {
  await engine.close({ park: false });
}
