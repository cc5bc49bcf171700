// One expression against one run: what it comes to now. Nothing of the run changes.
import { readText } from '#core/expression/judge-text.ts';
import type { Variables } from '#core/expression/types.ts';
import { NotFound } from '#errors/families.ts';
import type { Plan } from '#schemas/plan.ts';
import type { Json } from '#schemas/values.ts';
import type { Evaluation } from './control.ts';
import { patternMatches } from './dependencies.ts';
import type { RunRef } from './keys.ts';
import { hold, loadRun } from './load-run.ts';
import { isReadableList, loadList } from './outputs.ts';
import { nodeNamed } from './retry-run.ts';
import { momentOf, worldOf } from './run-world.ts';
import type { Held, Service } from './service.ts';

/**
 * What a text comes to in a run as it is now: a condition (`event:` included), a template or an expression, as it looks.
 *
 * Secrets are not there. Lists that are kept by reference are read as far as they are asked for.
 *
 * @throws NotFound for an unknown run
 */
export async function evaluateInRun(
  service: Service,
  ref: RunRef,
  expression: string,
): Promise<Evaluation> {
  const held = await hold(service, ref);
  const { plan } = held.memory.linked;
  const read = readText(expression);
  if (!read.ok) return read.wrong;
  const unknown = unknownNode(plan, read.references);
  if (unknown !== undefined) return unknown;
  const { state } = await loadRun(held);
  const nodes = new Set(read.references.outputs.map(({ node }) => node));
  const world = worldOf(await momentOf(held, state, nodes));
  return await withLists(held, world.variables, (variables) => read.judge({ ...world, variables }));
}

/** Judges, loads the lists by reference that were asked for, and judges again until no more are. */
async function withLists(
  held: Held,
  variables: Variables,
  judge: (variables: Variables) => Evaluation,
): Promise<Evaluation> {
  const asked = new Set<string>();
  for (;;) {
    const missing: Json[] = [];
    const judged = judge({
      ...variables,
      list: (ref) => {
        const list = variables.list?.(ref);
        const name = JSON.stringify(ref);
        if (list === undefined && isReadableList(ref) && !asked.has(name)) {
          asked.add(name);
          missing.push(ref);
        }
        return list;
      },
    });
    if (missing.length === 0) return judged;
    for (const ref of missing) await loadList(held, ref);
  }
}

/** A node that the plan does not have would be waited for for ever. */
function unknownNode(
  plan: Plan,
  references: {
    readonly outputs: readonly { readonly node: string; readonly at: number }[];
    readonly events: readonly { readonly pattern: string; readonly at: number }[];
  },
): Evaluation | undefined {
  const named = [
    ...references.outputs,
    ...references.events.flatMap(({ pattern, at }) => {
      const node = pattern.slice(0, pattern.lastIndexOf('.'));
      const isOurs = /^(external|pipeline)(\.|$)/.test(node);
      return isOurs || matchesSome(plan, pattern) ? [] : [{ node, at }];
    }),
  ];
  for (const { node, at } of named) {
    try {
      nodeNamed(plan, node);
    } catch (error) {
      if (!(error instanceof NotFound)) throw error;
      return { is: 'wrong', message: error.message, at };
    }
  }
  return undefined;
}

const matchesSome = (plan: Plan, pattern: string): boolean =>
  pattern.includes('*') && plan.nodes.some(({ id }) => patternMatches(pattern, id));
