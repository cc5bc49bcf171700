// The parsed form of the expression language and what evaluating it comes to. See DESIGN.md, "Expressions".
import type { Json } from '#schemas/values.ts';
import type { ExpressionProblem } from './problem.ts';

/** `at` is the offset of the first character in the text that was parsed. */
export type Expr =
  | {
      readonly kind: 'literal';
      readonly at: number;
      readonly value: null | boolean | number | string;
    }
  | { readonly kind: 'array'; readonly at: number; readonly items: readonly Expr[] }
  /** `pipeline.input.x` */
  | { readonly kind: 'input'; readonly at: number; readonly name: string }
  /** `extract.rows`: the first member below a node. */
  | { readonly kind: 'output'; readonly at: number; readonly node: string; readonly name: string }
  | { readonly kind: 'system'; readonly at: number; readonly name: string }
  | { readonly kind: 'secret'; readonly at: number; readonly name: string }
  /** `item`, `index`, or a bare name of the node's own `inputs`. */
  | { readonly kind: 'local'; readonly at: number; readonly name: string }
  | { readonly kind: 'member'; readonly at: number; readonly object: Expr; readonly name: string }
  | { readonly kind: 'index'; readonly at: number; readonly object: Expr; readonly index: Expr }
  | { readonly kind: 'not'; readonly at: number; readonly operand: Expr }
  | { readonly kind: 'negate'; readonly at: number; readonly operand: Expr }
  | {
      readonly kind: 'binary';
      readonly at: number;
      readonly operator: BinaryOperator;
      readonly left: Expr;
      readonly right: Expr;
    }
  | {
      readonly kind: 'choice';
      readonly at: number;
      readonly test: Expr;
      readonly then: Expr;
      readonly otherwise: Expr;
    }
  | {
      readonly kind: 'call';
      readonly at: number;
      readonly name: string;
      readonly args: readonly Expr[];
    };

export type BinaryOperator =
  | '&&'
  | '||'
  | '??'
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | '+'
  | '-'
  | '*'
  | '/'
  | '%';

/** Conditions: `startWhen`, `stopWhen`, `skipWhen`. */
export type Condition =
  | { readonly kind: 'and' | 'or'; readonly at: number; readonly parts: readonly Condition[] }
  | { readonly kind: 'not'; readonly at: number; readonly part: Condition }
  /** `event:extract.completed`, `event:*.failed`, `event:external.go`; pattern without the prefix. */
  | { readonly kind: 'event'; readonly at: number; readonly pattern: string }
  /** `{{ … }}`; `text` is what stands between the braces, trimmed. */
  | { readonly kind: 'term'; readonly at: number; readonly text: string; readonly expr: Expr }
  | { readonly kind: 'constant'; readonly at: number; readonly value: boolean };

/** A text with `{{ }}` in it. One alone keeps the type of its value. */
export interface Template {
  readonly text: string;
  readonly parts: readonly (
    | string
    | { readonly at: number; readonly text: string; readonly expr: Expr }
  )[];
}

/** Codes of what can be wrong with a text of the language. */
export type ExpressionCode =
  | 'expression_syntax'
  | 'expression_function'
  | 'expression_limit'
  | 'event_in_braces'
  | 'braces_in_comparison'
  | 'wrong_value';

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: ExpressionProblem };

/**
 * What evaluating comes to. `never`: a variable it needs can no longer come, because its node ended without completing.
 * `error.missing` marks those that `??` turns into its fallback (a missing or null member).
 */
export type Evaluated =
  | { readonly is: 'value'; readonly value: Json }
  | { readonly is: 'not_yet' }
  | { readonly is: 'never'; readonly because: string }
  | { readonly is: 'error'; readonly message: string; readonly missing?: boolean };

/** What a variable scope answers of a node. */
export type Known =
  | { readonly is: 'outputs'; readonly outputs: { readonly [name: string]: Json } }
  | { readonly is: 'not_yet' }
  | { readonly is: 'never'; readonly because: string };

/** Where an evaluation finds its variables. Absent parts are errors when named. */
export interface Variables {
  readonly input: { readonly [name: string]: Json };
  readonly system: { readonly [name: string]: Json };
  node(id: string): Known;
  /** What an external event carried. */
  payload?(event: string): Known;
  readonly secret?: (name: string) => string | undefined;
  /** Told of each text that was made with a secret: it is to be hidden like the secret itself. */
  readonly derived?: (text: string) => void;
  /** `item`, `index` and the node's own inputs. */
  readonly local?: { readonly [name: string]: Json };
  /** Members of a file value (`.uri`, `.path`, `.name`, `.size`, `.sha256`, `.metadata`) and its text form; a file is its local path where it is bound. */
  readonly file?: { uri(value: Json): string; path(value: Json): string };
  /** Reads a list kept by reference, for `len`, an index and `forEach`; undefined when it cannot be had here. */
  readonly list?: (ref: Json) => readonly Json[] | undefined;
}
