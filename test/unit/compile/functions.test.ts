// Nodes that call a function of the embedding program, as they are written.
import { expect, test } from 'vitest';
import { compile } from '#core/compile/compile.ts';

const compiled = (...nodes: readonly string[]) =>
  compile({ text: `id: p\nnodes:\n${nodes.map((node) => `  - { ${node} }`).join('\n')}\n` });

const executors = (...nodes: readonly string[]) => {
  const result = compiled(...nodes);
  return result.ok ? result.plan.nodes.map(({ executor }) => executor) : result.problems;
};

const messages = (...nodes: readonly string[]) => {
  const result = compiled(...nodes);
  return (result.ok ? result.warnings : result.problems).map(({ message }) => message);
};

test('a function is written by its name, or with what it is set up with', () => {
  expect(
    executors(
      'id: a, function: load',
      'id: b, function: { name: load, config: { deep: [1, { x: y }] } }',
    ),
  ).toEqual([
    { kind: 'function', name: 'load' },
    { kind: 'function', name: 'load', config: { deep: [1, { x: 'y' }] } },
  ]);
});

test('config may name secrets, inputs of the node, and outputs it waited for', () => {
  expect(
    messages(
      'id: a, function: load',
      'id: b, needs: [a], inputs: { n: 1 }, function: { name: f, config: { k: "{{ secret.K }}", n: "{{ n }}", r: "{{ a.rows }}" } }',
    ),
  ).toEqual([]);
  expect(compiled('id: b, function: { name: f, config: { k: "{{ secret.K }}" } }')).toMatchObject({
    secrets: ['K'],
  });
});

test('config may not name what the node did not wait for', () => {
  expect(
    messages(
      'id: a, function: load',
      'id: b, function: { name: f, config: { r: "{{ a.rows }}" } }',
    ),
  ).toEqual([expect.stringContaining('a.rows')]);
});

test('a name that no program could register, an unknown key and a missing name are problems', () => {
  expect(messages('id: a, function: 9x')).toEqual([
    expect.stringContaining('"9x"; wanted the name'),
  ]);
  expect(messages('id: a, function: { nam: f }').join('\n')).toContain('"name"');
  expect(messages('id: a, function: { config: {} }')).toEqual([expect.stringContaining('name')]);
});

test('resources and env mean nothing beside a function, and it stands alone', () => {
  expect(messages('id: a, function: f, resources: { cpu: 1 }, env: { A: b }')).toEqual([
    expect.stringContaining('"resources" beside "function"'),
    expect.stringContaining('"env" beside "function"'),
  ]);
  expect(messages('id: a, function: f, steps: [{ command: x }]').join('\n')).toContain(
    'wanted one executor',
  );
});

test('instances of a function name item and index', () => {
  expect(
    messages(
      'id: a, forEach: [1, 2], function: { name: f, config: { i: "{{ index }}" } }, inputs: { x: "{{ item }}" }',
    ),
  ).toEqual([]);
});
