// The shortest way: the example of five lines, as a whole process.
import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { jsonLines, Place, ROOT } from '#support/millrace.ts';

const places: Place[] = [];
const place = (...given: ConstructorParameters<typeof Place>): Place => {
  const made = new Place(...given);
  places.push(made);
  return made;
};
afterEach(() => {
  for (const made of places.splice(0)) made.remove();
});

test('hello runs and ends with a report of status completed', async () => {
  const here = place();
  cpSync(join(ROOT, 'examples', 'hello', 'pipeline.yaml'), join(here.folder, 'pipeline.yaml'));
  const ended = await here.run('run', 'pipeline.yaml', '--json');
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  const { events, report } = jsonLines(ended.stdout);
  expect(report.status).toBe('completed');
  expect(report.nodes['greet']).toMatchObject({
    status: 'completed',
    attempts: 1,
    outputs: { greeting: 'Hello' },
  });
  expect(events.map((event) => event.event)).toEqual([
    'pipeline.started',
    'greet.started',
    'greet.completed',
    'say.started',
    'say.completed',
    'pipeline.completed',
  ]);
  const logs = await here.run('logs', 'latest', 'say');
  expect(logs.stdout).toContain('Hello, world!');
});

test('an input on the command line wins over the default and reaches the command as one word', async () => {
  const here = place();
  cpSync(join(ROOT, 'examples', 'hello', 'pipeline.yaml'), join(here.folder, 'pipeline.yaml'));
  const name = `O'Neil; touch hurt $(touch hurt) "x"`;
  const ended = await here.run('run', '--json', '-i', `name=${name}`);
  expect(ended.code).toBe(0);
  const logs = await here.run('logs', 'latest', 'say');
  expect(logs.stdout).toContain(`Hello, ${name}!`);
  expect(existsSync(join(here.folder, 'hurt'))).toBe(false);
});

test('a failed node makes the run fail with exit code 1, and what waited for it is skipped with the reason', async () => {
  const here = place({
    'pipeline.yaml':
      'id: fails\nnodes:\n  - id: a\n    steps: [{ command: "exit 7" }]\n  - id: b\n    needs: [a]\n    steps: [{ command: "true" }]\n',
  });
  const ended = await here.run('run', '--json');
  expect(ended.code).toBe(1);
  const { report } = jsonLines(ended.stdout);
  expect(report.status).toBe('failed');
  expect(report.nodes['a']).toMatchObject({
    status: 'failed',
    exitCode: 7,
    reason: 'exit',
    attempts: 1,
  });
  expect(report.nodes['b']).toMatchObject({
    status: 'skipped',
    reason: 'condition_never',
    attempts: 0,
  });
});

test('retry takes over what completed and runs the rest again', async () => {
  const command =
    'if [ -e "$MILLRACE_PIPELINE_DIR/fixed" ]; then echo done=1 >> "$MILLRACE_OUTPUTS"; else exit 1; fi';
  const here = place({
    'pipeline.yaml': `id: again\nnodes:\n  - id: a\n    steps: [{ command: 'echo x=5 >> "$MILLRACE_OUTPUTS"; echo a >> "$MILLRACE_PIPELINE_DIR/effects"' }]\n  - id: b\n    needs: [a]\n    inputs: { x: "{{ a.x }}" }\n    steps: [{ command: '${command}' }]\n`,
  });
  expect((await here.run('run', '--json')).code).toBe(1);
  await here.run('--version');
  cpSync(join(here.folder, 'pipeline.yaml'), join(here.folder, 'fixed'));
  const retried = await here.run('retry', 'latest', '--json');
  expect(retried.stderr).toBe('');
  const shown = await here.run('show', 'latest', '--json');
  const { report } = jsonLines(shown.stdout);
  expect(report.status).toBe('completed');
  expect(report.retryOf).toBeDefined();
  expect(report.nodes['a']).toMatchObject({
    status: 'completed',
    outputs: { x: 5 },
    seededFrom: report.retryOf,
  });
  expect(report.nodes['b']).toMatchObject({ status: 'completed', outputs: { done: 1 } });
});
