// Approvals and cached nodes, as they are written.
import { expect, test } from 'vitest';
import { compile } from '#core/compile/compile.ts';

const step = 'steps: [{ command: "true" }]';

function compiled(nodes: string) {
  const result = compile({ text: `id: p\nnodes:\n${nodes}` });
  if (!result.ok) throw new TypeError(result.problems.map(({ message }) => message).join('\n'));
  return result;
}

/** Problems by code and the beginning of what is said. */
function problems(nodes: string): readonly string[] {
  const result = compile({ text: `id: p\nnodes:\n${nodes}` });
  const found = result.ok ? result.warnings : result.problems;
  return found.map(({ severity, message }) => `${severity}: ${message}`);
}

test('an approval is true, nothing, or a mapping; its times are milliseconds', () => {
  const { plan } = compiled(`
  - { id: a, approval: true }
  - { id: b, approval: }
  - { id: c, approval: {} }
  - id: d
    approval: { message: "now?", approvers: [role:editor, ada], deadline: 2d, onDeadline: approve }
`);
  const plain = { kind: 'approval', onDeadline: 'reject' };
  expect(plan.nodes.map(({ executor }) => executor)).toEqual([
    plain,
    plain,
    plain,
    {
      kind: 'approval',
      message: 'now?',
      approvers: ['role:editor', 'ada'],
      deadline: 172_800_000,
      onDeadline: 'approve',
    },
  ]);
});

test('approved and rejected are events of approvals alone, and bring what completed and failed do', () => {
  compiled(`
  - { id: work, ${step} }
  - { id: review, needs: [work], approval: true }
  - { id: yes, startWhen: "event:review.approved", inputs: { by: "{{ review.by }}", n: "{{ work.n }}" }, ${step} }
  - { id: no, startWhen: "event:review.rejected", ${step} }
  - { id: any, startWhen: "event:*.approved", ${step} }
`);
  expect(
    problems(`
  - { id: work, ${step} }
  - { id: a, startWhen: "event:work.approved", ${step} }
`),
  ).toEqual([expect.stringContaining('but "work" is no approval')]);
  expect(
    problems(`
  - { id: review, approval: true }
  - { id: a, startWhen: "event:review.aproved", ${step} }
`),
  ).toEqual([expect.stringContaining('did you mean "event:review.approved"?')]);
  expect(
    problems(`
  - { id: review, approval: true }
  - { id: a, startWhen: "event:review.approved && event:review.rejected", ${step} }
`),
  ).toEqual([expect.stringContaining('of which only one can happen')]);
});

test('what means something else on an approval is refused, what means nothing is warned of', () => {
  expect(
    problems('  - { id: r, approval: true, timeout: 2h, retry: 2, env: { A: b }, grace: 5s }\n'),
  ).toEqual([
    expect.stringMatching(/^error: node "r" has a "timeout", but an approval has a deadline/),
    expect.stringMatching(/^error: node "r" has a "retry", but what a person decided/),
    expect.stringMatching(/^warning: node "r" has "env", which means nothing on an approval/),
    expect.stringMatching(/^warning: node "r" has "grace"/),
  ]);
});

test('an unknown role, an empty list, a lone onDeadline and a false approval are told', () => {
  expect(problems('  - { id: r, approval: { approvers: ["role:edtor"] } }\n')).toEqual([
    expect.stringContaining('is "role:edtor"; wanted the name of a user, or one of'),
  ]);
  expect(problems('  - { id: r, approval: { approvers: [] } }\n')).toEqual([
    expect.stringContaining('is an empty list; wanted who may decide'),
  ]);
  expect(problems('  - { id: r, approval: { onDeadline: approve } }\n')).toEqual([
    expect.stringContaining('has "onDeadline" without "deadline"'),
  ]);
  expect(problems('  - { id: r, approval: false }\n')).toEqual([
    expect.stringContaining('wanted true, or a mapping such as { deadline: 2d }'),
  ]);
});

test('a message may name what has completed, and no secret', () => {
  expect(problems('  - { id: r, approval: { message: "{{ secret.KEY }}" } }\n')).toEqual([
    expect.stringContaining('names secret.KEY, which could be read there afterwards'),
  ]);
  expect(
    problems(`
  - { id: a, ${step} }
  - { id: r, approval: { message: "{{ a.n }}" } }
`),
  ).toEqual([expect.stringContaining('may start before that is known')]);
});

test('a node is cached by true or by a key; false is as if it were not there', () => {
  const { plan } = compiled(`
  - { id: a, cache: true, ${step} }
  - { id: b, cache: "{{ system.namespace }}", ${step} }
  - { id: c, cache: false, ${step} }
`);
  expect(plan.nodes.map(({ cache }) => cache)).toEqual([true, '{{ system.namespace }}', undefined]);
});

test('what has no work of its own cannot be cached, a key without braces is none, and what is new in every run never hits', () => {
  expect(problems('  - { id: a, cache: true, approval: true }\n')).toEqual([
    expect.stringContaining('there is no work whose outputs could be taken over'),
  ]);
  expect(problems('  - { id: a, cache: true }\n')).toHaveLength(1);
  expect(problems(`  - { id: a, cache: january, ${step} }\n`)).toEqual([
    expect.stringContaining('wanted true, or a key such as'),
  ]);
  expect(
    problems('  - { id: a, cache: true, steps: [{ command: "x {{ system.run_id }}" }] }\n'),
  ).toEqual([expect.stringContaining('names "system.run_id": that is new in every run')]);
});
