// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are what is tested
// What people get wrong in the document's configuration, one, two and three things at a time: each is told once and where it is, in
// the order of the file.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { compilePipeline } from '#local/pipeline-files.ts';
import type { Problem } from '#schemas/problems.ts';

const LINE = readFileSync(
  path.resolve(import.meta.dirname, '../../fixtures/production-line.yaml'),
  'utf8',
);

interface Mistake {
  readonly name: string;
  /** What stands in the file, and what somebody wrote instead. */
  readonly changes: readonly (readonly [string, string])[];
  /** Line, column, sentence, and behind the arrow what is proposed. */
  readonly told: readonly string[];
}

const MISTAKES: readonly Mistake[] = [
  {
    name: 'a tab',
    changes: [['    git_tag: "v1.0.0"', '\tgit_tag: "v1.0.0"']],
    told: ['18:1 a tab stands where YAML wants spaces; indent with spaces → git_tag: "v1.0.0"'],
  },
  {
    name: 'a colon in a command',
    changes: [['start_command: "python main.py"', 'start_command: python main.py --map a: b']],
    told: [
      '23:43 a value that holds ": " must be quoted: YAML reads a mapping inside the value → start_command: \'python main.py --map a: b\'',
    ],
  },
  {
    name: 'a tag that YAML reads as a number',
    changes: [['git_tag: "v1.0.0"', 'git_tag: 1.0']],
    told: ['18:14 "git_tag" of operator "data_clean_operator" is a number; wanted a text → "1.0"'],
  },
  {
    name: 'two keys in the spelling of another tool',
    changes: [
      ['operator_id: "data_clean_operator"', 'operatorId: "data_clean_operator"'],
      ['start_command: "python main.py"', 'startCommand: "python main.py"'],
    ],
    told: [
      '16:5 operator 1 has no key "operatorId"; did you mean "operator_id"? → operator_id',
      '16:5 operator 1 has no "operator_id"; wanted an id of the operator',
      '16:5 operator 1 has no "start_command"; wanted a shell command',
      '23:5 operator 1 has no key "startCommand"; did you mean "start_command"? → start_command',
    ],
  },
  {
    name: 'a text in place of a list',
    changes: [
      [
        'upstream_dependencies: ["data_clean_operator"]',
        'upstream_dependencies: "data_clean_operator"',
      ],
    ],
    told: [
      '31:28 "upstream_dependencies" of operator "feature_extract_operator" is the text "data_clean_operator"; wanted a list → ["data_clean_operator"]',
    ],
  },
  {
    name: 'an operator that waits for itself',
    changes: [
      [
        'upstream_dependencies: ["data_clean_operator"]',
        'upstream_dependencies: ["feature_extract_operator"]',
      ],
    ],
    told: [
      '31:29 operator "feature_extract_operator" names itself among its "upstream_dependencies"',
    ],
  },
  {
    name: 'memory with its unit',
    changes: [
      ['memory_request: 8.0', 'memory_request: 8GB'],
      ['memory_limit: 16.0', 'memory_limit: "16 GB"'],
    ],
    told: [
      '45:23 "resource.memory_request" of node "node_1" is the text "8GB"; wanted a number of at least 0, in GiB → 8',
      '46:21 "resource.memory_limit" of node "node_1" is the text "16 GB"; wanted a number of at least 0, in GiB → 16',
    ],
  },
  {
    name: 'fewer GPUs allowed than asked for',
    changes: [['gpu_request: 1\n      gpu_limit: 1', 'gpu_request: 2\n      gpu_limit: 1']],
    told: [
      '57:7 "resource" of node "node_2" allows less gpu than it asks for; wanted gpu_limit of at least gpu_request',
    ],
  },
  {
    name: 'variables as a list',
    changes: [
      [
        'extra_env_vars:\n      DATA_INPUT_PATH: "/data/input"\n      DATA_OUTPUT_PATH: "/data/cleaned"',
        'extra_env_vars:\n      - DATA_INPUT_PATH=/data/input',
      ],
    ],
    told: ['26:7 "extra_env_vars" of operator "data_clean_operator" is a list; wanted a mapping'],
  },
  {
    name: 'two time-outs that are none',
    changes: [
      ['timeout: 1800', 'timeout: 0'],
      ['timeout: 3600', 'timeout: -5'],
    ],
    told: [
      '24:14 "timeout" of operator "data_clean_operator" is 0; wanted a number greater than 0, at most 31622400, in seconds',
      '37:14 "timeout" of operator "feature_extract_operator" is -5; wanted a number greater than 0, at most 31622400, in seconds',
    ],
  },
  {
    name: 'fallbacks that take the place of each other',
    changes: [
      ['timeout: 1800', 'timeout: 1800\n    on_failure: "fallback:feature_extract_operator"'],
      ['timeout: 3600', 'timeout: 3600\n    on_failure: "fallback: data_clean_operator"'],
    ],
    told: [
      '25:17 "on_failure" of operator "data_clean_operator" names "feature_extract_operator", which waits for "data_clean_operator" itself; it could never take its place',
      '39:17 "on_failure" of operator "feature_extract_operator" names "data_clean_operator", which waits for "feature_extract_operator" itself; it could never take its place',
      '41:5 nodes wait for each other: node_1 → node_2 → node_1 ("feature_extract_operator" of node "node_2" waits for "data_clean_operator" of node "node_1")',
    ],
  },
  {
    name: 'a number of attempts alone',
    changes: [['timeout: 1800', 'timeout: 1800\n    retry: 3']],
    told: [
      '25:12 "retry" of operator "data_clean_operator" is a number; wanted a mapping → { max_attempts: 3 }',
    ],
  },
  {
    name: 'three mistakes in one retry',
    changes: [
      [
        'timeout: 1800',
        'timeout: 1800\n    retry: {max_attempts: 0, interval: 5s, backoff: exponentiel}',
      ],
    ],
    told: [
      '25:27 "retry.max_attempts" of operator "data_clean_operator" is 0; wanted a whole number of at least 1, at most 100',
      '25:40 "retry.interval" of operator "data_clean_operator" is the text "5s"; wanted a number of at least 0, at most 31622400, in seconds → 5',
      '25:53 "retry.backoff" of operator "data_clean_operator" is "exponentiel"; wanted one of fixed, exponential; did you mean "exponential"? → exponential',
    ],
  },
  {
    name: 'an archive without a bucket',
    changes: [
      [
        's3_compress_path: "conda_envs/feature-env_v2.1.0.zst"',
        's3_compress_path: "feature-env.zst"',
      ],
    ],
    told: [
      '34:25 "env_config.s3_compress_path" of operator "feature_extract_operator" is "feature-env.zst", which names no bucket; wanted s3://bucket/key, or "bucket" in "s3_config"',
    ],
  },
  {
    name: 'an archive by https',
    changes: [
      [
        's3_compress_path: "conda_envs/feature-env_v2.1.0.zst"',
        's3_compress_path: "https://s3.example.com/conda_envs/feature.zst"',
      ],
    ],
    told: [
      '34:25 "env_config.s3_compress_path" of operator "feature_extract_operator" is "https://s3.example.com/conda_envs/feature.zst"; wanted s3://bucket/key, or a key of the bucket in "s3_config"',
    ],
  },
  {
    name: 'an environment by the name of its tool',
    changes: [
      ['env_type: "conda_project"', 'env_type: "conda"'],
      ['s3_compress_path', 's3_compres_path'],
    ],
    told: [
      '32:15 "env_type" of operator "feature_extract_operator" is "conda"; wanted one of uv_project, pixi_project, conda_project, poetry_project, host; did you mean "conda_project"? → conda_project',
    ],
  },
  {
    name: 'a misspelt key that would have told the environment',
    changes: [
      ['    env_type: "pixi_project"\n', ''],
      ['pixi_toml_path: "./pixi.toml"', 'pixi_toml: "./pixi.toml"'],
    ],
    told: [
      '21:7 "env_config" of operator "data_clean_operator" has no key "pixi_toml"; did you mean "pixi_toml_path"? → pixi_toml_path',
      '21:7 "env_config" of operator "data_clean_operator" has no "pixi_toml_path"; wanted the path of a pixi.toml',
    ],
  },
  {
    name: 'arguments as one text',
    changes: [
      [
        'pixi_toml_path: "./pixi.toml"',
        'pixi_toml_path: "./pixi.toml"\n      pixi_extra_args: "--no-cache --force"',
      ],
    ],
    told: [
      '23:24 "env_config.pixi_extra_args" of operator "data_clean_operator" is the text "--no-cache --force"; wanted a list → ["--no-cache", "--force"]',
    ],
  },
  {
    name: 'a node twice, an operator misspelt',
    changes: [
      ['node_id: "node_2"', 'node_id: "node_1"'],
      ['operator_ids: ["feature_extract_operator"]', 'operator_ids: ["feature_extract_operater"]'],
    ],
    told: [
      '48:14 there is a node "node_1" already; wanted another id',
      '49:20 "operator_ids[0]" of node "node_1" names the operator "feature_extract_operater", which is not there; did you mean "feature_extract_operator"? → feature_extract_operator',
    ],
  },
  {
    name: 'a key twice',
    changes: [
      [
        'start_command: "python main.py"',
        'start_command: "python main.py"\n    start_command: "python other.py"',
      ],
    ],
    told: ['24:5 the key "start_command" stands twice in one mapping, first in line 23'],
  },
  {
    name: 'two empty texts',
    changes: [
      ['git_tag: "v1.0.0"', 'git_tag: ""'],
      ['start_command: "python extract.py"', 'start_command: "  "'],
    ],
    told: [
      '18:14 "git_tag" of operator "data_clean_operator" is empty; wanted a text',
      '36:20 "start_command" of operator "feature_extract_operator" is empty; wanted a text',
    ],
  },
  {
    name: 'three mistakes in one section',
    changes: [
      ['level: "INFO"', 'level: info'],
      ['rotation: "100 MB"', 'rotation: "100 megabytes"'],
      ['retention: 10', 'retention: "10 backups"'],
    ],
    told: [
      '11:10 "log_config.level" is "info"; wanted one of TRACE, DEBUG, INFO, SUCCESS, WARNING, ERROR, CRITICAL; did you mean "INFO"? → INFO',
      '13:13 "log_config.rotation" is "100 megabytes"; wanted a size, a time of the day or a span: "100 MB", "00:00" or "1 week"',
      '14:14 "log_config.retention" is "10 backups"; wanted a number of files or a span: 10 or "10 days"',
    ],
  },
  {
    name: 'two encoded values that are none',
    changes: [
      ['access_key: "xxx"', 'access_key: "base64://QUtJQUVYQU1QTEU"'],
      ['secret_key: "xxx"', 'secret_key: "base64://$$$"'],
    ],
    told: [
      '8:15 "s3_config.access_key" begins with base64:// and is no base64: its length, 15, is no multiple of 4; write it with "millrace encode"',
      '9:15 "s3_config.secret_key" begins with base64:// and is no base64: character 1 behind the mark is "$"; write it with "millrace encode"',
    ],
  },
  {
    name: 'a name with a blank, half a GPU',
    changes: [
      ['env_name: "feature-env"', 'env_name: "feature env/v2"'],
      ['gpu_request: 1', 'gpu_request: 1.5'],
    ],
    told: [
      '35:17 "env_config.env_name" of operator "feature_extract_operator" is "feature env/v2"; wanted a name: letters, digits, ".", "_" and "-"',
      '56:20 "resource.gpu_request" of node "node_2" is 1.5; wanted a whole number of at least 0',
    ],
  },
  {
    name: 'a section misspelt',
    changes: [['nodes:', 'node:']],
    told: [
      '2:1 the pipeline has no "nodes"; wanted a list of nodes',
      '38:1 the pipeline has no key "node"; did you mean "nodes"? → nodes',
    ],
  },
  {
    name: 'no blank behind a colon',
    changes: [['timeout: 1800', 'timeout:1800']],
    told: ['24:12 the colon behind "timeout" needs a blank after it → timeout: 1800'],
  },
  {
    name: 'a quote that is never closed',
    changes: [['start_command: "python main.py"', 'start_command: "python main.py']],
    told: ['23:35 a text that begins with " is never closed: its second " is missing'],
  },
  {
    name: 'a line that stands too far left',
    changes: [['    git_tag: "v1.0.0"', '   git_tag: "v1.0.0"']],
    told: [
      '18:4 this line is indented by 3 blanks, and what it should belong to is not: keys of one mapping, and the "-" of one list, stand in one column',
    ],
  },
  {
    name: 'three references to what is not there',
    changes: [
      ['git_tag: "v1.0.0"', 'git_tag: ${versions.clean}'],
      ['level: "INFO"', 'level: ${oc.env:LVL}'],
      ['work_dir: "./pipeline_workspace"', 'work_dir: ${oc.env}'],
    ],
    told: [
      '5:11 "work_dir" names ${oc.env}, but the configuration has no key "oc"',
      '11:10 "log_config.level" names ${oc.env:LVL}, but the variable "LVL" is not set; set it, or give a default: ${oc.env:LVL,…}',
      '18:14 "git_tag" of operator "data_clean_operator" names ${versions.clean}, but the configuration has no key "versions"',
    ],
  },
  {
    name: 'a path as Windows writes it',
    changes: [['pixi_toml_path: "./pixi.toml"', 'pixi_toml_path: ".\\\\sub\\\\pixi.toml"']],
    told: [
      '22:23 "env_config.pixi_toml_path" of operator "data_clean_operator" is ".\\sub\\pixi.toml"; wanted the path of a pixi.toml in the code of operator "data_clean_operator"',
    ],
  },
  {
    name: 'a list and an absolute path',
    changes: [
      ['pixi_toml_path: "./pixi.toml"', 'pixi_toml_path: "/abs/pixi.toml"'],
      ['work_dir: "./pipeline_workspace"', 'work_dir: [a]'],
    ],
    told: [
      '5:11 "work_dir" is a list; wanted a text',
      '22:23 "env_config.pixi_toml_path" of operator "data_clean_operator" is "/abs/pixi.toml"; wanted a path inside its folder',
    ],
  },
  {
    name: 'a Chinese name misspelt',
    changes: [
      ['operator_id: "data_clean_operator"', 'operator_id: "数据清洗"'],
      ['upstream_dependencies: ["data_clean_operator"]', 'upstream_dependencies: ["数据清冼"]'],
      ['operator_ids: ["data_clean_operator"]', 'operator_ids: ["数据清洗"]'],
    ],
    told: [
      '31:29 "upstream_dependencies[0]" of operator "feature_extract_operator" names the operator "数据清冼", which is not there; did you mean "数据清洗"? → 数据清洗',
    ],
  },
  {
    name: 'a command as a list',
    changes: [['start_command: "python main.py"', 'start_command: ["python", "main.py"]']],
    told: ['23:20 "start_command" of operator "data_clean_operator" is a list; wanted a text'],
  },
  {
    name: 'an operator twice in a node',
    changes: [
      [
        'operator_ids: ["data_clean_operator"]',
        'operator_ids: ["data_clean_operator", "data_clean_operator"]',
      ],
    ],
    told: [
      '40:43 the operator "data_clean_operator" stands twice in the node "node_1"; wanted one place, because others wait for its end',
    ],
  },
  {
    name: 'an address without its protocol, a key of digits',
    changes: [
      ['endpoint: "http://s3.example.com"', 'endpoint: s3.example.com:9000'],
      ['secret_key: "xxx"', 'secret_key: 12345'],
    ],
    told: [
      '7:13 "s3_config.endpoint" is "s3.example.com:9000"; wanted an address such as https://s3.example.com',
      '9:15 "s3_config.secret_key" is a number; wanted a text → "12345"',
    ],
  },
  {
    name: 'three mistakes in what an operator needs',
    changes: [['timeout: 1800', 'timeout: 1800\n    resources: {cpus: 2, memory: 4G, gpu: -1}']],
    told: [
      '25:17 "resources" of operator "data_clean_operator" has no key "cpus"; did you mean "cpu"? → cpu',
      '25:34 "resources.memory" of operator "data_clean_operator" is the text "4G"; wanted a number of at least 0, in GiB → 4',
      '25:43 "resources.gpu" of operator "data_clean_operator" is -1; wanted a whole number of at least 0',
    ],
  },
];

function told({ line, column, message, suggestion }: Problem): string {
  const proposal = suggestion === undefined ? '' : ` → ${suggestion}`;
  return `${line}:${column} ${message}${proposal}`;
}

test.each(MISTAKES)('$name', ({ changes, told: wanted }) => {
  let text = LINE;
  for (const [from, to] of changes) {
    expect(text).toContain(from);
    text = text.replace(from, () => to);
  }
  const compiled = compilePipeline('/line.yaml', { cwd: '/', environment: {}, text });
  expect(compiled.ok ? [] : compiled.problems.map(told)).toEqual(wanted);
});
