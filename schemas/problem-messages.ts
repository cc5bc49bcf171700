// What is said of each problem: code → variant → sentence. `{name}` is filled in; a brace before a blank or another brace is
// itself. A sentence names the subject, what came and what was wanted. `{subject}` is a place of the pipeline file as people
// call it (`"timeout" of node "extract"`), `{hint}` one of the HINTS or nothing.
import type { ProblemCode } from './problem-codes.ts';
import { CONFIGURATION_MESSAGES } from './problem-messages-configuration.ts';
import { EXPRESSION_MESSAGES } from './problem-messages-expressions.ts';
import { FILE_MESSAGES } from './problem-messages-files.ts';
import { RUN_MESSAGES } from './problem-messages-runs.ts';

/** What may end a sentence. */
export const HINTS = {
  near: '; did you mean "{near}"?',
  has: '; the pipeline has {known}',
  known: '; known are {known}',
  declares: '; the pipeline declares {known}',
  declares_none: '; the pipeline declares no inputs',
  takes: '; it declares {known}',
  takes_none: '; it declares none',
} as const;

/** Parts that several sentences share. */
export const PARTS = {
  about: '{subject}: {problem}',
  more: '{problem} (and {count} more problems that are not shown)',
  described: ' ({description})',
  because: ' ({reasons})',
  waits: '"{operator}" of node "{node}" waits for "{other}" of node "{home}"',
  letters: 'letters, digits and "_", no digit first',
  pipeline_letters: 'letters, digits, "_" and "-", no digit first',
  length: 'at most {most} letters',
  input_letters: 'wanted letters, digits and "_", no digit first',
  input_length: 'at most {most} letters are allowed',
  input_word: 'it is a word of the expression language',
  // Places of a configuration
  line: 'line {line}',
  variable: 'the variable {name}',
  from_variable: '{problem} (set by the variable {name})',
  found: '{name} ({where})',
  configuration: 'the configuration',
  env: '; a variable of the environment is written {ref}',
} as const;

