// What an engine remembers does not grow with what it has done: it may live in a program that runs for months.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compile } from '#core/compile/compile.ts';
import { Defect } from '#errors/families.ts';
import { type Engine, openEngine } from '#local/engine.ts';
import type { Json } from '#schemas/values.ts';

const MIB = 1024 * 1024;
const RUNS = 250;

let folder: string;
let engine: Engine;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-memory-'));
  engine = await openEngine({ dataDir: join(folder, 'data'), forget: true, lazy: true });
});
afterEach(async () => {
  await engine.close({ park: false });
  rmSync(folder, { recursive: true, force: true });
});

async function ran(text: string): Promise<string> {
  const compiled = compile({ text });
  if (!compiled.ok) throw new Defect(compiled.problems.map(({ message }) => message).join('\n'));
  const request = { plan: compiled.plan as Json, inputs: {}, sources: {} };
  const { run } = await engine.control.start(request);
  expect((await engine.wait(run)).status).toBe('completed');
  return run;
}

function heap(): number {
  setFlagsFromString('--expose-gc');
  const collect: unknown = runInNewContext('gc');
  if (typeof collect === 'function') collect();
  return process.memoryUsage().heapUsed;
}

const chain = (nodes: number): string =>
  Array.from({ length: nodes }, (_, at) =>
    at === 0
      ? '  - { id: n0, function: f }\n'
      : `  - { id: n${at}, needs: [n${at - 1}], function: f }\n`,
  ).join('');

test('an engine remembers as much after 250 runs as after 50, though each gave 90 KB and somebody read it', async () => {
  engine.register('f', () => ({ text: `${Math.random()}`.padEnd(30_000, 'x') }));
  const pass = async (): Promise<void> => {
    const run = await ran(`id: p\nnodes:\n${chain(3)}`);
    await engine.control.variables(run);
    for (let after = '', last = false; !last; )
      ({ cursor: after, last } = await engine.control.events(run, { after }));
  };
  for (let at = 0; at < 50; at += 1) await pass();
  const before = heap();
  for (let at = 50; at < RUNS; at += 1) await pass();

  expect((heap() - before) / MIB).toBeLessThan(4);
}, 120_000);

test('a pipeline that was run once is not remembered for ever', async () => {
  engine.register('f', () => undefined);
  const pass = (at: number): Promise<string> => ran(`id: p${at}\nnodes:\n${chain(10)}`);
  for (let at = 0; at < 100; at += 1) await pass(at);
  const before = heap();
  for (let at = 100; at < RUNS; at += 1) await pass(at);

  expect((heap() - before) / MIB).toBeLessThan(2);
}, 120_000);

test('what was said of attempts that waited is forgotten with their runs', async () => {
  const items = JSON.stringify(Array.from({ length: 100 }, (_, at) => at));
  const pass = async (): Promise<void> => {
    const text = `id: p\nnodes:\n  - { id: a, forEach: ${items}, function: nobody }\n`;
    const compiled = compile({ text });
    if (!compiled.ok) throw new Defect('it does not compile');
    const request = { plan: compiled.plan as Json, inputs: {}, sources: {} };
    const { run } = await engine.control.start(request);
    for (let after = '', said = 0; said < 100; ) {
      const page = await engine.control.events(run, { after, wait: 5_000 });
      said += page.events.filter(({ event }) => event.endsWith('.queued')).length;
      after = page.cursor;
    }
    await engine.control.cancel(run);
    expect((await engine.wait(run)).status).toBe('cancelled');
  };
  for (let at = 0; at < 25; at += 1) await pass();
  const before = heap();
  for (let at = 0; at < 75; at += 1) await pass();

  expect((heap() - before) / MIB).toBeLessThan(1);
}, 120_000);
