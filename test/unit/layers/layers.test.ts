// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are what is tested
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { compiledFiles, LINE, problemsOfFiles } from './layers.ts';

test('mappings of several files are merged, lists and values replaced, the last file first', () => {
  const { plan, settings } = compiledFiles({
    '10-base.yaml': `${LINE}log_config: { level: DEBUG, retention: 3 }\ndescription: base\n`,
    '20-more.yaml': 'log_config:\n  level: ERROR\nname: More\n',
    'z.local.yaml': 'nodes:\n  - { node_id: other, operator_ids: [a] }\ndescription: null\n',
  });

  expect(plan.nodes.map(({ id }) => id)).toEqual(['other', '@a']);
  expect(plan).toMatchObject({ name: 'More' });
  expect(plan).not.toHaveProperty('description');
  expect(settings?.log).toMatchObject({ level: 'ERROR', retention: { files: 3 } });
});

test('a problem names the file that holds the value, with its line and column', () => {
  expect(
    problemsOfFiles({
      'a.yaml': `${LINE}log_config:\n  level: DEBUG\n`,
      'b.yaml': '# nothing\nlog_config:\n  level: LOUD\n',
    }),
  ).toMatchObject([
    { code: 'wrong_value', file: 'b.yaml', line: 3, column: 10, path: 'log_config.level' },
  ]);
});

test('each file that cannot be read says so by itself, and nothing follows from half of them', () => {
  expect(
    problemsOfFiles({ 'a.yaml': LINE, 'b.yaml': 'x: [1\n', 'c.yaml': '\tname: x\n' }).map(
      ({ code, file, line }) => `${code} ${file}:${line}`,
    ),
  ).toEqual([expect.stringMatching(/^yaml_syntax b.yaml:/), 'yaml_tab c.yaml:1']);
});

test('a key that stands twice is told with the rest', () => {
  const problems = problemsOfFiles({
    'a.yaml': `${LINE}name: x\nname: y\n`,
    'b.yaml': 'scheduling: fast\n',
  });

  expect(problems.map(({ code, file, line }) => [code, file, line])).toEqual([
    ['wrong_value', 'b.yaml', 1],
    ['yaml_duplicate_key', 'a.yaml', 7],
  ]);
});

test('variables set values of the pipeline, typed by what stands there', () => {
  const { settings, plan } = compiledFiles(
    { 'line.yaml': LINE },
    {
      MI_PIPELINE_CONF_S3_CONFIG__ENDPOINT: 'http://s3.example.com',
      mi_pipeline_conf_s3_config__path_style: 'false',
      MI_PIPELINE_CONF_log_config__RETENTION: '7',
      MI_PIPELINE_CONF_LOG_CONFIG__LEVEL: 'DEBUG',
      MI_PIPELINE_CONF_NAME: '12',
      MI_PIPELINE_CONF_WORK_DIR: './new',
    },
  );

  expect(settings).toMatchObject({
    workDir: './new',
    s3: { endpoint: 'http://s3.example.com', pathStyle: false },
    log: { level: 'DEBUG', retention: { files: 7 }, path: './new/logs/pipeline.log' },
  });
  expect(plan.name).toBe('12');
});

