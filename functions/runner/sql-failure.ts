// What is said of a query that failed: in the words that the user wrote, with the line and a caret. Pure.
import { placeInTemplate } from '#core/expression/sql.ts';
import type { SqlFailure } from '#schemas/sql.ts';
import type { Queries, Query } from './sql-step.ts';

/** Characters of a line that are shown round the caret. */
const SHOWN = 120;
const BEFORE = 80;

export function queryFailure(failure: SqlFailure, queries: Queries): string {
  const { output } = failure;
  const query = output === undefined ? queries.main : queries.outputs.get(output);
  const subject = output === undefined ? 'the query' : `the query of the output "${output}"`;
  if (query === undefined) return `${subject}: ${failure.message}`;
  const statement = query.statements[failure.statement ?? 0];
  const message = inTerms(failure.message, query, statement?.parameters ?? []);
  if (failure.at === undefined || statement === undefined) return `${subject}: ${message}`;
  const { text } = query.template;
  const at = placeInTemplate(statement, Math.min(failure.at, statement.text.length));
  const line = text.slice(0, at).split('\n').length;
  const where = text.trimEnd().includes('\n') ? `${subject}, line ${line}` : subject;
  return `${where}: ${message}\n${excerpt(text, at)}`;
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
