// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are what is tested
// The configurations of test/fixtures/broken: each has one mistake, and is told with its subject, what was found, what was wanted, and
// the place. A folder is one configuration of several files.
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { compilePipeline } from '#local/pipeline-files.ts';
import type { Problem } from '#schemas/problems.ts';

const FOLDER = path.resolve(import.meta.dirname, '../../fixtures/broken');

interface Told {
  readonly code: Problem['code'];
  /** `line:column`, behind the name of the file where there are several; empty where a variable is meant. */
  readonly place: string;
  readonly subject: string;
  readonly found: string;
  readonly wanted: string;
  readonly variables?: Readonly<Record<string, string>>;
  /** Other problems that follow from the same mistake. */
  readonly more?: number;
}

const CLEAN = 'operator "clean"';

const BROKEN: Readonly<Record<string, Told>> = {
  '01-no-pipeline-id.yaml': {
    code: 'missing_key',
    place: '1:1',
    subject: 'the pipeline',
    found: 'has no "pipeline_id"',
    wanted: 'an id of the pipeline',
  },
  '02-no-operators.yaml': {
    code: 'missing_key',
    place: '1:1',
    subject: 'the pipeline',
    found: 'has no "operators"',
    wanted: 'a list of operators',
  },
  '03-no-nodes.yaml': {
    code: 'missing_key',
    place: '1:1',
    subject: 'the pipeline',
    found: 'has no "nodes"',
    wanted: 'a list of nodes',
  },
  '04-operator-without-id.yaml': {
    code: 'missing_key',
    place: '9:5',
    subject: 'operator 1',
    found: 'has no "operator_id"',
    wanted: 'an id of the operator',
  },
  '05-operator-without-repository.yaml': {
    code: 'missing_key',
    place: '9:5',
    subject: CLEAN,
    found: 'has no "git_repo"',
    wanted: 'the address of a git repository',
  },
  '06-operator-without-tag.yaml': {
    code: 'missing_key',
    place: '9:5',
    subject: CLEAN,
    found: 'has no "git_tag"',
    wanted: 'a tag',
  },
  '07-operator-without-command.yaml': {
    code: 'missing_key',
    place: '9:5',
    subject: CLEAN,
    found: 'has no "start_command"',
    wanted: 'a shell command',
  },
  '08-operator-twice.yaml': {
    code: 'duplicate_id',
    place: '16:18',
    subject: 'there is an operator "clean"',
    found: 'already',
    wanted: 'another id',
    more: 1,
  },
  '09-unknown-upstream.yaml': {
    code: 'unknown_operator',
    place: '19:29',
    subject: '"upstream_dependencies[0]" of operator "load"',
    found: 'names the operator "claen", which is not there',
    wanted: 'did you mean "clean"?',
  },
  '10-unknown-operator-in-node.yaml': {
    code: 'unknown_operator',
    place: '31:20',
    subject: '"operator_ids[0]" of node "two"',
    found: 'names the operator "laod", which is not there',
    wanted: 'did you mean "load"?',
  },
  '11-operator-in-no-node.yaml': {
    code: 'unknown_operator',
    place: '16:5',
    subject: 'no node',
    found: 'runs',
    wanted: 'the operator "load"',
  },
  '12-operator-in-two-nodes.yaml': {
    code: 'duplicate_id',
    place: '31:26',
    subject: 'the operator "clean"',
    found: 'stands in the nodes "one" and "two"',
    wanted: 'one place',
  },
  '13-node-without-operators.yaml': {
    code: 'empty_value',
    place: '31:19',
    subject: '"operator_ids" of node "two"',
    found: 'an empty list',
    wanted: 'one operator or more',
  },
  '14-operators-wait-for-each-other.yaml': {
    code: 'cycle',
    place: '12:29',
    subject: 'operators',
    found: 'wait for each other',
    wanted: 'clean → load → clean',
  },
  '15-nodes-wait-for-each-other.yaml': {
    code: 'cycle',
    place: '12:29',
    subject: 'nodes wait for each other: one → two → one',
    found: '"clean" of node "one" waits for "report" of node "two"',
    wanted: '"load" of node "two" waits for "clean" of node "one"',
  },
  '16-limit-below-request.yaml': {
    code: 'wrong_value',
    place: '29:7',
    subject: '"resource" of node "one"',
    found: 'allows less cpu than it asks for',
    wanted: 'cpu_limit of at least cpu_request',
  },
  '17-negative-memory.yaml': {
    code: 'wrong_value',
    place: '28:23',
    subject: '"resource.memory_request" of node "one"',
    found: 'is -1',
    wanted: 'a number of at least 0',
  },
  '18-half-a-gpu.yaml': {
    code: 'wrong_value',
    place: '28:20',
    subject: '"resource.gpu_request" of node "one"',
    found: 'is 0.5',
    wanted: 'a whole number of at least 0',
  },
  '19-no-runners.yaml': {
    code: 'wrong_value',
    place: '32:19',
    subject: '"runner_count" of node "two"',
    found: 'is 0',
    wanted: 'a whole number of at least 1',
  },
  '20-timeout-with-unit.yaml': {
    code: 'wrong_type',
    place: '16:14',
    subject: '"timeout" of operator "clean"',
    found: 'is the text "30m"',
    wanted: 'a number greater than 0',
  },
  '21-tag-is-option.yaml': {
    code: 'unsafe_value',
    place: '11:14',
    subject: '"git_tag" of operator "clean"',
    found: '"--upload-pack=x", which would be read as an option',
    wanted: 'a value that does not begin with "-"',
  },
  '22-repository-runs-a-helper.yaml': {
    code: 'unsafe_value',
    place: '10:15',
    subject: '"git_repo" of operator "clean"',
    found: '"ext::sh -c x", which no repository is fetched from',
    wanted: 'https://…',
  },
  '23-project-file-elsewhere.yaml': {
    code: 'unsafe_value',
    place: '14:23',
    subject: '"env_config.pyproject_path" of operator "clean"',
    found: '"../pyproject.toml", which leaves its folder',
    wanted: 'a path inside it',
  },
  '24-wrong-project-file.yaml': {
    code: 'wrong_value',
    place: '14:23',
    subject: '"env_config.pyproject_path" of operator "clean"',
    found: 'is "./setup.py"',
    wanted: 'the path of a pyproject.toml',
  },
  '25-unknown-environment.yaml': {
    code: 'wrong_value',
    place: '12:15',
    subject: '"env_type" of operator "clean"',
    found: 'is "uv_projekt"',
    wanted: 'one of uv_project, pixi_project, conda_project, poetry_project, host',
  },
  '26-keys-of-two-environments.yaml': {
    code: 'wrong_value',
    place: '13:7',
    subject: '"env_config" of operator "clean"',
    found: 'has both "pyproject_path" and "pixi_toml_path"',
    wanted: 'the keys of one kind',
  },
  '27-key-of-another-environment.yaml': {
    code: 'wrong_value',
    place: '15:7',
    subject: '"env_config" of operator "clean"',
    found: 'has "need_conda_update", which belongs to conda_project',
    wanted: 'its environment is uv_project',
  },
  '28-environment-name-is-a-path.yaml': {
    code: 'wrong_value',
    place: '15:17',
    subject: '"env_config.env_name" of operator "clean"',
    found: 'is "../base"',
    wanted: 'a name: letters, digits',
  },
  '29-log-level.yaml': {
    code: 'wrong_value',
    place: '7:10',
    subject: '"log_config.level"',
    found: 'is "VERBOSE"',
    wanted: 'one of TRACE, DEBUG, INFO',
  },
  '30-log-rotation.yaml': {
    code: 'wrong_value',
    place: '7:13',
    subject: '"log_config.rotation"',
    found: 'is "100"',
    wanted: '"100 MB", "00:00" or "1 week"',
  },
  '31-log-retention.yaml': {
    code: 'wrong_value',
    place: '7:14',
    subject: '"log_config.retention"',
    found: 'is "ten days"',
    wanted: '10 or "10 days"',
  },
  '32-half-a-key.yaml': {
    code: 'wrong_value',
    place: '4:3',
    subject: '"s3_config"',
    found: 'has "access_key" without "secret_key"',
    wanted: 'both, or none',
  },
  '33-endpoint-is-no-address.yaml': {
    code: 'wrong_value',
    place: '3:13',
    subject: '"s3_config.endpoint"',
    found: 'is "s3.example.com"',
    wanted: 'an address such as https://s3.example.com',
  },
  '34-retry-without-attempts.yaml': {
    code: 'missing_key',
    place: '16:12',
    subject: '"retry" of operator "clean"',
    found: 'has no "max_attempts"',
    wanted: 'a number of attempts',
  },
  '35-retry-backoff.yaml': {
    code: 'wrong_value',
    place: '16:40',
    subject: '"retry.backoff" of operator "clean"',
    found: 'is "linear"',
    wanted: 'one of fixed, exponential',
  },
  '36-unknown-on-failure.yaml': {
    code: 'wrong_value',
    place: '16:17',
    subject: '"on_failure" of operator "clean"',
    found: 'is "ignore"',
    wanted: 'one of stop, continue, fallback: ID',
  },
  '37-fallback-in-another-node.yaml': {
    code: 'wrong_value',
    place: '16:17',
    subject: '"on_failure" of operator "clean"',
    found: 'names "load" of the node "two" for "clean" of the node "one"',
    wanted: 'put "load" among the operator_ids of "one", or give each of the two a node',
  },
  '38-scheduling.yaml': {
    code: 'wrong_value',
    place: '2:13',
    subject: '"scheduling"',
    found: 'is "toplogical"',
    wanted: 'did you mean "topological"?',
  },
  '39-missing-interpolation.yaml': {
    code: 'interpolation',
    place: '7:10',
    subject: '"log_config.level"',
    found: 'names ${logs.level}',
    wanted: 'the configuration has no key "logs"',
  },
  '40-interpolation-cycle.yaml': {
    code: 'interpolation',
    place: '2:7',
    subject: '"name"',
    found: 'is made from itself',
    wanted: 'name (line 2) → description (line 3) → name (line 2)',
  },
  '41-shell-variable.yaml': {
    code: 'interpolation',
    place: '15:42',
    subject: '"start_command" of operator "clean"',
    found: 'names ${HOME}',
    wanted: 'a variable of the shell is written $HOME',
  },
  '42-variable-not-set.yaml': {
    code: 'interpolation',
    place: '3:13',
    subject: '"s3_config.endpoint"',
    found: 'the variable "S3_ENDPOINT" is not set',
    wanted: 'set it, or give a default: ${oc.env:S3_ENDPOINT,…}',
  },
  '43-mandatory-value.yaml': {
    code: 'mandatory_value',
    place: '5:15',
    subject: '"s3_config.secret_key"',
    found: 'is ???',
    wanted: 'give it in a later file or by a variable',
  },
  '44-bad-base64.yaml': {
    code: 'bad_base64',
    place: '5:15',
    subject: '"s3_config.secret_key"',
    found: 'its length, 14, is no multiple of 4',
    wanted: 'write it with "millrace encode"',
  },
  '45-secret-as-tag.yaml': {
    code: 'secret_not_allowed',
    place: '11:14',
    subject: '"git_tag" of operator "clean"',
    found: 'is made with a decoded value',
    wanted: '"s3_config", "extra_env_vars" and "start_command"',
  },
  '46-unclosed-interpolation.yaml': {
    code: 'interpolation',
    place: '7:10',
    subject: '"log_config.level"',
    found: '${log_level',
    wanted: 'is never closed by a brace',
  },
  '47-override-of-an-operator': {
    code: 'override',
    place: '',
    variables: { MI_PIPELINE_CONF_OPERATORS__0__TIMEOUT: '5' },
    subject: 'the variable MI_PIPELINE_CONF_OPERATORS__0__TIMEOUT',
    found: 'aims at "operators"',
    wanted: 'the level of the pipeline only',
  },
  '48-override-misspelt': {
    code: 'override',
    place: '',
    variables: { MI_PIPELINE_CONF_S3_CONFIG__ENDPONT: 'http://x' },
    subject: 'the variable MI_PIPELINE_CONF_S3_CONFIG__ENDPONT',
    found: 'aims at "s3_config.endpont", which the configuration does not have',
    wanted: 'did you mean "MI_PIPELINE_CONF_S3_CONFIG__ENDPOINT"?',
  },
  '49-override-of-a-section': {
    code: 'override',
    place: '',
    variables: { MI_PIPELINE_CONF_LOG_CONFIG: 'DEBUG' },
    subject: 'the variable MI_PIPELINE_CONF_LOG_CONFIG',
    found: 'aims at "log_config", which holds several values',
    wanted: 'MI_PIPELINE_CONF_LOG_CONFIG__LEVEL',
  },
  '50-second-file-wrong': {
    code: 'wrong_value',
    place: '20-log.yaml:3:14',
    subject: '"log_config.retention"',
    found: 'is -1',
    wanted: 'a whole number of at least 0',
  },
  '51-variable-with-hyphen.yaml': {
    code: 'bad_id',
    place: '16:23',
    subject: '"extra_env_vars" of operator "clean"',
    found: '"A-B" cannot be a variable',
    wanted: 'letters, digits and "_", no digit first',
  },
  '52-reference-across-files': {
    code: 'interpolation',
    place: 'line.local.yaml:2:11',
    subject: '"s3_config.bucket"',
    found: 'names ${s3_config.buket}',
    wanted: '"s3_config" (line.local.yaml:1) has no key "buket"; did you mean "bucket"?',
  },
  '53-override-of-wrong-type': {
    code: 'wrong_type',
    place: '',
    variables: { MI_PIPELINE_CONF_S3_CONFIG__PATH_STYLE: 'sometimes' },
    subject: '"s3_config.path_style"',
    found: 'is the text "sometimes"',
    wanted: 'true or false (set by the variable MI_PIPELINE_CONF_S3_CONFIG__PATH_STYLE)',
  },
};

test('every broken configuration is asserted', () => {
  expect(readdirSync(FOLDER).sort()).toEqual(Object.keys(BROKEN).sort());
});

function placeOf({ file, line, column }: Problem): string {
  if (line === 0) return '';
  return file === undefined ? `${line}:${column}` : `${file}:${line}:${column}`;
}

test.each(Object.entries(BROKEN))('%s says what is wrong, and little else', (name, told) => {
  const { variables: environment = {}, code, place, subject, found, wanted, more = 0 } = told;
  const compiled = compilePipeline(path.join(FOLDER, name), { cwd: '/', environment });
  const problems = compiled.ok ? [] : compiled.problems;

  expect(problems.length).toBe(1 + more);
  const meant = problems.filter((each) => each.code === code && placeOf(each) === place);
  expect(meant, JSON.stringify(problems, null, 1)).toHaveLength(1);
  const message = meant[0]?.message ?? '';
  const at = [subject, found, wanted].map((text) => message.indexOf(text));
  // In this order: who, what came, what was wanted.
  expect(at, message).toEqual(at.toSorted((a, b) => a - b));
  expect(at).not.toContain(-1);
});
