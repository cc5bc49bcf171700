// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are what is tested
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { limits } from '#schemas/limits.ts';
import { commandOf, compiledFiles, LINE, problemsOfFiles } from './layers.ts';

test.each([
  ['run ${name}', 'name: Clean\n', 'run Clean'],
  ['run ${s3_config.region}/x', 's3_config: { region: eu }\n', 'run eu/x'],
  ['run ${extra[1].n} ${extra.0.n}', 'extra: [{ n: 1.10 }, { n: two }]\n', 'run two 1.10'],
  ['run ${extra[-1]}', 'extra: [1, 2]\n', 'run 2'],
  ['run ${ a . b }', 'a: 1\n', undefined],
  ['run ${${which}}', 'which: name\nname: Nested\n', 'run Nested'],
  ['run ${list.${which}}', 'which: x\nlist: { x: 1 }\n', 'run 1'],
  ['run ${a}', 'a: "${b}-${b}"\nb: "${c}"\nc: 7\n', 'run 7-7'],
  ['run ${.git_tag} ${..0.operator_id}', '', 'run v1 a'],
  ['run ${oc.env:TOP}', '', 'run 3'],
  ['run ${oc.env:NONE,5}', '', 'run 5'],
  ["run ${oc.env:NONE, 'a, b}'}", '', 'run a, b}'],
  ['run ${oc.env:NONE,${name}}', 'name: Clean\n', 'run Clean'],
  ['run ${oc.env:NONE,http://h:1/x?a=b}', '', 'run http://h:1/x?a=b'],
  ['run ${oc.env:NONE,}!', '', 'run !'],
  ['run ${oc.select:none.there,x}', '', 'run x'],
  // Escapes
  ['echo \\${HOME}', '', 'echo ${HOME}'],
  ['echo \\\\${name} \\n $HOME $(x) \\\\', 'name: y\n', 'echo \\y \\n $HOME $(x) \\\\'],
  ['echo \\\\\\${name}', 'name: y\n', 'echo \\${name}'],
])('%s is filled in', (command, more, wanted) => {
  if (wanted === undefined) expect(() => commandOf(command, more, { TOP: '3' })).toThrow();
  else expect(commandOf(command, more, { TOP: '3' })).toBe(wanted);
});

test('a value that is one reference keeps the type of what it names, mappings and lists as well', () => {
  const { plan, settings } = compiledFiles(
    {
      'line.yaml': LINE.replace(
        'start_command: run',
        'start_command: run, timeout: "${t}"',
      ).replace(
        'operator_ids: [a]',
        'operator_ids: "${ids}", resource: "${size}", runner_count: "${oc.env:RUNNERS}"',
      ),
      'vars.yaml': 't: 1.5\nids: [a]\nsize: { cpu_request: "${cores}" }\ncores: 2\n',
      'log.yaml': 'log_config: { retention: "${oc.decode:\'4\'}" }\n',
    },
    { RUNNERS: '3' },
  );

  const executor = plan.nodes[0]?.executor;
  const inner = executor?.kind === 'steps' ? executor.plan : undefined;
  expect(inner).toMatchObject({ groups: [{ maxParallel: 3 }], nodes: [{ timeout: 1_500 }] });
  expect(plan.nodes[0]?.resources).toEqual({ cpu: 2 });
  expect(settings?.log.retention).toEqual({ files: 4 });
});

test('keys of the user that others name are known, further ones are warned of', () => {
  expect(
    problemsOfFiles({ 'a.yaml': `${LINE}name: "\${team}"\nteam: T\ntaem: U\n` }),
  ).toMatchObject([{ code: 'unknown_key', severity: 'warning', path: 'taem' }]);
});

test('a number in a text stays as it is written', () => {
  expect(commandOf('v ${version}', 'version: 1.10\n')).toBe('v 1.10');
  expect(commandOf('v ${version}', 'version: 0x10\n')).toBe('v 0x10');
});

test('a missing key names both places, and is told once however often it is named', () => {
  const problems = problemsOfFiles({
    'a.yaml': `${LINE}s3_config:\n  endpoint: http://e\n`,
    'b.yaml': 'name: "${s3_config.endpont}"\ndescription: "x ${s3_config.endpont}"\n',
  }).filter(({ code }) => code === 'interpolation');

  expect(problems).toMatchObject([
    { file: 'b.yaml', line: 1, column: 8, path: 'name', suggestion: 'endpoint' },
  ]);
  expect(problems[0]?.message).toBe(
    '"name" names ${s3_config.endpont}, but "s3_config" (a.yaml:6) has no key "endpont"; did you mean "endpoint"?',
  );
});

