// Conditions and changes in the language of DynamoDB. Every name and value goes by a placeholder, so no word is reserved and none can be smuggled in.
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { Defect } from '#errors/families.ts';
import type { Changes, Condition } from '#ports/table.ts';
import { FORMAT } from '#schemas/ids.ts';
import { comparedValue, storedValue } from './table-items.ts';

export interface Expression {
  readonly ExpressionAttributeNames?: Record<string, string>;
  readonly ExpressionAttributeValues?: Record<string, AttributeValue>;
}

/** Names and values of one request, each under its placeholder. */
interface Words {
  name(attribute: string): string;
  value(value: AttributeValue): string;
  readonly expression: Expression;
}

function createWords(): Words {
  const names = new Map<string, string>();
  const values: AttributeValue[] = [];
  return {
    name: (attribute) => {
      const known = names.get(attribute) ?? `#n${names.size}`;
      names.set(attribute, known);
      return known;
    },
    value: (value) => `:v${values.push(value) - 1}`,
    get expression() {
      return {
        ...(names.size === 0
          ? {}
          : {
              ExpressionAttributeNames: Object.fromEntries(
                [...names].map(([name, word]) => [word, name]),
              ),
            }),
        ...(values.length === 0
          ? {}
          : {
              ExpressionAttributeValues: Object.fromEntries(
                values.map((value, index) => [`:v${index}`, value]),
              ),
            }),
      };
    },
  };
}

export interface ConditionExpression extends Expression {
  readonly ConditionExpression: string;
}

/** The condition, and that no later version wrote the item: what it does not know, this one must not change. */
export function conditionOf(condition: Condition): ConditionExpression {
  const words = createWords();
  const text = conditionText(words, condition);
  return { ConditionExpression: text, ...words.expression };
}

/** Changes of an item that must be there. Without any change there is no update expression. */
export function updateOf(
  changes: Changes,
  condition: Condition,
): ConditionExpression & { readonly UpdateExpression?: string } {
  const words = createWords();
  const update = changesText(words, changes);
  const text = conditionText(words, { ...condition, exists: true });
  return {
    ...(update === '' ? {} : { UpdateExpression: update }),
    // Whoever also wanted it to be absent wanted what cannot be.
    ConditionExpression:
      condition.exists === false ? `${text} AND attribute_not_exists(${words.name('pk')})` : text,
    ...words.expression,
  };
}

function conditionText(words: Words, condition: Condition): string {
  const parts = [
    formatPart(words, condition.exists),
    ...Object.entries(condition.equals ?? {}).map(
      ([name, value]) => `${words.name(name)} = ${words.value(comparedValue(name, value))}`,
    ),
    ...Object.entries(condition.atMost ?? {}).map(([name, most]) => {
      const attribute = words.name(name);
      const bounded = `${attribute} <= ${words.value({ N: String(most) })}`;
      return most < 0 ? bounded : `(attribute_not_exists(${attribute}) OR ${bounded})`;
    }),
    ...(condition.lacks ?? []).map((name) => `attribute_not_exists(${words.name(name)})`),
  ];
  return parts.join(' AND ');
}

/** A name that is given a placeholder must be used, so each is asked for where it is. */
function formatPart(words: Words, exists: boolean | undefined): string {
  const absent = () => `attribute_not_exists(${words.name('pk')})`;
  const readable = () => `${words.name('v')} <= ${words.value({ N: String(FORMAT) })}`;
  if (exists === undefined) return `(${absent()} OR ${readable()})`;
  return exists ? readable() : absent();
}

/** First removed, then set, then added, as the port says; DynamoDB takes each attribute only once. */
function changesText(words: Words, changes: Changes): string {
  const set = new Map<string, AttributeValue>();
  const gone = new Set((changes.remove ?? []).filter(isFree));
  for (const [name, value] of Object.entries(changes.set ?? {})) {
    const stored = storedValue(value);
    if (!isFree(name)) continue;
    if (stored === undefined) gone.add(name);
    else set.set(name, stored);
  }
  const added = new Map<string, number>();
  for (const [name, amount] of Object.entries(changes.add ?? {})) {
    const before = set.get(name);
    if (before !== undefined) set.set(name, { N: String(sumOf(name, before, amount)) });
    else if (gone.has(name)) set.set(name, { N: String(amount) });
    else added.set(name, amount);
  }
  const clauses = [
    ['SET', [...set].map(([name, value]) => `${words.name(name)} = ${words.value(value)}`)],
    ['REMOVE', [...gone].filter((name) => !set.has(name)).map((name) => words.name(name))],
    [
      'ADD',
      [...added].map(
        ([name, amount]) => `${words.name(name)} ${words.value({ N: String(amount) })}`,
      ),
    ],
  ] as const;
  return clauses
    .filter(([, parts]) => parts.length > 0)
    .map(([verb, parts]) => `${verb} ${parts.join(', ')}`)
    .join(' ');
}

/** What says which item it is, and how to read it, stays. */
const isFree = (name: string): boolean => !['pk', 'sk', 'v'].includes(name);

function sumOf(name: string, before: AttributeValue, amount: number): number {
  if (before.N === undefined)
    throw new Defect(`attribute "${name}" is set to what is no number to add to`);
  return Number(before.N) + amount;
}
