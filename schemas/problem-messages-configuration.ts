// What is said of a configuration of several layers: files, variables of the environment, interpolation, encoded values. Part of
// problem-messages.ts, which says how sentences are written. `{ref}` is a `${…}` as it is written.

export const CONFIGURATION_MESSAGES = {
  bad_base64: {
    value:
      '{subject} begins with base64:// and is no base64: {why}; write it with "millrace encode"',
  },
  interpolation: {
    missing: '{subject} names {ref}, but {holder} has no key "{key}"{hint}',
    member: '{subject} names {ref}, but {holder} is {came}, which has no "{key}"',
    cycle: '{subject} is made from itself: {chain}',
    text: '{subject} puts {ref} into a text, but that is {came} ({where})',
    unset:
      '{subject} names {ref}, but the variable "{name}" is not set; set it, or give a default: {cure}',
    call: '{subject}: {ref} calls "{name}", which is not there; there are {known}{hint}',
    arguments: '{subject}: {ref} has the wrong number of arguments',
    shell:
      '{subject} names {ref}, which is no key of the configuration; a variable of the shell is written {cure}',
    escape: '{subject}: {ref} is read as an interpolation; to leave it to the shell, write {cure}',
    form: '{subject}: {ref} is no interpolation; the letters themselves are written {cure}',
    open: '{subject}: {ref} is never closed by a brace',
    empty: '{subject}: {ref} names nothing',
    quote: '{subject}: {ref} holds a quote that is never closed',
    value: '{subject}: {ref} holds a list or mapping; name a key that has it instead',
    deep: '{subject}: {ref} leads through more than {most} others',
    long: '{subject}: interpolation makes more than {most} characters of this configuration',
    values: 'interpolation makes more than {most} values of this configuration',
    levels: 'interpolation nests this configuration deeper than {most} levels',
  },
  mandatory_value: {
    value:
      '{subject} is ???, which stands for a value that must be given; give it in a later file or by a variable',
  },
  override: {
    form: 'the variable {name} names no value; wanted a name such as {example}',
    level:
      'the variable {name} aims at "{section}"; variables reach the level of the pipeline only. Change the file, or name a value of the pipeline there: an interpolation',
    section:
      'the variable {name} aims at "{path}", which holds several values; name one of them: {wanted}',
    unknown: 'the variable {name} aims at "{path}", which the configuration does not have{hint}',
    twice: 'the variables {other} and {name} both set "{path}"; wanted one of them',
  },
} as const;
