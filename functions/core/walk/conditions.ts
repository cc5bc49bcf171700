// Compiles conditions to gates. Every gate is an AND with counters; OR and NOT are signs on the edges (De Morgan), and
// what is left of an expression below its `&&`, `||` and `!` is a term. Gates belong to the node that asks (or to a
// hub), so that they can be forgotten with it.
import { Defect } from '#errors/families.ts';
import { parseCondition } from '../expression/parse.ts';
import { references } from '../expression/references.ts';
import type { Condition, Expr } from '../expression/types.ts';
import { glob } from './glob.ts';
import { EVENT_BITS, EVENT_FAILED, EVENT_REJECTED, EVENT_TIMED_OUT } from './words.ts';

/** What an edge leads to. */
export const TO_GATE = 0;
export const TO_TERM = 1;
/** A node that waits for a prepare node. */
export const TO_PREPARED = 2;
/** A node that nothing else would make ready. */
export const TO_NODE = 3;

/** Parents of the gates at the top. */
export const ROOT_START = -1;
export const ROOT_STOP = -2;
export const ROOT_HUB = -3;

/** A term of a condition: decided when the nodes and external events it names allow it. */
export interface Term {
  readonly owner: number;
  readonly slot: number;
  readonly gate: number;
  /** 1: the gate gets the opposite. */
  readonly sign: number;
  readonly expr: Expr;
  /** Of the whole `{{ }}` that it stands in. */
  readonly text: string;
  /** It stands under an odd number of `!`, inside of its `{{ }}` or round it: then its truth makes the condition never. */
  readonly negated: boolean;
  /** The whole `{{ }}` does. */
  readonly wholeNegated: boolean;
  readonly sources: readonly number[];
  readonly payloads: readonly string[];
  readonly where: 'startWhen' | 'stopWhen';
}

export interface WildcardLeaf {
  readonly asker: number;
  readonly pattern: string;
  readonly gate: number;
  readonly sign: number;
  /** Under an odd number of `!`. */
  readonly negated: boolean;
  readonly where: 'startWhen' | 'stopWhen';
}

export interface Handling {
  readonly handler: number;
  readonly of: number;
  /** The events that are handled, as bits. */
  readonly mask: number;
}

interface Place {
  readonly gate: number;
  readonly sign: number;
  readonly negated: boolean;
  readonly underNot: boolean;
}

/** What a term says of the `{{ }}` that it is part of. */
type Whole = Pick<Term, 'text' | 'wholeNegated'>;

/** Collects gates, edges and terms while nodes are added one after the other. */
export class ConditionBuilder {
  readonly gateOwner: number[] = [];
  readonly gateSlot: number[] = [];
  readonly gateParent: number[] = [];
  readonly gateParentSign: number[] = [];
  readonly gateOpen: number[] = [];
  /** By owner: where its slots begin; -1 in `slotGate` stands for a term. */
  readonly slotStart: number[] = [0];
  readonly slotGate: number[] = [];
  readonly edgeSource: number[] = [];
  readonly edgeTarget: number[] = [];
  readonly edgeInfo: number[] = [];
  readonly terms: Term[] = [];
  readonly wildcards: WildcardLeaf[] = [];
  readonly externals: { readonly pattern: string; readonly gate: number; readonly sign: number }[] =
    [];
  readonly constants: { readonly gate: number; readonly sign: number }[] = [];
  readonly handlings: Handling[] = [];
  readonly #index: ReadonlyMap<string, number>;

  constructor(index: ReadonlyMap<string, number>) {
    this.#index = index;
  }

  /** Ends an owner: what comes next belongs to the following one. */
  nextOwner(): void {
    this.slotStart.push(this.slotGate.length);
  }

  gate(owner: number, parent: number, parentSign: number): number {
    const gate = this.gateOwner.length;
    this.gateOwner.push(owner);
    this.gateSlot.push(this.slotGate.length - (this.slotStart[owner] ?? 0));
    this.gateParent.push(parent);
    this.gateParentSign.push(parentSign);
    this.gateOpen.push(0);
    this.slotGate.push(gate);
    return gate;
  }

  /** An edge from a source to a gate; `sign` 1 gives the gate the opposite. */
  edge(source: number, gate: number, mask: number, sign: number): void {
    this.push(source, gate, mask | (sign << 10) | (TO_GATE << 11));
    this.gateOpen[gate] = (this.gateOpen[gate] ?? 0) + 1;
  }

  push(source: number, target: number, info: number): void {
    this.edgeSource.push(source);
    this.edgeTarget.push(target);
    this.edgeInfo.push(info);
  }

  condition(owner: number, text: string, where: Term['where']): void {
    const parsed = parseCondition(text);
    if (!parsed.ok) {
      throw new Defect(`the plan's ${where} "${text}" cannot be read: ${parsed.problem.message}`);
    }
    const gate = this.gate(owner, where === 'startWhen' ? ROOT_START : ROOT_STOP, 0);
    const place = { gate, sign: 0, negated: false, underNot: false };
    this.#attach(parsed.value, place, { owner, where });
  }

