// The closed list of problem codes. Each has a page in docs/problems.md, generated from here.
import * as z from 'zod';

export const PROBLEMS = {
  // The file
  file_missing: 'The pipeline file is not there.',
  file_too_large: 'The file is larger than limits.sourceBytes.',
  not_utf8: 'The file is not UTF-8.',
  yaml_syntax: 'The file is not YAML.',
  yaml_tab: 'A tab stands where YAML wants spaces.',
  yaml_aliases: 'Aliases expand to more than limits.yamlAliases, or the file is nested too deeply.',
  yaml_duplicate_key: 'The same key stands twice in one mapping.',
  yaml_unquoted_braces: 'A value begins with {{ and is not quoted, so YAML reads a mapping.',
  yaml_unquoted_bang: 'A value begins with ! and is not quoted, so YAML reads a tag.',
  yaml_unquoted_question: 'A plain value holds ": " or " #", so YAML cuts it off there.',
  yaml_documents: 'The file holds more than one document.',
  dialect_unknown: 'Nothing tells in which dialect the file is written.',
  dialect_missing: 'This version does not read that dialect yet.',
  // Shape
  unknown_key: 'A key that this place does not know.',
  missing_key: 'A key that must be there is not.',
  wrong_type: 'A value of another type than wanted.',
  wrong_value: 'A value that is not allowed here.',
  empty_value: 'A value that must not be empty is.',
  bad_duration: 'A duration that cannot be read.',
  bad_size: 'A size that cannot be read.',
  bad_id: 'An id that is not one.',
  reserved_id: 'An id that the language uses itself.',
  duplicate_id: 'The same id twice.',
  too_many: 'More than the limit allows.',
  executor_missing: 'This version lacks that executor.',
  environment_missing: 'This version lacks that kind of environment.',
  several_executors: 'A node with more than one executor.',
  needs_and_start: '`needs` and `startWhen` together.',
  unsafe_value:
    'A value that could be read as an option, leave its folder, or hold a control character.',
  // A configuration of several layers
  bad_base64: 'A value written base64://… that cannot be decoded.',
  interpolation: 'An interpolation that cannot be filled in.',
  mandatory_value: 'A value that is `???`: somebody must give it.',
  override: 'A variable of the environment that cannot set what its name says.',
  // Names
  unknown_node: 'A node that the pipeline does not have.',
  unknown_operator: 'An operator that the pipeline does not have.',
  unknown_input: 'An input that the pipeline does not declare.',
  unknown_pipeline: 'A pipeline that a node runs and that is not there.',
  unknown_variable: 'A variable that nothing provides.',
  unknown_event: 'An event that its source cannot raise, or a pattern that matches nothing.',
  cycle: 'Nodes that wait for each other.',
  // Expressions
  expression_syntax: 'An expression that cannot be parsed.',
  expression_function:
    'A function that the language does not have, or the wrong number of arguments.',
  expression_limit: 'An expression over a limit.',
  event_in_braces: '`event:` inside {{ }}.',
  braces_in_comparison: '{{ }} inside a larger comparison.',
  constant_condition: 'A condition that is the same in every run.',
  contradiction: 'A condition that can never be true.',
  binding_may_be_missing: 'A value whose source may not have completed when it is needed.',
  external_in_skip: 'An external event in skipWhen.',
  secret_not_allowed: 'A secret where it cannot be kept secret.',
  quoted_word: 'A {{ }} in a command that already stands inside quotes.',
  sql_placeholder: 'A {{ }} where SQL takes no value, or a parameter that is not written {{ }}.',
  // A run
  missing_input: 'An input without a value.',
  wrong_input: 'A value that does not fit the input.',
  input_file_missing: 'A file given as an input is not there.',
  secret_missing: 'A secret that the pipeline names is not set.',
  repository_missing: 'A git repository that is not there or cannot be read.',
  tag_missing: 'A tag that the repository does not have.',
  project_file_missing: 'The project file of an environment is not in the operator.',
  does_not_fit: 'Resources that this machine can never give.',
  path_missing: 'A folder that is not there.',
  log_unwritable: 'The log of a production line cannot be written.',
  stays_here: 'An operator whose code lies where other machines cannot get it.',
  package_missing: 'A package that a node needs is not installed beside Millrace.',
} as const;

export type ProblemCode = keyof typeof PROBLEMS;
export const problemCode = z.enum(Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]);
