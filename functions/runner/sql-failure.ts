// What is said of a query that failed: in the words that the user wrote, with the line and a caret. Pure.
import { placeInTemplate } from '#core/expression/sql.ts';
import type { SqlFailure } from '#schemas/sql.ts';
import type { Queries, Query } from './sql-step.ts';

/** Characters of a line that are shown round the caret. */
const SHOWN = 120;
const BEFORE = 80;

/** `message` in one line, and `shown` with the line of the query and a caret, for the log. */
export interface Told {
  readonly message: string;
  readonly shown: string;
}

export function queryFailure(failure: SqlFailure, queries: Queries): Told {
  const { output } = failure;
  const query = output === undefined ? queries.main : queries.outputs.get(output);
  const subject = output === undefined ? 'the query' : `the query of the output "${output}"`;
  if (query === undefined) return told(subject, failure.message);
  const statement = query.statements[failure.statement ?? 0];
  const message = inTerms(failure.message, query, statement?.parameters ?? []);
  if (failure.at === undefined || statement === undefined)
    return told(subject, `${message}${meantBy(message, query, failure.statement ?? 0)}`);
  const { text } = query.template;
  const at = placeInTemplate(statement, Math.min(failure.at, statement.text.length));
  const before = text.slice(0, at).split('\n');
  const column = [...(before.at(-1) ?? '')].length + 1;
  const lines = text.trimEnd().includes('\n') ? `line ${before.length}, ` : '';
  return told(`${subject}, ${lines}column ${column}`, message, excerpt(text, at));
}

function told(where: string, message: string, excerpt?: string): Told {
  return {
    message: `${where}: ${inOneLine(message)}`,
    shown: [`${where}: ${message}`, ...(excerpt === undefined ? [] : [excerpt])].join('\n'),
  };
}

/** What the database advises to whoever reads a CSV file by hand, and all that it tried: for the log only. */
const ADVICE =
  /^(?:\* (?!Columns are set)|Column .* is being converted|This type was either|The search space used was|(?:Delimiter|Quote\/Escape|Comment) Candidates|Encoding: |Possible (?:Solution|fixes))/i;

function inOneLine(message: string): string {
  const lines = message.split('\n').map((line) => line.trim());
  const kept = lines.filter((line, at) => line !== '' && (at === 0 || !ADVICE.test(line)));
  return kept
    .join('; ')
    .replaceAll('!;', ';')
    .replaceAll(/(Original Line:);/g, '$1')
    .replaceAll('.;', ';');
}

/** `$1` is what stands for `{{ path }}` in the text that the database was given. */
function inTerms(message: string, query: Query, parameters: readonly number[]): string {
  const terms = query.template.parts.flatMap((part) =>
    typeof part === 'string' ? [] : [part.text],
  );
  return message.replaceAll(/\$(\d+)/g, (whole, number: string) => {
    const term = terms[parameters[Number(number) - 1] ?? -1];
    return term === undefined ? whole : `{{ ${term} }}`;
  });
}

/** Which `{{ }}` gave a value that the database complains of without its place. */
function meantBy(message: string, query: Query, index: number): string {
  const values = query.request[index]?.parameters ?? [];
  const at = values.findIndex(
    (value) =>
      typeof value === 'string' &&
      (message.includes(`"${value}"`) || message.includes(`'${value}'`)),
  );
  return at < 0
    ? ''
    : inTerms(` (the value of $${at + 1})`, query, query.statements[index]?.parameters ?? []);
}

/** The line with the character, and a caret below it. */
function excerpt(text: string, at: number): string {
  const begin = text.lastIndexOf('\n', at - 1) + 1;
  const end = text.indexOf('\n', at);
  const line = text.slice(begin, end < 0 ? text.length : end).replaceAll('\t', ' ');
  const from = at - begin > BEFORE ? at - begin - BEFORE : 0;
  const shown = line.slice(from, from + SHOWN);
  const [left, right] = [from > 0 ? '…' : '', from + SHOWN < line.length ? '…' : ''];
  const width = [...line.slice(from, at - begin)].length + left.length;
  return `  ${left}${shown}${right}\n  ${' '.repeat(width)}^`;
}