  #attach(condition: Condition, place: Place, asker: Asker): void {
    switch (condition.kind) {
      case 'not':
        this.#attach(condition.part, turned(place), asker);
        return;
      case 'and':
      case 'or': {
        const inner = this.#inner(condition.kind, place, asker.owner);
        for (const part of condition.parts) this.#attach(part, inner, asker);
        return;
      }
      case 'event':
        this.#event(condition.pattern, place, asker);
        return;
      case 'term':
        this.#term(
          condition.expr,
          { text: condition.text, wholeNegated: place.negated },
          place,
          asker,
        );
        return;
      case 'constant':
        this.#constant(condition.value, place);
    }
  }

  /**
   * Where the parts of an `and` or `or` go: to the same gate when that says the same (`a && (b && c)`, `!(a || b)`),
   * else to a gate of their own, which for `or` is an AND of opposites whose opposite counts.
   */
  #inner(kind: 'and' | 'or', place: Place, owner: number): Place {
    const sign = kind === 'or' ? 1 : 0;
    if (sign === place.sign) return place;
    const gate = this.gate(owner, place.gate, 1);
    this.gateOpen[place.gate] = (this.gateOpen[place.gate] ?? 0) + 1;
    return { ...place, gate, sign };
  }

  #term(expr: Expr, whole: Whole, place: Place, asker: Asker): void {
    if (expr.kind === 'not') {
      this.#term(expr.operand, whole, turned(place), asker);
      return;
    }
    if (expr.kind === 'binary' && (expr.operator === '&&' || expr.operator === '||')) {
      const inner = this.#inner(expr.operator === '&&' ? 'and' : 'or', place, asker.owner);
      this.#term(expr.left, whole, inner, asker);
      this.#term(expr.right, whole, inner, asker);
      return;
    }
    const named = references(expr);
    const slot = this.slotGate.length - (this.slotStart[asker.owner] ?? 0);
    this.slotGate.push(-1);
    this.gateOpen[place.gate] = (this.gateOpen[place.gate] ?? 0) + 1;
    this.terms.push({
      owner: asker.owner,
      slot,
      gate: place.gate,
      sign: place.sign,
      expr,
      ...whole,
      negated: place.negated,
      sources: [...new Set(named.outputs.map(({ node }) => this.#nodeOf(node)))],
      payloads: [...new Set(named.payloads.map(({ name }) => name))],
      where: asker.where,
    });
  }

  #constant(value: boolean, place: Place): void {
    this.gateOpen[place.gate] = (this.gateOpen[place.gate] ?? 0) + 1;
    this.constants.push({ gate: place.gate, sign: value ? place.sign : 1 - place.sign });
  }

  #event(pattern: string, place: Place, asker: Asker): void {
    const [subject, event] = splitPattern(pattern);
    if (subject === 'external') {
      this.gateOpen[place.gate] = (this.gateOpen[place.gate] ?? 0) + 1;
      this.externals.push({ pattern, gate: place.gate, sign: place.sign });
      return;
    }
    const mask = eventMask(event);
    if (subject === 'pipeline' || mask === 0) {
      this.#constant(subject === 'pipeline' && glob(event, 'started'), place);
      return;
    }
    if (subject.includes('*')) {
      const { gate, sign, negated } = place;
      this.wildcards.push({
        asker: asker.owner,
        pattern,
        gate,
        sign,
        negated,
        where: asker.where,
      });
      return;
    }
    const source = this.#nodeOf(subject);
    this.edge(source, place.gate, mask, place.sign);
    this.#handles(source, mask, place, { asker, event });
  }

  #handles(of: number, mask: number, place: Place, leaf: { asker: Asker; event: string }): void {
    const handled = mask & (EVENT_FAILED | EVENT_TIMED_OUT | EVENT_REJECTED);
    const named = !leaf.event.includes('*') && handled !== 0;
    if (!named || place.underNot || leaf.asker.where !== 'startWhen') return;
    this.handlings.push({ handler: leaf.asker.owner, of, mask: handled });
  }

  #nodeOf(id: string): number {
    const index = this.#index.get(id);
    if (index === undefined)
      throw new Defect(`a condition of the plan names "${id}", no node of it`);
    return index;
  }
}

interface Asker {
  readonly owner: number;
  readonly where: Term['where'];
}

function turned(place: Place): Place {
  return { ...place, sign: 1 - place.sign, negated: !place.negated, underNot: true };
}

/** `extract.completed` → both parts. Ids have no dots. */
export function splitPattern(pattern: string): readonly [string, string] {
  const dot = pattern.indexOf('.');
  return dot < 0 ? [pattern, ''] : [pattern.slice(0, dot), pattern.slice(dot + 1)];
}

/** The events of a node that the second part of a pattern matches, as bits. */
export function eventMask(event: string): number {
  if (!event.includes('*')) return Object.hasOwn(EVENT_BITS, event) ? (EVENT_BITS[event] ?? 0) : 0;
  let mask = 0;
  for (const [name, bit] of Object.entries(EVENT_BITS)) if (glob(event, name)) mask |= bit;
  return mask;
}
