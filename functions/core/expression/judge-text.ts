// A text of the expression language against a world: a condition, a template, or an expression, as it looks.
import type { Explanation } from '#schemas/report.ts';
import type { Json } from '#schemas/values.ts';
import { evaluate } from './evaluate.ts';
import { parseCondition, parseExpression, parseTemplate } from './parse.ts';
import type { ExpressionProblem } from './problem.ts';
import { explainCondition, judge, type World } from './reference.ts';
import { type References, references } from './references.ts';
import { renderTemplate } from './template.ts';
import type { Evaluated } from './types.ts';

/** What a text comes to. */
export type Judged =
  | { readonly is: 'value'; readonly value: Json }
  | { readonly is: 'open'; readonly truth: 'never' | 'not_yet'; readonly because?: string }
  | {
      readonly is: 'wrong';
      readonly message: string;
      /** The character it is about, from 0. */
      readonly at?: number;
      readonly suggestion?: string;
    };

/** `tree` tells of a condition how. */
export type JudgedText = Judged & { readonly tree?: Explanation };

export type ReadText =
  | {
      readonly ok: true;
      /** What it names. */
      readonly references: References;
      /** What it comes to in that world. */
      readonly judge: (world: World) => JudgedText;
    }
  | { readonly ok: false; readonly wrong: Judged };

/** Reads the text; it can be judged as often as one likes. */
export function readText(text: string): ReadText {
  if (isCondition(text)) {
    const parsed = parseCondition(text);
    if (!parsed.ok) return { ok: false, wrong: wrong(parsed.problem) };
    const { value } = parsed;
    return {
      ok: true,
      references: references(value),
      judge: (world) => ({
        ...verdictOf(judge(value, world)),
        tree: explainCondition(value, world),
      }),
    };
  }
  if (text.includes('{{')) {
    const parsed = parseTemplate(text.trim());
    if (!parsed.ok) return { ok: false, wrong: wrong(parsed.problem) };
    const { value } = parsed;
    return {
      ok: true,
      references: references(value),
      judge: ({ variables }) => evaluatedOf(renderTemplate(value, variables)),
    };
  }
  const parsed = parseExpression(text);
  if (!parsed.ok) return { ok: false, wrong: wrong(parsed.problem) };
  const { value } = parsed;
  return {
    ok: true,
    references: references(value),
    judge: ({ variables }) => evaluatedOf(evaluate(value, variables)),
  };
}

/** Names an event outside quotes, or joins several braces by an operator. */
function isCondition(text: string): boolean {
  const bare = text.replace(/'[^']*'|"[^"]*"/g, "''");
  return /(^|[^\w.])event:/.test(bare) || /}}\s*(&&|\|\|)|(&&|\|\||!)\s*\(*\s*{{/.test(bare);
}

function wrong({ message, at, suggestion }: ExpressionProblem): Judged {
  return { is: 'wrong', message, at, ...(suggestion === undefined ? {} : { suggestion }) };
}

function verdictOf({ truth, because }: ReturnType<typeof judge>): Judged {
  if (truth === 'true') return { is: 'value', value: true };
  if (truth === 'error') return { is: 'wrong', message: because ?? 'it cannot be evaluated' };
  return { is: 'open', truth, ...(because === undefined ? {} : { because }) };
}

function evaluatedOf(result: Evaluated): Judged {
  switch (result.is) {
    case 'value':
      return result;
    case 'not_yet':
      return { is: 'open', truth: 'not_yet' };
    case 'never':
      return { is: 'open', truth: 'never', because: result.because };
    case 'error':
      return { is: 'wrong', message: result.message };
  }
}