test.each([
  [
    { MI_PIPELINE_CONF_OPERATORS__0__TIMEOUT: '3' },
    { code: 'override', message: expect.stringContaining('level of the pipeline only') },
  ],
  [{ MI_PIPELINE_CONF_NODES: '[]' }, { code: 'override' }],
  [
    { MI_PIPELINE_CONF_S3_CONFIG__ENDPONT: 'x' },
    { code: 'override', suggestion: 'MI_PIPELINE_CONF_S3_CONFIG__ENDPOINT' },
  ],
  [
    { MI_PIPELINE_CONF_LOGCONFIG__LEVEL: 'INFO' },
    { code: 'override', suggestion: 'MI_PIPELINE_CONF_LOG_CONFIG__LEVEL' },
  ],
  // One underscore too few is the likeliest mistake.
  [
    { MI_PIPELINE_CONF_LOG_CONFIG_LEVEL: 'INFO' },
    { code: 'override', suggestion: 'MI_PIPELINE_CONF_LOG_CONFIG__LEVEL' },
  ],
  [
    { MI_PIPELINE_CONF_S3_CONFIG__ENDPOINT__HOST: 'x' },
    { code: 'override', suggestion: 'MI_PIPELINE_CONF_S3_CONFIG__ENDPOINT' },
  ],
  [
    { MI_PIPELINE_CONF_S3_CONFIG: 'x' },
    { code: 'override', message: expect.stringContaining('MI_PIPELINE_CONF_S3_CONFIG__ENDPOINT') },
  ],
  [{ MI_PIPELINE_CONF_S3_CONFIG____REGION: 'x' }, { code: 'override' }],
  [
    { MI_PIPELINE_CONF_LOG_CONFIG__RETENTION: 'many' },
    {
      code: 'wrong_value',
      line: 0,
      message: expect.stringContaining(
        'set by the variable MI_PIPELINE_CONF_LOG_CONFIG__RETENTION',
      ),
    },
  ],
  // An empty one is told by its own name, whatever comes behind it.
  [
    { MI_PIPELINE_CONF_NAME: '', MI_PIPELINE_CONF_S3_CONFIG__BUCKET: 'b' },
    {
      code: 'empty_value',
      message: expect.stringContaining('set by the variable MI_PIPELINE_CONF_NAME)'),
    },
  ],
  [
    { MI_PIPELINE_CONF_NAME: 'a', MI_PIPELINE_CONF_name: 'b' },
    { code: 'override', message: expect.stringContaining('both set "name"') },
  ],
] as const)('the variable %o is told', (environment, wanted) => {
  const problems = problemsOfFiles({ 'line.yaml': LINE }, environment);

  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatchObject(wanted);
});

test('variables of other programs and of other dialects mean nothing', () => {
  expect(problemsOfFiles({ 'line.yaml': LINE }, { MI_PIPELINE_CONFIG: 'x' })).toEqual([]);
  expect(
    problemsOfFiles(
      { 'p.yaml': 'id: p\nnodes:\n  - { id: a, steps: [{ command: "echo ${HOME}" }] }\n' },
      { MI_PIPELINE_CONF_OPERATORS: 'x' },
    ),
  ).toEqual([]);
});

test('a value that must be given is told until somebody gives it', () => {
  const text = `${LINE}s3_config:\n  bucket: ???\n`;

  expect(problemsOfFiles({ 'line.yaml': text })).toMatchObject([
    { code: 'mandatory_value', path: 's3_config.bucket', line: 7 },
  ]);
  expect(
    problemsOfFiles({ 'line.yaml': text }, { MI_PIPELINE_CONF_S3_CONFIG__BUCKET: 'b' }),
  ).toEqual([]);
  expect(problemsOfFiles({ 'a.yaml': text, 'b.yaml': 's3_config: { bucket: b }\n' })).toEqual([]);
});

const PRODUCTION_LINE = readFileSync(
  path.resolve(import.meta.dirname, '../../fixtures/production-line.yaml'),
  'utf8',
);

test('the configuration of the document is whole', () => {
  expect(problemsOfFiles({ 'line.yaml': PRODUCTION_LINE })).toEqual([]);
});

test('all else that the document says is read, and set by the variables that it gives', () => {
  const text = PRODUCTION_LINE.replaceAll(
    /env_type: "\w+"\n {4}env_config:\n(?: {6}.*\n)+/g,
    'env_type: host\n',
  );
  const { plan, settings } = compiledFiles(
    { 'line.yaml': text },
    {
      MI_PIPELINE_CONF_S3_CONFIG__ENDPOINT: 'http://s3-new.example.com',
      MI_PIPELINE_CONF_S3_CONFIG__ACCESS_KEY: 'new_xxx',
      MI_PIPELINE_CONF_LOG_CONFIG__LEVEL: 'DEBUG',
      MI_PIPELINE_CONF_WORK_DIR: './new_workspace',
    },
  );

  expect(settings).toEqual({
    workDir: './new_workspace',
    scheduling: 'topological',
    s3: {
      endpoint: 'http://s3-new.example.com',
      credentials: { accessKey: 'new_xxx', secretKey: 'xxx' },
      region: 'us-east-1',
      pathStyle: true,
    },
    log: {
      level: 'DEBUG',
      path: './pipeline_workspace/logs/pipeline.log',
      rotation: { bytes: 100_000_000 },
      retention: { files: 10 },
    },
  });
  expect(plan).toMatchObject({ id: 'data_process_pipeline_v1', name: '数据处理产线V1' });
  expect(plan.nodes.slice(0, 2)).toMatchObject([
    { id: 'node_1', resources: { cpu: 2, memory: 8 * 2 ** 30, gpu: 0 } },
    { id: 'node_2', needs: [0], resources: { gpu: 1, limits: { gpu: 1, cpu: 8 } } },
  ]);
});

