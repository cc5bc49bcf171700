// `name=value` as one types it: JSON gives its type, anything else is text.
import { Rejected } from '#errors/families.ts';
import { type Json, json } from '#schemas/values.ts';

export function pairOf(pair: string, what: string): readonly [string, Json] {
  const at = pair.indexOf('=');
  if (at < 1) throw new Rejected('invalid', `${what} "${pair}": wanted name=value`);
  return [pair.slice(0, at), readValue(pair.slice(at + 1))];
}

/** A number must print back to the same text, so that `1.10` and `007` stay what they are. */
function readValue(text: string): Json {
  let parsed: Json;
  try {
    parsed = json.parse(JSON.parse(text));
  } catch {
    return text;
  }
  return typeof parsed === 'number' && String(parsed) !== text ? text : parsed;
}