test('values that are made from each other are one problem, with every place', () => {
  const [problem, ...more] = problemsOfFiles({
    'a.yaml': `${LINE}name: "\${description}"\n`,
    'b.yaml': 'description: "x ${work_dir}"\nwork_dir: "${name}"\n',
  });

  expect(more).toEqual([]);
  expect(problem).toMatchObject({ code: 'interpolation', file: 'a.yaml', line: 6 });
  expect(problem?.message).toBe(
    '"name" is made from itself: name (a.yaml:6) → description (b.yaml:1) → work_dir (b.yaml:2) → name (a.yaml:6)',
  );
});

test('a mapping that names itself from the inside is a cycle', () => {
  expect(
    problemsOfFiles({ 'a.yaml': `${LINE}s3_config: { bucket: "\${s3_config}" }\n` }),
  ).toMatchObject([
    { code: 'interpolation', message: expect.stringContaining('is made from itself') },
  ]);
});

test.each([
  ['echo ${HOME}', '$HOME', 'a variable of the shell is written $HOME'],
  ['echo ${HOME:-x}', '\\${HOME:-x}', 'to leave it to the shell'],
  ['echo ${x%.*}', '\\${x%.*}', 'to leave it to the shell'],
  ['echo ${#x}', '\\${#x}', 'to leave it to the shell'],
  ['echo ${pipeline_i}', 'pipeline_id', 'did you mean "pipeline_id"?'],
])('%s in a start command proposes %s', (command, suggestion, message) => {
  const text = LINE.replace('start_command: run', `start_command: ${JSON.stringify(command)}`);

  expect(problemsOfFiles({ 'line.yaml': text })).toMatchObject([
    {
      code: 'interpolation',
      path: 'operators[0].start_command',
      suggestion,
      message: expect.stringContaining(message),
    },
  ]);
});

test.each([
  ['${oc.env:NOT_SET}', 'the variable "NOT_SET" is not set'],
  ['${oc.enf:X}', 'did you mean "oc.env"?'],
  ['${oc.env}', 'has no key "oc"'],
  ['${oc.env:}', 'wrong number of arguments'],
  ['${HOME}', '${oc.env:HOME}'],
  ['${name', 'is never closed'],
  ['${}', 'names nothing'],
  ['x ${s3_config}', 'a mapping (line 6)'],
  ['${pipeline_id.x}', '"pipeline_id" (line 1) is a text'],
  ["${oc.env:X,'a}", 'a quote that is never closed'],
  ['${oc.env:X,[a]}', 'a list or mapping'],
  ['${a b}', 'the letters themselves are written \\${a b}'],
])('%s says what is wrong', (value, message) => {
  const text = `${LINE}s3_config: { region: x }\ndescription: ${JSON.stringify(value)}\n`;

  expect(problemsOfFiles({ 'line.yaml': text })).toMatchObject([
    { code: 'interpolation', line: 7, message: expect.stringContaining(message) },
  ]);
});

test('an override replaces a broken interpolation', () => {
  const text = `${LINE}s3_config: { endpoint: "\${nothing.here}" }\n`;

  expect(
    problemsOfFiles({ 'a.yaml': text }, { MI_PIPELINE_CONF_S3_CONFIG__ENDPOINT: 'http://e' }),
  ).toEqual([]);
});

test('texts and values that double themselves are bounded', () => {
  const grown = Array.from({ length: 40 }, (_, at) => `g${at + 1}: "\${g${at}}\${g${at}}"`);
  const text = `${LINE}g0: ${'x'.repeat(100)}\n${grown.join('\n')}\n`;
  const spread = Array.from({ length: 40 }, (_, at) => `s${at + 1}: ["\${s${at}}", "\${s${at}}"]`);
  const values = `${LINE}s0: [1]\n${spread.slice(0, 30).join('\n')}\n`;

  for (const each of [text, values]) {
    const problems = problemsOfFiles({ 'a.yaml': each }).filter(
      ({ code }) => code === 'interpolation',
    );
    expect(problems).toHaveLength(1);
  }
});

test('a chain of references is bounded', () => {
  const chain = Array.from({ length: 200 }, (_, at) => `c${at}: "\${c${at + 1}}"`);
  const problems = problemsOfFiles({ 'a.yaml': `${LINE}${chain.join('\n')}\nc200: x\n` });

  expect(problems.filter(({ code }) => code === 'interpolation')).toMatchObject([
    { message: expect.stringContaining(`more than ${limits.interpolationDepth} others`) },
  ]);
});

test('whatever stands in a text, it is filled in or told, never thrown', () => {
  const piece = fc.constantFrom(
    '${',
    '}',
    '{',
    '.',
    ':',
    ',',
    "'",
    '"',
    '\\',
    '[',
    ']',
    'a',
    'name',
    'oc.env',
    ' ',
    '$',
    '0',
    '-',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const text = `${LINE}name: x\na: [1, { b: 2 }]\ndescription: ${JSON.stringify(pieces.join(''))}\n`;
      expect(() => problemsOfFiles({ 'a.yaml': text }, { a: 'b' })).not.toThrow();
    }),
    { numRuns: 2_000 },
  );
});
