// What is said of texts of the expression language. Part of problem-messages.ts, which says how sentences are written.

export const EXPRESSION_MESSAGES = {
  expression_syntax: {
    empty: '{what} is empty; it is written {like}, for instance',
    braces_open: 'this {{ is never closed by }}',
    text_in_braces_open:
      'this {{ is never closed: a text that begins with {quote} inside it has no end',
    bracket_open: 'this {bracket} is never closed',
    text_open: 'the text that begins with {quote} here is never closed',
    early_end: 'ends too early: {wanted} is missing',
    other: '"{came}" where {wanted} was wanted',
    colon: 'a ? b : c wants its : here',
    parser: 'this cannot be read: {why}',
    idle: 'nothing is being read',
    operator: 'there is no operator {operator}',
    fallback:
      '{value} is always there, so ?? does nothing; ?? binds before a comparison: write (a.x == 1) ?? false',
    plus: 'a + wants a value on its left',
    braces_twice: 'this stands inside {{ }} already',
    bare_value: '{value} is a value; in a condition values stand in {{ }}: {{ {value} }}',
    event_operator: 'an event is true or not; it is joined by &&, || and !, not by {operator}',
    // Literals
    surrogate: 'a text with half a surrogate pair in it',
    unicode: 'a \\u wants four hexadecimal digits: \\u00e9',
    escape:
      'a text knows the escapes \\n \\r \\t \\\\ \\\' \\" and \\uXXXX, not \\{letter}; a backslash itself is written \\\\',
    leading_zero: "{came} begins with 0; write the number {number}, or the text '{came}'",
    large_number:
      "{came} is too large to be kept exactly (beyond 2^53); write it as a text: '{came}'",
    underscore: 'write the number {number} without _',
    unit: 'numbers in expressions have no unit: {came}',
    digit_first: '{came} is no number; a name does not begin with a digit',
    // Names
    forbidden: '"{name}" is no member that an expression may name',
    scope: '{scope} alone is no value; name a member: {scope}.{member}',
    pipeline_member: 'pipeline.{name}: an input of the pipeline is named pipeline.input.{name}',
    external_member:
      "external.{name} is an event, not a value; what it carried is payload('external.{name}')",
    word: '{came} is written {word}',
    hyphen_id:
      '"{came}" reads as a subtraction: ids have no hyphen, write {id}; if you do subtract, put spaces round the minus',
    hyphen_member:
      '"{came}" reads as a subtraction; a member with a hyphen is written [\'{came}\']; if you do subtract, put spaces round the minus',
    // Events
    event_quotes: 'the name of an event stands without quotes',
    event_spaces: 'an event is written without spaces: event:{pattern}',
    event_instance:
      'event:{pattern}[…]: events cannot name one instance; wait for the whole node: event:{pattern}.completed',
    event_hyphen:
      'event:{pattern}: ids have no hyphen, because it would be a minus; write event:{id}',
    event_node: 'event:{pattern} names a node but no event of it: event:{pattern}.completed',
    event_form:
      'event:{pattern} is no event; it is written event:NODE.completed, * stands for any letters',
    // What people write who know other languages
    equal: 'equality is written ==, not ===',
    unequal: 'inequality is written !=, not !==',
    at_most: 'at most is written <=',
    at_least: 'at least is written >=',
    assign: 'a single = assigns elsewhere; equality is written ==',
    diamond: 'inequality is written !=',
    and: '"and" is written &&',
    or: '"or" is written ||',
    not: '"not" is written !',
    in: '"in" is written contains(list, value)',
    not_in: '"not in" is written !contains(list, value)',
    is: '"is" is written ==',
    is_not: '"is not" is written !=',
    filter: 'there are no filters; a function is written before its value: lower(x)',
    power: 'there is no power operator **',
    question_dot: 'there is no ?. here; a missing member falls back with ??',
    double_quotes: 'a text stands in plain quotes, " or \'',
    single_quotes: 'a text stands in plain quotes, \' or "',
    dollar_braces: 'a value is named plainly, without $ and braces: pipeline.input.x',
    dollar: 'a value is named without $',
    object: 'objects cannot be written here; hand one over as an input',
    semicolon: 'one expression only, without ;',
  },
  expression_function: {
    arguments: '{name} was given {count}, it wants {wanted}: {usage}',
    unknown: 'there is no function "{name}"; there are {known}',
    near: 'there is no function "{name}"; did you mean {near}?',
    fallback: 'there is no function {name}; a fallback is written a.x ?? 0',
    method: 'values have no methods{method}; a function is written before its value: {usage}',
  },
  expression_limit: {
    length: '{what} has {count} characters; at most {most} are allowed',
    depth: 'nested deeper than {most} levels',
  },
  event_in_braces: {
    event: 'event:{pattern} stands outside {{ }}: event:{pattern} && {{ … }}',
  },
  braces_in_comparison: {
    comparison: 'the whole comparison stands in one {{ }}: {{ {value} }}',
    inside: 'neither an event nor {{ }} may stand inside an expression',
  },
} as const;
