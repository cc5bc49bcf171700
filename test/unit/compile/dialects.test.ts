import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { nodesPipeline } from '#schemas/dialect-nodes.ts';
import { operatorsPipeline } from '#schemas/dialect-operators.ts';
import { generated } from '../../../tools/generate.ts';

const root = path.join(import.meta.dirname, '../../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');

test('what editors are told of the dialects fits the examples', () => {
  for (const name of ['hello', 'flights']) {
    expect(
      nodesPipeline.safeParse(parse(read(`examples/${name}/pipeline.yaml`))).error,
    ).toBeUndefined();
  }
  const line = parse(read('examples/operators/pipeline.yaml'));
  expect(operatorsPipeline.safeParse(line).error).toBeUndefined();
});

test('generated files are not stale; node tools/generate.ts writes them anew', () => {
  const stale = [...generated()]
    .filter(([file, wanted]) => read(file) !== wanted)
    .map(([file]) => file);
  expect(stale).toEqual([]);
});
