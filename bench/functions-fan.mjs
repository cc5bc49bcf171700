// A program that embeds the engine, as users have it: a fan-out by a list by reference and a join, done by handlers. Prints one line of JSON.
// Node does nothing else in it, so its memory is the engine's. Arguments: how many instances, how many of them to warm up with.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEngine } from '../dist/library.mjs';

const [count = 50_000, warm = 400] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'));
const engine = await createEngine({ dataDir: join(folder, 'data'), serve: false });
const LOOK = 20;

engine.register('list', ({ input }) => ({
  items: Array.from({ length: input.count }, (_, id) => ({ id, name: `thing ${id}` })),
}));
engine.register('work', async ({ input }) => ({ twice: input.thing.id * 2 }));
let joinedNow = () => {};
engine.register('join', ({ input }) => joinedNow({ ...input, at: performance.now() }));

const pipeline = `id: fan
inputs: { count: { type: number } }
nodes:
  - { id: list, function: list, inputs: { count: "{{ pipeline.input.count }}" } }
  - { id: each, needs: [list], forEach: "{{ list.items }}", function: work, inputs: { thing: "{{ item }}" } }
  - { id: join, needs: [each], function: join, inputs: { count: "{{ len(each.items) }}", first: "{{ each.items[0].twice }}" } }
`;

async function fan(size) {
  const start = performance.now();
  const joined = new Promise((resolve) => {
    joinedNow = resolve;
  });
  await engine.submit({ source: pipeline }, { inputs: { count: size } });
  const { count: found, at } = await joined;
  if (found !== size) throw new TypeError(`${found} of ${size} were joined`);
  return at - start;
}

try {
  await fan(warm);
  let peak = 0;
  const looks = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, LOOK);
  const milliseconds = await fan(count);
  clearInterval(looks);
  console.log(JSON.stringify({ milliseconds, peak: Math.max(peak, process.memoryUsage.rss()) }));
} finally {
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
}
