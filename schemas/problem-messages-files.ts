// What is said of a file that cannot be read as a pipeline at all. Part of problem-messages.ts, which says how sentences are written.

export const FILE_MESSAGES = {
  file_missing: {
    named: 'pipeline file "{file}" is not there',
    layer: 'the file {file} of this configuration is not read: {why}',
    none_found: 'no pipeline in {folder}: looked for {names}',
    none_in_folder:
      'no pipeline in {folder}: looked for {names}, and for "pipeline_id" or "operators" in its YAML files',
  },
  file_too_large: {
    characters: 'the file has {count} characters; at most {most} are read',
    bytes: 'the file has {count} bytes; at most {most} are read',
  },
  not_utf8: {
    file: 'the file is not UTF-8; it looks like {encoding}. Save it as UTF-8',
  },
  yaml_syntax: {
    library: 'this is not YAML: {why}',
    quote: 'a text that begins with {mark} is never closed: its second {mark} is missing',
    bracket: 'a list or a mapping in brackets is never closed: its "{mark}" is missing',
    colon: 'the colon behind "{key}" needs a blank after it',
    indent:
      'this line is indented by {count} blanks, and what it should belong to is not: keys of one mapping, and the "-" of one list, stand in one column',
    tag: 'the tag "{tag}" is not known; a pipeline needs no tags',
  },
  yaml_tab: {
    indent: 'a tab stands where YAML wants spaces; indent with spaces',
  },
  yaml_aliases: {
    depth: 'the file is refused: it is nested too deeply',
    unreadable: 'the file is refused: it cannot be read: {why}',
    levels: 'the file is refused: it is nested deeper than {most} levels',
    values: 'the file is refused: it holds more than {most} values when aliases are expanded',
    itself: 'the file is refused: the alias "*{alias}" stands inside what it names',
    expanded: 'the file is refused: aliases of aliases expand to more than {most}',
  },
  yaml_duplicate_key: {
    key: 'the key "{key}" stands twice in one mapping, first in line {line}',
  },
  yaml_unquoted_braces: {
    value: 'a value that begins with {{ must be quoted: YAML reads { as the beginning of a mapping',
  },
  yaml_unquoted_bang: {
    value: 'a value that begins with ! must be quoted: YAML reads "{tag}" as a tag',
  },
  yaml_unquoted_question: {
    colon: 'a value that holds ": " must be quoted: YAML reads a mapping inside the value',
    comment: '{subject} is cut off at " #", which begins a comment in YAML; quote the value',
  },
  yaml_documents: {
    several:
      'the file holds more than one document (a line "---" begins another one); wanted one pipeline in one file',
  },
  dialect_unknown: {
    root: 'the file holds {came}; wanted a pipeline: a mapping with "id" and "nodes"',
    keys: 'nothing tells in which dialect the file is written; wanted "nodes", each with an "id" (or "operators" and "nodes" with "operator_ids")',
  },
  dialect_missing: {
    dialect:
      'the file is written in the dialect "{dialect}", which this version does not read yet; it reads {known}',
  },
} as const;
