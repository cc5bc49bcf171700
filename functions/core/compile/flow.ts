// What a node may count on when it starts: which nodes have completed, which have ended, which events from outside have come.
// `&&` unites, `||` intersects, `!` turns them round. An event `x.completed` or `x.started` brings what x itself waited for.
// Asked on demand, from one wanted thing to the nodes that may bring it, with a memo and without recursion over nodes.
import type { Condition, Expr } from '#core/expression/types.ts';
import { limits } from '#schemas/limits.ts';
import { END_EVENTS, endOf, splitEvent, type World } from './world.ts';

/** What is wanted: that a node completed, that it ended, or that an event came from outside. */
export type Wanted =
  | { readonly is: 'completed' | 'ended'; readonly node: number }
  | { readonly is: 'external'; readonly event: string };

export function keyOf(wanted: Wanted): string {
  return wanted.is === 'external' ? `external ${wanted.event}` : `${wanted.is} ${wanted.node}`;
}

/** Answers for one wanted thing, for any number of nodes. Only for graphs without cycles. */
export class Flow {
  readonly #world: World;
  readonly #wanted: Wanted;
  readonly #memo = new Map<number, boolean>();
  readonly #budget: { left: number };
  #pending: number[] = [];

  /** @param budget visits left for all questions of a source; without any left every answer is yes */
  constructor(world: World, wanted: Wanted, budget: { left: number }) {
    this.#world = world;
    this.#wanted = wanted;
    this.#budget = budget;
  }

  /** Whether it has happened for certain whenever this node starts. */
  holds(node: number): boolean {
    const stack = [node];
    for (let at = stack.at(-1); at !== undefined; at = stack.at(-1)) {
      this.#budget.left -= 1;
      if (this.#budget.left < 0) return true;
      if (this.#memo.has(at)) {
        stack.pop();
        continue;
      }
      this.#pending = [];
      const answer = this.#ofNode(at);
      // Nothing but more answers can turn a no into a yes, and nothing a yes into a no.
      if (answer || this.#pending.length === 0) {
        this.#memo.set(at, answer);
        stack.pop();
      } else {
        stack.push(...this.#pending);
      }
    }
    return this.#memo.get(node) ?? false;
  }

  #ofNode(index: number): boolean {
    const draft = this.#world.drafts[index];
    if (draft === undefined) return false;
    if (this.#world.isUnclear(draft)) return true;
    if (draft.needs.some(({ name }) => this.#ofEvent(`${name}.completed`))) return true;
    const start = draft.conditions.find((candidate) => candidate.use === 'startWhen');
    return start !== undefined && this.#ofCondition(start.condition, false);
  }

  /** Of a node that was waited for: known, or looked up first. */
  #brought(index: number | undefined): boolean {
    if (index === undefined) return false;
    const known = this.#memo.get(index);
    if (known === undefined) this.#pending.push(index);
    return known === true;
  }

  #ofCondition(condition: Condition, negated: boolean): boolean {
    switch (condition.kind) {
      case 'and':
      case 'or': {
        const unites = (condition.kind === 'and') !== negated;
        const part = (inner: Condition): boolean => this.#ofCondition(inner, negated);
        return unites ? condition.parts.some(part) : condition.parts.every(part);
      }
      case 'not':
        return this.#ofCondition(condition.part, !negated);
      case 'event':
        return !negated && this.#ofEvent(condition.pattern);
      case 'term':
        return !negated && this.#ofTruth(condition.expr);
      case 'constant':
        return false;
    }
  }

  #ofEvent(pattern: string): boolean {
    const { source, event: told } = splitEvent(pattern);
    const event = endOf(told);
    const wanted = this.#wanted;
    if (wanted.is === 'external' && wanted.event === pattern) return true;
    if (source.includes('*') || event.includes('*')) return false;
    const index = this.#world.indexOf(source);
    // A name that is not there has its problem already.
    if (index === undefined && source !== 'external' && source !== 'pipeline') return true;
    if (wanted.is !== 'external' && wanted.node === index) {
      if (event === 'completed') return true;
      if (wanted.is === 'ended' && (END_EVENTS.has(event) || event === 'ended')) return true;
    }
    return (event === 'completed' || event === 'started') && this.#brought(index);
  }

  /** An expression that came to true. */
  #ofTruth(expr: Expr): boolean {
    if (expr.kind === 'binary' && expr.operator === '&&') {
      return this.#ofTruth(expr.left) || this.#ofTruth(expr.right);
    }
    if (expr.kind === 'binary' && expr.operator === '||') {
      return this.#ofTruth(expr.left) && this.#ofTruth(expr.right);
    }
    // `!x` is true also when x can no longer come.
    return expr.kind !== 'not' && this.#ofValue(expr);
  }

  /** An expression that came to a value: its variables were there. */
  #ofValue(expr: Expr): boolean {
    switch (expr.kind) {
      case 'output':
        return this.#ofEvent(`${expr.node}.completed`);
      case 'array':
        return expr.items.some((item) => this.#ofValue(item));
      case 'member':
        return this.#ofValue(expr.object);
      case 'index':
        return this.#ofValue(expr.object) || this.#ofValue(expr.index);
      case 'negate':
        return this.#ofValue(expr.operand);
      case 'call':
        return this.#ofCall(expr);
      case 'choice':
        return (
          this.#ofValue(expr.test) || (this.#ofValue(expr.then) && this.#ofValue(expr.otherwise))
        );
      case 'binary':
        return this.#ofBinary(expr);
      default:
        return false;
    }
  }

  #ofCall(expr: Expr & { kind: 'call' }): boolean {
    const [event] = expr.args;
    if (expr.name === 'payload' && event?.kind === 'literal')
      return this.#ofEvent(`${event.value}`);
    return expr.args.some((arg) => this.#ofValue(arg));
  }

  #ofBinary(expr: Expr & { kind: 'binary' }): boolean {
    if (expr.operator === '??') return this.#ofFallback(expr.left);
    if (expr.operator === '&&' || expr.operator === '||') {
      return this.#ofValue(expr.left) && this.#ofValue(expr.right);
    }
    return this.#ofValue(expr.left) || this.#ofValue(expr.right);
  }

  /** `a.n ?? 0` comes to a value as soon as a has ended. */
  #ofFallback(left: Expr): boolean {
    if (left.kind === 'member') return this.#ofFallback(left.object);
    if (left.kind !== 'output' || this.#wanted.is !== 'ended') return false;
    return this.#world.indexOf(left.node) === this.#wanted.node;
  }
}

/** Visits that all questions of one source may take together. */
export function flowBudget(): { left: number } {
  return { left: limits.flowVisits };
}