export const PROBLEM_MESSAGES = {
  // The file
  ...FILE_MESSAGES,
  // Shape
  unknown_key: {
    key: '{subject} has no key "{key}"{hint}',
  },
  missing_key: {
    key: '{subject} has no "{key}"; wanted {wanted}',
    operator: '{subject} is made from the project file of an operator; wanted "operator" beside it',
  },
  wrong_type: {
    value: '{subject} is {came}; wanted {wanted}',
    input_default: '{subject} is {came}; wanted {wanted}, as its "type" says',
    key: 'a key is {came}; wanted a text',
  },
  wrong_value: {
    value: '{subject} is {came}; wanted {wanted}',
    word: '{subject} is "{came}"; wanted one of {known}{hint}',
    not_json: '{came} is no value that JSON can hold; quote it to mean the text',
    zero: '{subject} is 0; wanted more',
    form: '{subject} is "{came}"; wanted {wanted}',
    env_key: '{subject} has "{key}", which belongs to {kind}; its environment is {own}',
    env_kinds:
      '{subject} has both "{key}" and "{other}"; wanted the keys of one kind of environment',
    pair: '{subject} has "{key}" without "{other}"; wanted both, or none for the credentials of this machine',
    bucket:
      '{subject} is "{came}", which names no bucket; wanted s3://bucket/key, or "bucket" in "s3_config"',
    need: 'operator "{operator}" needs more {resource} than its node "{node}" may use ({wanted}; the limit is {most})',
    fallback_itself: '{subject} is the operator itself; wanted another one',
    fallback_node:
      '{subject} names "{name}" of the node "{other}" for "{operator}" of the node "{node}"; put "{name}" among the operator_ids of "{node}", or give each of the two a node that runs nothing else',
    fallback_waits:
      '{subject} names "{name}", which waits for "{operator}" itself; it could never take its place',
    retry_class: '{subject} is "{came}"; wanted {known}, exit:N or exit:N-M{hint}',
    limits: '{subject} allows less {resource} than "resources" asks for; wanted at least as much',
    limit_gpu:
      '{subject} allows {most} GPU and asks for {asked}: a node gets as many as it asks for, and never more; wanted a gpu_request of {most}, or no gpu_limit',
    limit_key:
      '{subject} allows less {resource} than it asks for; wanted {resource}_limit of at least {resource}_request',
    beside_function:
      '{subject} has "{key}" beside "function", where it means nothing: a handler runs inside the program that embeds the engine',
    max_parallel: '{subject} has "maxParallel" without "forEach", where it means nothing',
    approval_timeout:
      '{subject} has a "timeout", but an approval has a deadline; wanted approval: { deadline: … }',
    approval_retry:
      '{subject} has a "retry", but what a person decided is not asked again; wanted no "retry" on an approval',
    approval_unused: '{subject} has "{key}", which means nothing on an approval: no program runs',
    pipeline_unused:
      '{subject} has "{key}" beside "pipeline", where it means nothing: give values as inputs of the pipeline',
    approver: '{subject} is "{came}"; wanted the name of a user, or one of {known}',
    on_deadline: '{subject} has "onDeadline" without "deadline", where it means nothing',
    cache_executor:
      '{subject} has "cache", but there is no work whose outputs could be taken over; wanted "cache" on a node with steps, sql or a function',
    cache_never:
      '{subject} has "cache" and names {names}: that is new in every run, so nothing is ever taken over',
    for_each_text: '{subject} is a text with {{ }} in it; wanted {wanted}',
    path_and_git: '{subject} has "path" beside "git" or "tag"; wanted one of them',
    file_and_id: '{subject} has both "file" and "id"; wanted one of them',
    environments: '{subject} has {count} kinds ({kinds}); wanted one',
    environment:
      '{subject} is "{came}"; wanted host, { uv: pyproject.toml }, { pixi: pixi.toml }, { conda: s3://bucket/key } or { poetry: pyproject.toml }',
    not_secret: '{subject} is a text that anybody could read; wanted {{ secret.NAME }}',
    project: '{subject} is "{came}"; wanted the path of a {file} in the code of {operator}',
    // Arguments that are written out in an expression
    pattern_length: 'a pattern of {count} characters; at most {most} are allowed',
    pattern: 'the pattern {pattern} is not RE2 syntax: {why}',
    format_percent: 'the format {format} is written with yyyy MM dd HH mm ss SSS, not with %',
    format_quote: "the format {format} has a ' that is never closed",
    format_word:
      'the format {format} names "{came}"; it may name {known} (other letters stand in \'…\')',
    payload:
      "payload wants the name of an external event, written out as a text: payload('external.go')",
  },
  empty_value: {
    file: 'the file is empty; wanted a pipeline',
    text: '{subject} is empty; wanted a text',
    approvers: '{subject} is an empty list; wanted who may decide, or no "approvers"',
    nodes: 'the pipeline has no nodes; wanted one node or more',
    steps: '{subject} is an empty list; wanted one step or more',
    operators: '{subject} is an empty list; wanted one operator or more',
  },
  bad_duration: {
    no_unit: '"{came}" has no unit; say "{came}s", for seconds',
    form: '"{came}" is no duration; wanted a duration such as 90s, 15m or 1h30m',
    order: '"{came}" is no duration: units go from large to small; wanted one such as 1h30m',
    long: '"{came}" is longer than {most}',
  },
  bad_size: {
    no_unit: '"{came}" has no unit; say "{came}GiB", for one',
    form: '"{came}" is no size; wanted one such as 512MiB, 8GiB or 20GB',
    large: '"{came}" is larger than any machine',
  },
  bad_id: {
    id: '{subject} is "{came}"; wanted {wanted}{hint}',
    function:
      '{subject} is "{came}"; wanted {wanted}: letters, digits and _ . : / -, no digit first, at most {most} letters',
    input: '"{name}" cannot be the name of an input; {why}',
    node_input: '{subject}: "{name}" cannot be the name of an input; {why}',
    output: '{subject}: "{name}" cannot be the name of an output; wanted {why}',
    sql_output: '{subject}: "{name}" cannot be the name of an output; wanted {why}',
    variable:
      '{subject}: "{name}" cannot be a variable; wanted letters, digits and "_", no digit first',
  },
  reserved_id: {
    id: '{subject} is "{came}", a word that has a meaning already; choose another one',
    key: '"{key}" cannot be a key: it is refused as a name of members',
    variable:
      '{subject}: "{name}" cannot be a variable; names beginning with MILLRACE_ are set by the engine',
  },
  duplicate_id: {
    node: 'there is a node "{id}" already; wanted another id',
    node_line: 'there is a node "{id}" already, in line {line}; wanted another id',
    operator: 'there is an operator "{id}" already; wanted another id',
    step: '{subject} is "{id}" for the second time in this node',
    sql_output:
      '{subject} has an output "{id}", which is the name of the result of the query already; wanted another name',
    needs: '{subject} names "{name}" for the second time',
    runs_twice:
      'the operator "{operator}" stands twice in the node "{node}"; wanted one place, because others wait for its end',
    runs_in_two:
      'the operator "{operator}" stands in the nodes "{other}" and "{node}"; wanted one place, because others wait for its end',
  },
  too_many: {
    layers: '{folder} has {count} YAML files; at most {most} are merged',
    nodes: 'the pipeline has {count} nodes; at most {most} are allowed',
    inputs: 'the pipeline has {count} inputs; at most {most} are allowed',
    steps: '{subject} has {count} steps; at most {most} are allowed',
    operators: '{subject} has {count} operators; at most {most} are allowed',
    levels: '{subject}: pipelines run pipelines more than {most} levels deep',
    elements: '{subject} has {count} elements; at most {most} are allowed',
    sql: '{subject} has {count} characters; at most {most} are allowed',
    sql_outputs: '{subject} has {count} queries; at most {most} are allowed',
  },
  executor_missing: {
    key: '{subject} has "{key}", which this version lacks; it has {known}',
  },
  environment_missing: {
    kind: '{subject} is of the kind "{kind}", which this version lacks; it has {known}',
  },
  several_executors: {
    keys: '{subject} has {keys}; wanted one executor',
  },
  needs_and_start: {
    both: '{subject} has both "needs" and "startWhen"; wanted one of them, because "needs" is short for a startWhen',
  },
  unsafe_value: {
    repository: '{subject} is "{came}", which no repository is fetched from; wanted {wanted}',
    tag: '{subject} is "{came}", which cannot be the name of a tag; wanted one such as v1.0.0',
    braces: '{subject} is "{came}"; wanted a path without {{ }}',
    leaves: '{subject} is "{came}", which leaves its folder; wanted a path inside it',
    absolute: '{subject} is "{came}"; wanted a path inside its folder',
    relative:
      '{subject} is "{came}"; wanted a path relative to the folder of this file, as in ./publish.yaml',
    option:
      '{subject} is "{came}", which would be read as an option; wanted a value that does not begin with "-"',
    argument: 'environment of operator "{operator}": {why}',
    control: '{subject} holds a control character; wanted a text without any',
    password:
      '{subject} holds a password, which no run stores and nothing shows, but this file does; better is a credential helper (git help credentials)',
    nul: '{subject} holds a NUL character, which no program can be given; wanted a text without it',
  },
  // A configuration of several layers
  ...CONFIGURATION_MESSAGES,
  // Names
  unknown_node: {
    names: '{subject} names the node "{name}", which is not there{hint}',
    own_input: '{subject} names "{name}", an input of the node, which is not known there yet{hint}',
    event: '{subject} waits for event:{pattern}, but there is no node "{name}"{hint}',
  },
  unknown_operator: {
    names: '{subject} names the operator "{name}", which is not there{hint}',
    unused: 'no node runs the operator "{name}"',
    unused_many: 'no node runs the operators {names}',
    with: 'a working tree is given for the operator "{name}"; the pipeline has {known}{hint}',
  },
  unknown_pipeline: {
    refused: '{subject} names {named}, which is not valid',
    missing: '{subject} names {named}, which is not there: {why}',
    // Why it is not there
    absent: 'there is no such file',
    no_file: 'that is no file',
    unreadable: 'it cannot be read ({error})',
    no_id:
      'no YAML file beside {file} has that id; there are {known}. Published pipelines come in a later version',
    alone:
      'no YAML file beside {file} has that id; there is no other pipeline. Published pipelines come in a later version',
    two_files: 'both {other} and {file} have that id; name the file',
    too_many: 'more than {most} files of pipelines are not read',
    not_looked: 'no files are looked at here',
    not_sent: 'it did not come along with the request',
    unnamed: 'nothing names it',
  },
  unknown_input: {
    names: '{subject} names the input "{name}", which is not declared{hint}',
    given: 'the pipeline has no input "{name}"{hint}',
    bound: '{subject}: the pipeline "{pipeline}" has no input "{name}"{hint}',
  },
  unknown_variable: {
    instances:
      '{subject} names {node}.{name}, but "{node}" has one instance per element: its only output is "items", a list of theirs{hint}',
    sql: '{subject} names {node}.{name}, but the query of "{node}" gives {known}{hint}',
    join: '{subject} names {node}.{name}, but "{node}" runs nothing and has no outputs',
    attempt: '{subject} names system.attempt, which is not known before the node starts',
    system: '{subject} names system.{name}, which is not there; there are {known}{hint}',
    element: '{subject} names "{name}", which is known only inside the instances of "forEach"',
    no_for_each: '{subject} names "{name}", but the node has no "forEach"',
    name: '{subject} names "{name}", which nothing provides{hint}',
    node: '{subject} names "{name}", which nothing provides: it is a node; its outputs are named {name}.OUTPUT{hint}',
    own_input:
      '{subject} names "{name}", which nothing provides: inputs of the node are known in its "env", "command" and "sql" only{hint}',
  },
  unknown_event: {
    pipeline:
      '{subject} waits for event:{pattern}: of the pipeline there is only pipeline.started, for nothing starts after its end',
    form: '{subject} waits for event:{pattern}; an event is named NODE.EVENT',
    event: '{subject} waits for event:{pattern}, which no node raises; there are {known}{hint}',
    no_approval:
      '{subject} waits for event:{pattern}, but "{node}" is no approval; only approvals are approved or rejected',
    no_match: '{subject} waits for event:{pattern}, but "{node}" matches no other node',
    external:
      '{subject} waits for event:{pattern}: * stands for nodes only, an event from outside must be named',
  },
  cycle: {
    self: 'node "{node}" waits for itself: {chain}{because}',
    nodes: 'nodes wait for each other: {chain}{because}',
    operator: 'operator "{operator}" names itself among its "upstream_dependencies"',
    operators: 'operators wait for each other: {chain}',
    pipelines: '{subject}: the pipelines run each other: {chain}',
  },
  // Expressions
  ...EXPRESSION_MESSAGES,
  constant_condition: {
    boolean_true:
      '{subject} is always true; wanted a condition such as event:NODE.completed, or leave it out',
    boolean_false:
      '{subject} is never true; wanted a condition such as event:NODE.completed, or leave it out',
    true: '{subject} is true in every run; leave it out, or name what it waits for',
    never: '{subject} can never be true',
    error: '{subject} fails in every run: {why}',
  },
  contradiction: {
    events: '{subject} wants {events}, of which only one can happen',
  },
  binding_may_be_missing: {
    itself: "{subject} names {named}, but the node's own outputs come only when it has completed",
    pipeline:
      '{subject} names {named}, but it is needed by every node, also by those that start first; move it to the nodes that wait for it',
    order:
      '{subject} names {named}, but "{node}" may start before that is known: nothing it waits for implies {wait}; wanted {cure}',
  },
  external_in_skip: {
    event:
      '{subject} names event:{pattern}: it is asked once, at the start, and an event from outside may come at any time; wanted a startWhen or stopWhen',
  },
  secret_not_allowed: {
    decoded:
      '{subject} is made with a decoded value, and would be stored with the run; decoded values may stand in "s3_config", "extra_env_vars" and "start_command"',
    names:
      '{subject} names secret.{name}, which could be read there afterwards; secrets may stand in "env" and "command" only',
  },
  quoted_word: {
    command:
      '{subject} has {{ }} inside quotes; it becomes one quoted word by itself, so leave the quotes out',
  },
  sql_placeholder: {
    literal:
      "{{ {term} }} stands inside a longer text; a value is a text of its own, so write '…' || {{ {term} }} || '…'",
    prefix: '{{ {term} }} stands in a text with the prefix {prefix}; write {{ {term} }} alone',
    typed: "{word} '{{ {term} }}' is no text that can be read; write {{ {term} }}::{type}",
    comment: '{{ {term} }} stands in a comment of the query; remove it, or the comment signs',
    name: '{{ {term} }} stands in a name in double quotes; a value cannot name a table or a column',
    dollar: '{{ {term} }} stands in a text in dollar quotes; write {{ {term} }} outside of it',
    word: "{{ {term} }} touches a word or another value; a value cannot be a part of a name. For a text write '…' || {{ {term} }}",
    table:
      '{{ {term} }} stands where a table is named; a file is read by a function: {word} read_parquet({{ {term} }}), read_csv(…) or read_json(…)',
    parameter:
      '{came} would be a parameter of the query; values are written {{ name }}, with a name of the inputs of the node',
  },
  // A run
  ...RUN_MESSAGES,
} as const satisfies Readonly<Record<ProblemCode, Readonly<Record<string, string>>>>;

type Messages = typeof PROBLEM_MESSAGES;

/** The variants of a code. */
export type Variant<C extends ProblemCode> = keyof Messages[C] & string;

/** The names that a sentence wants filled in. */
export type Names<S> = S extends `${string}{${infer After}`
  ? After extends `${' ' | '{'}${infer Rest}`
    ? Names<Rest>
    : After extends `${infer Name}}${infer Rest}`
      ? Name | Names<Rest>
      : never
  : never;

/** What fills a sentence: nothing where it has no names. */
export type Filling<S> = [Names<S>] extends [never]
  ? readonly []
  : readonly [values: Readonly<Record<Names<S>, string | number>>];

export type SentenceOf<C extends ProblemCode, V extends Variant<C>> = Messages[C][V];
