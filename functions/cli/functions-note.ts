// What somebody at a terminal must know of function nodes: the command line has no handlers, only programs that embed the engine do.
import type { Plan } from '#schemas/plan.ts';

const SHOWN = 5;

/** Undefined when the plan calls no functions. */
export function functionsNote(plan: Plan): string | undefined {
  const names = new Set(
    plan.nodes.flatMap(({ executor }) => (executor.kind === 'function' ? [executor.name] : [])),
  );
  if (names.size === 0) return undefined;
  const shown = [...names].slice(0, SHOWN).join(', ');
  const more = names.size > SHOWN ? ` and ${names.size - SHOWN} more` : '';
  return `calls the functions ${shown}${more}: they are registered by a program that embeds the engine; in a run of this command line such nodes wait`;
}