test('numbers and truths may be written as texts, and with the words of older YAML', () => {
  const { plan, settings } = compiledFiles({
    'line.yaml': `pipeline_id: "1"
seconds: 1_800
tenths: 5
s3_config: { endpoint: "http://s3", path_style: off }
log_config: { retention: "7" }
operators:
  - operator_id: a
    git_repo: https://e.com/a.git
    git_tag: "1.10"
    start_command: run
    timeout: \${seconds}
    env_config: { s3_compress_path: b/k.zst, need_conda_update: no }
    retry: { max_attempts: "3", interval: "\${.max_attempts}.\${tenths}" }
    extra_env_vars: { A: "1800", B: no, C: 1_0 }
nodes:
  - { node_id: "2", operator_ids: [a], runner_count: "2", resource: { cpu_request: "0.5" } }
`,
  });

  expect(settings?.log.retention).toEqual({ files: 7 });
  expect(plan.nodes[0]).toMatchObject({ label: '2', resources: { cpu: 0.5 } });
  const inner = plan.nodes[0]?.executor;
  expect(inner?.kind === 'steps' ? inner.plan.nodes[0] : undefined).toMatchObject({
    timeout: 1_800_000,
    retry: { maxAttempts: 3, delay: 3_500 },
    // Texts stay what they are.
    env: { A: '1800', B: 'no', C: '1_0' },
    executor: { environment: { update: false }, operator: { tag: '1.10' } },
  });
  expect(
    problemsOfFiles({ 'a.yaml': LINE.replace('run }', 'run, timeout: "1 h" }') }),
  ).toMatchObject([
    { code: 'wrong_type', message: expect.stringContaining('is the text "1 h"; wanted a number') },
  ]);
});

test('a file of nothing but comments says nothing, and one that is no mapping is told', () => {
  const blank = '\ufeff# local:\r\n  # name: x\r\n\n';
  const { plan } = compiledFiles({ 'a.yaml': LINE, 'b.yaml': 'name: B\n', 'c.local.yaml': blank });
  expect(plan).toMatchObject({ name: 'B' });
  expect(problemsOfFiles({ 'a.yaml': blank, 'b.yaml': '' })).toMatchObject([
    { code: 'empty_value', file: 'a.yaml' },
    { code: 'empty_value', file: 'b.yaml' },
  ]);
  expect(problemsOfFiles({ 'a.yaml': LINE, 'b.yaml': '- name: x\n' })).toMatchObject([
    {
      code: 'wrong_type',
      file: 'b.yaml',
      line: 1,
      message: 'the pipeline is a list; wanted a mapping',
    },
  ]);
});

test('a variable sets one value of a section that is a reference, and leaves its others', () => {
  const { settings } = compiledFiles(
    {
      'a.yaml': `${LINE}stores: { prod: { endpoint: "http://prod", region: eu } }\nmine: "\${stores.prod}"\n`,
      'b.yaml': 's3_config: ${mine}\n',
    },
    { MI_PIPELINE_CONF_S3_CONFIG__ENDPOINT: 'http://other' },
  );
  expect(settings?.s3).toMatchObject({ endpoint: 'http://other', region: 'eu' });
  expect(
    problemsOfFiles(
      { 'a.yaml': LINE, 'b.yaml': 's3_config: ${a}\na: ${b}\nb: ${a}\n' },
      { MI_PIPELINE_CONF_S3_CONFIG__ENDPOINT: 'http://other' },
    ).map(({ code }) => code),
  ).toEqual(['interpolation']);
});
