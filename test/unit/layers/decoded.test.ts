// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are what is tested
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeWord, encodeWord } from '#core/layers/base64.ts';
import { commandOf, compiledFiles, compileFiles, LINE, problemsOfFiles } from './layers.ts';

const SECRET = 'secret_key_example';
const WORD = encodeWord(SECRET);

test('any text comes back as it was, also one that begins like the mark', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      fc.pre(text.isWellFormed());
      expect(encodeWord(text)).toBe(`base64://${Buffer.from(text, 'utf8').toString('base64')}`);
      expect(decodeWord(encodeWord(text))).toEqual({ ok: true, text });
      const again = encodeWord(encodeWord(text));
      expect(decodeWord(again)).toEqual({ ok: true, text: encodeWord(text) });
    }),
  );
});

test('a decoded value is given to programs by a name, and is nowhere in the plan', () => {
  const text = `${LINE.replace(
    'start_command: run',
    'start_command: "run ${s3_config.secret_key}", extra_env_vars: { KEY: "${s3_config.secret_key}", URL: "x:${s3_config.secret_key}@h", OWN: "WORD" }',
  ).replace(
    'WORD',
    encodeWord('own_value'),
  )}s3_config: { access_key: id, secret_key: "${WORD}" }\n`;
  const compiled = compiledFiles({ 'line.yaml': text });

  const name = 'MI_PIPELINE_CONF_S3_CONFIG__SECRET_KEY';
  const own = 'MI_PIPELINE_CONF_OPERATORS__0__EXTRA_ENV_VARS__OWN';
  expect([...compiled.decoded]).toEqual([
    [own, 'own_value'],
    [name, SECRET],
  ]);
  // Nobody has to set them.
  expect(compiled.secrets).toEqual([]);
  expect(JSON.stringify(compiled.plan)).not.toContain(SECRET);
  expect(JSON.stringify(compiled.plan)).not.toContain('own_value');
  const executor = compiled.plan.nodes[0]?.executor;
  const step = executor?.kind === 'steps' ? executor.plan.nodes[0] : undefined;
  expect(step).toMatchObject({
    env: {
      KEY: `{{ secret.${name} }}`,
      URL: `x:{{ secret.${name} }}@h`,
      OWN: `{{ secret.${own} }}`,
    },
    executor: { command: `run {{ secret.${name} }}` },
  });
  expect(compiled.plan.nodes[0]?.hides).toEqual([own, name]);
  expect(compiled.settings?.s3.credentials).toEqual({ accessKey: 'id', secretKey: SECRET });
});

test('a start command that is encoded whole is read by the shell like any other', () => {
  expect(commandOf(encodeWord('python main.py --x "$HOME" ${y}'))).toBe(
    'eval {{ secret.MI_PIPELINE_CONF_OPERATORS__0__START_COMMAND }}',
  );
});

test('decoded values are neither decoded nor filled in again', () => {
  const text = `${LINE}s3_config: { access_key: "${encodeWord('${name}')}", secret_key: "${encodeWord(WORD)}" }\n`;

  expect(compiledFiles({ 'a.yaml': text }).settings?.s3.credentials).toEqual({
    accessKey: '${name}',
    secretKey: WORD,
  });
});

test('variables may be encoded as well, and override what the files say', () => {
  const { settings, decoded } = compiledFiles(
    { 'a.yaml': `${LINE}s3_config: { access_key: a, secret_key: "base64://broken" }\n` },
    {
      MI_PIPELINE_CONF_S3_CONFIG__SECRET_KEY: WORD,
      MI_PIPELINE_CONF_LOG_CONFIG__LEVEL: encodeWord('DEBUG'),
    },
  );

  expect(settings).toMatchObject({
    s3: { credentials: { secretKey: SECRET } },
    log: { level: 'DEBUG' },
  });
  expect([...decoded.values()].sort()).toEqual(['DEBUG', SECRET]);
});

test.each([
  ['base64://YS', 'its length, 2, is no multiple of 4'],
  ['base64://Y*Bi', 'character 2 behind the mark is "*"'],
  ['base64://A0+=', 'holds more than the last byte'],
  ['base64:///w==', 'no UTF-8 text'],
])('%s is told where it stands', (word, why) => {
  expect(problemsOfFiles({ 'a.yaml': `${LINE}s3_config: { region: "${word}" }\n` })).toMatchObject([
    {
      code: 'bad_base64',
      path: 's3_config.region',
      line: 6,
      message: expect.stringContaining(why),
    },
  ]);
});

test('where it would be stored, a decoded value is refused; a name of a pipeline shows a mask', () => {
  const text = LINE.replace('git_tag: v1', `git_tag: "${WORD}"`).replace(
    'pipeline_id: line',
    `pipeline_id: "${WORD}"\nwork_dir: "./${'${description}'}"\nlog_config: { log_path: "${WORD}" }\nname: "Line ${'${description}'}"\ndescription: "${WORD}"`,
  );
  const result = compileFiles({ 'a.yaml': text });

  expect(result.ok ? [] : result.problems).toMatchObject([
    { code: 'secret_not_allowed', path: 'pipeline_id' },
    { code: 'secret_not_allowed', path: 'work_dir' },
    { code: 'secret_not_allowed', path: 'log_config.log_path' },
    { code: 'secret_not_allowed', path: 'operators[0].git_tag' },
  ]);
  const named = LINE.replace(
    'pipeline_id: line',
    `pipeline_id: line\nname: "x ${'${description}'}"\ndescription: "${WORD}"`,
  );
  expect(compiledFiles({ 'a.yaml': named }).plan).toMatchObject({
    name: 'x ***',
    description: '***',
  });
});

test('what is decoded does not stand in a message about it', () => {
  const problems = problemsOfFiles({
    'a.yaml': `${LINE}log_config: { level: "${WORD}", rotation: "${WORD}" }\n`,
  });

  expect(problems).toHaveLength(2);
  expect(problems.map(({ message }) => message).join()).not.toContain(SECRET);
});
