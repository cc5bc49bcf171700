// Why each problem comes about and what to do about it. With the meanings of problem-codes.ts it makes docs/problems.md.
import type { ProblemCode } from './problem-codes.ts';

export interface Help {
  readonly cause: string;
  readonly cure: string;
}

export const PROBLEM_HELP: Readonly<Record<ProblemCode, Help>> = {
  file_missing: {
    cause: 'The path is misspelt, or the command runs in another folder than you think.',
    cure: 'Give the path of the file. Without one, `pipeline.yaml` in the current folder is taken.',
  },
  file_too_large: {
    cause: 'Data was put into the pipeline file, or the file is generated without a bound.',
    cure: 'Keep data in files and bind them as inputs; split the pipeline.',
  },
  not_utf8: {
    cause: 'The editor saved the file in another encoding. The message names the likely one.',
    cure: 'Save the file as UTF-8, for example with `iconv -f GB18030 -t UTF-8`.',
  },
  yaml_syntax: {
    cause: 'A bracket or quote is open, the indentation is uneven, or a tag is used.',
    cure: 'Look at the line of the problem and the one above it.',
  },
  yaml_tab: {
    cause: 'YAML allows spaces only at the beginning of a line.',
    cure: 'Replace the tab by spaces, and let the editor insert spaces.',
  },
  yaml_aliases: {
    cause: 'Aliases name things that hold aliases, or brackets are nested without end.',
    cure: 'Write out what the aliases stand for; flatten the value.',
  },
  yaml_duplicate_key: {
    cause: 'A key was copied; YAML tools would silently take the last one.',
    cure: 'Remove one of the two, or join their values.',
  },
  yaml_unquoted_braces: {
    cause: 'YAML reads `{` at the beginning of a value as the beginning of a mapping.',
    cure: 'Quote the value: `path: "{{ extract.path }}"`. The problem shows the corrected line.',
  },
  yaml_unquoted_bang: {
    cause: 'YAML reads `!` at the beginning of a value as a tag.',
    cure: 'Quote the value: `startWhen: "!event:extract.failed"`.',
  },
  yaml_unquoted_question: {
    cause: 'YAML reads ": " inside a plain value as the end of a key, and " #" as a comment.',
    cure: 'Quote the whole value.',
  },
  yaml_documents: {
    cause: 'A line `---` begins a second document.',
    cure: 'Put each pipeline into a file of its own.',
  },
  dialect_unknown: {
    cause: 'The file has none of the keys by which a dialect is recognised.',
    cure: 'A pipeline has an `id` and `nodes`, each with an `id`.',
  },
  dialect_missing: {
    cause: 'The file is written for another system whose dialect comes later.',
    cure: 'Write the pipeline in the dialect `nodes`, which can say the same.',
  },
  unknown_key: {
    cause: 'The key is misspelt or stands in the wrong place.',
    cure: 'Take the suggested key, or look the place up in docs/reference.',
  },
  missing_key: {
    cause: 'A key was forgotten, or stands one level too deep.',
    cure: 'Add it; the message says what it wants.',
  },
  wrong_type: {
    cause: 'A list where a text is wanted, a number that needs quotes, a value left out.',
    cure: 'Write a value of the wanted type. Quote numbers that are meant as texts.',
  },
  wrong_value: {
    cause: 'The value is of the right type, but is none that this place takes.',
    cure: 'The message lists or describes what is allowed.',
  },
  empty_value: {
    cause: 'A text, list or condition was left empty.',
    cure: 'Fill it or leave the key out.',
  },
  bad_duration: {
    cause: 'A number without a unit, or a unit that is not known.',
    cure: 'Durations are written `250ms`, `90s`, `15m`, `2h`, `1h30m`, `7d`.',
  },
  bad_size: {
    cause: 'A number without a unit, or a unit that is not known.',
    cure: 'Sizes are written `512MiB`, `8GiB`, `20GB`.',
  },
  bad_id: {
    cause: 'The id has a hyphen, a blank or another sign, or begins with a digit.',
    cure: 'Use letters, digits and `_`: ids are names in expressions, where a hyphen is a minus.',
  },
  reserved_id: {
    cause: 'The word already means something in expressions or for the engine.',
    cure: 'Choose another name.',
  },
  duplicate_id: {
    cause: 'Something was copied and not renamed.',
    cure: 'Give each its own id.',
  },
  too_many: {
    cause: 'The pipeline is generated, or a list is much longer than meant.',
    cure: 'Split it, or use `forEach` over one node.',
  },
  executor_missing: {
    cause: 'The key is known, and this version does not have it yet.',
    cure: 'Use `steps` with a command that does the same.',
  },
  environment_missing: {
    cause: 'The kind of environment is known, and this version does not have it yet.',
    cure: 'Use an environment of uv, pixi, conda or poetry, or the host.',
  },
  several_executors: {
    cause: 'A node has two keys that each say what it does.',
    cure: 'Make two nodes of it.',
  },
  needs_and_start: {
    cause: '`needs` is short for a `startWhen`, so a node cannot have both.',
    cure: 'Write one `startWhen`; the suggestion joins the two.',
  },
  unsafe_value: {
    cause:
      'A value begins with `-`, leaves its folder, names an odd transport, or holds control characters.',
    cure: 'Use https, http, ssh, `git@host:path` or a path for repositories; stay inside the folder.',
  },
  bad_base64: {
    cause: 'The value was cut off, or written by hand.',
    cure: 'Write it with `millrace encode`, which reads standard input too.',
  },
  interpolation: {
    cause:
      'A key is misspelt or missing, values are made from each other, a variable of the environment is not set, or the text was meant for the shell.',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what is explained
    cure: 'The message names both places. `\\${x}` stands for the letters themselves, `$HOME` for a variable of the shell, `${oc.env:NAME,default}` for one of the environment.',
  },
  mandatory_value: {
    cause: 'A file leaves the value to a later file or to the environment, and neither gives it.',
    cure: 'Give it in a `*.local.yaml`, or by the variable `MI_PIPELINE_CONF_…` of its place.',
  },
  override: {
    cause:
      'The name is misspelt, aims at a whole section, or at operators or nodes, which variables do not reach.',
    cure: 'Name one value at the level of the pipeline: `MI_PIPELINE_CONF_S3_CONFIG__ENDPOINT` is `s3_config.endpoint`.',
  },
  unknown_node: {
    cause: 'The name is misspelt, or the node was renamed.',
    cure: 'Take the suggested name, or add the node.',
  },
  unknown_operator: {
    cause: 'The name is misspelt, or the operator is in no node (then it is a warning).',
    cure: 'Take the suggested name, or add the operator to a node.',
  },
  unknown_pipeline: {
    cause:
      'The file is misspelt or lies elsewhere, no file of this folder has that id, or the file is not valid itself.',
    cure: 'Paths are relative to the folder of the file that names them. An id is looked for in the YAML files of that folder; published pipelines come in a later version.',
  },
  unknown_input: {
    cause: 'The name is misspelt, or the input is not declared under `inputs`.',
    cure: 'Take the suggested name, or declare the input.',
  },
  unknown_variable: {
    cause:
      'A bare name that is no input of the node, `item` outside of `forEach`, or an output that cannot be.',
    cure: 'Outputs are `node.name`, inputs of the pipeline `pipeline.input.name`.',
  },
  unknown_event: {
    cause: 'Nodes raise a closed list of events, and a pattern must match another node.',
    cure: 'The message lists the events; `succeeded` is `completed`.',
  },
  cycle: {
    cause: 'Each of the named nodes waits for the next one, and the last for the first.',
    cure: 'Remove one of the waits, or split a node in two.',
  },
  expression_syntax: {
    cause: 'A sign is missing or superfluous. The caret points at it.',
    cure: 'Correct it; `millrace eval` tries an expression without a run.',
  },
  expression_function: {
    cause: 'The function is misspelt, or called with another number of arguments.',
    cure: 'The message names the functions or the arguments.',
  },
  expression_limit: {
    cause: 'The expression is longer or deeper than the limits allow.',
    cure: 'Do that work in a step, and name its output.',
  },
  event_in_braces: {
    cause: 'Events belong to conditions, values to braces.',
    cure: 'Write `event:a.completed && {{ a.rows > 0 }}`.',
  },
  braces_in_comparison: {
    cause: 'The braces enclose one side of a comparison only.',
    cure: 'Put the whole comparison inside: `{{ a.rows > 0 }}`.',
  },
  constant_condition: {
    cause: 'The condition names nothing that differs between runs, or contradicts itself.',
    cure: 'Leave it out, or name what it waits for.',
  },
  contradiction: {
    cause: 'Two events are wanted together of which only one can happen.',
    cure: 'Join them with `||`.',
  },
  binding_may_be_missing: {
    cause: 'The node may start although the source of the value has not completed.',
    cure: 'Wait for the source as the suggestion says, or give a fallback: `a.rows ?? 0`.',
  },
  external_in_skip: {
    cause:
      '`skipWhen` is asked once, when the node would start; an event from outside may come later.',
    cure: 'Wait for it in `startWhen`, or stop the node with `stopWhen`.',
  },
  secret_not_allowed: {
    cause: 'Inputs, conditions and lists are stored and shown.',
    cure: 'Name the secret in `env` or `command` of a step.',
  },
  quoted_word: {
    cause: 'Each `{{ }}` in a command is made one quoted word already.',
    cure: 'Remove the quotes round it.',
  },
  sql_placeholder: {
    cause:
      'Each `{{ }}` of a query is a value handed to the database, never text of the query. It cannot be a part of a text, a name or a comment.',
    cure: 'Write it as a value of its own: `{{ x }}`, `read_parquet({{ path }})`, `{{ day }}::date`. Join texts with `||`.',
  },
  missing_input: {
    cause: 'The input has no default, and the run was given no value.',
    cure: 'Give one with `-i name=value` or `--inputs FILE`.',
  },
  wrong_input: {
    cause: 'The value is not of the declared type. With `-i`, all but texts and files are JSON.',
    cure: 'Write it as JSON: `-i regions=\'["north"]\'`.',
  },
  input_file_missing: {
    cause: 'The path is misspelt, or is relative to another folder.',
    cure: 'Paths given with `-i` are relative to the current folder, defaults to that of the pipeline.',
  },
  secret_missing: {
    cause: 'The pipeline names a secret that this namespace does not hold.',
    cure: 'Set it with `millrace secret set NAME`.',
  },
  repository_missing: {
    cause: 'The address is wrong, the network is off, or access is refused.',
    cure: 'Try `git ls-remote` with the address; credentials are those of your own git.',
  },
  tag_missing: {
    cause: 'The tag is misspelt or was not pushed. Near ones are named.',
    cure: 'Use a tag that is there, or push it.',
  },
  project_file_missing: {
    cause: 'The operator has no such file at that tag.',
    cure: 'Correct the path, or add the file and tag anew.',
  },
  does_not_fit: {
    cause: 'A node asks for more than this machine has altogether.',
    cure: 'Ask for less, or run it on a larger machine.',
  },
  path_missing: {
    cause: 'The path of a working tree is misspelt, or is relative to another folder.',
    cure: "Paths in a pipeline are relative to the pipeline's folder.",
  },
  log_unwritable: {
    cause:
      'Something else lies at `log_path` or on the way to it, or this user may not write there.',
    cure: 'Name a file that you may write. The lines are in `millrace logs` all the same.',
  },
  stays_here: {
    cause:
      'The run is to be worked on by other machines, and the operator is a folder of this one.',
    cure: 'Push it to a repository that they reach and name a tag of it, or run the pipeline on one machine.',
  },
  package_missing: {
    cause: 'The package is large and wanted by few, so it does not come with Millrace.',
    cure: 'Install it with the command that the message names, in the folder where Millrace is installed.',
  },
};
