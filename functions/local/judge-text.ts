// A text of the expression language with values from a file.
import { isMapping } from '#core/compile/read-values.ts';
import { type Judged, readText } from '#core/expression/judge-text.ts';
import type { World } from '#core/expression/reference.ts';
import type { Known, Variables } from '#core/expression/types.ts';
import type { Json } from '#schemas/values.ts';

type Values = { readonly [name: string]: Json };

/**
 * `values`: outputs of nodes by their ids, beside `pipeline: { input }`, `system`, `secret`, `events` (a list of those that
 * happened, or name → true, "never" or "not_yet") and `payloads` (event → what it carried). Anything else is a bare name.
 */
export function judgeText(text: string, values: Values): Judged {
  const read = readText(text);
  if (!read.ok) return read.wrong;
  // The values are all there is to know: a tree would tell nothing that they do not.
  const { tree: _, ...judged } = read.judge(worldOf(values));
  return judged;
}

function variablesOf(values: Values): Variables {
  const pipeline = mappingAt(values, 'pipeline');
  const secrets = mappingAt(values, 'secret');
  const payloads = mappingAt(values, 'payloads');
  return {
    input: mappingAt(pipeline, 'input'),
    system: mappingAt(values, 'system'),
    node: (id): Known => ({ is: 'outputs', outputs: mappingAt(values, id) }),
    payload: (event): Known => ({ is: 'outputs', outputs: mappingAt(payloads, event) }),
    secret: (name) => {
      const found = own(secrets, name);
      return typeof found === 'string' ? found : undefined;
    },
    local: values,
  };
}

function worldOf(values: Values): World {
  const events = happenedOf(own(values, 'events'));
  return { variables: variablesOf(values), event: (pattern) => truthOf(events, pattern) };
}

function happenedOf(events: Json | undefined): ReadonlyMap<string, Json> {
  if (isMapping(events)) return new Map(Object.entries(events));
  if (!Array.isArray(events)) return new Map();
  return new Map(events.map((name: Json) => [String(name), true]));
}

/** A pattern is true by any one match, and never when it matches only what can no longer come. */
function truthOf(events: ReadonlyMap<string, Json>, pattern: string): ReturnType<World['event']> {
  const matching = [...events].filter(([name]) => matches(pattern, name)).map(([, truth]) => truth);
  if (matching.some((truth) => truth === true || truth === 'true')) return { truth: 'true' };
  const gone =
    matching.length > 0 && matching.every((truth) => truth === 'never' || truth === false);
  return { truth: gone ? 'never' : 'not_yet' };
}

function matches(pattern: string, name: string): boolean {
  const parts = pattern.split('*');
  if (parts.length === 1) return pattern === name;
  const [first = '', ...rest] = parts;
  const last = rest.pop() ?? '';
  if (!name.startsWith(first) || name.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.endsWith(last) && name.length - last.length >= at;
}

function mappingAt(values: Values, name: string): Values {
  const found = own(values, name);
  return isMapping(found) ? found : {};
}

function own(values: Values, name: string): Json | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}
