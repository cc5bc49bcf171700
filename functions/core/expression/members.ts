// Members and indexes of values: own properties only, and a message that says what is there instead.
import type { Json } from '#schemas/values.ts';
import { nearest } from './problem.ts';
import type { Evaluated, Variables } from './types.ts';
import {
  describe,
  error,
  FORBIDDEN_MEMBERS,
  filePath,
  isFile,
  isList,
  isObject,
  isRef,
  type JsonObject,
  refused,
  tooLargeToRead,
  value,
} from './values.ts';

const FILE_MEMBERS = ['uri', 'path', 'name', 'size', 'sha256', 'metadata'];

/** `shown` is the subject as the user wrote it, for messages. */
export function memberOf(of: Json, name: string, variables: Variables, shown: string): Evaluated {
  if (FORBIDDEN_MEMBERS.has(name)) {
    return error(`"${name}" is no member that an expression may name`);
  }
  if (of === null) {
    return error(`${shown} is null, it has no member "${name}"`, true);
  }
  if (isRef(of)) {
    return refused(`${shown}`);
  }
  if (isFile(of)) {
    return fileMember(of, name, variables, shown);
  }
  if (isList(of)) {
    const hint = name === 'length' ? `; its length is len(${shown})` : `; an item is ${shown}[0]`;
    return error(`${shown} is ${describe(of)}, it has no member "${name}"${hint}`);
  }
  if (!isObject(of)) {
    const hint = name === 'length' ? `; its length is len(${shown})` : '';
    return error(`${shown} is ${describe(of)}, it has no members, so no "${name}"${hint}`);
  }
  return own(of, name) ?? missing(Object.keys(of), name, shown);
}

export function own(of: JsonObject, name: string): Evaluated | undefined {
  const found = Object.hasOwn(of, name) ? of[name] : undefined;
  return found === undefined ? undefined : value(found);
}

const SHOWN_NAMES = 8;

export function missing(known: readonly string[], name: string, shown: string): Evaluated {
  const near = nearest(name, known.slice(0, 200));
  const names = known.slice(0, SHOWN_NAMES).join(', ');
  const more = known.length > SHOWN_NAMES ? ', …' : '';
  const has = known.length === 0 ? 'it has none' : `it has ${names}${more}`;
  const hint = near === undefined ? has : `did you mean ${near}?`;
  return error(`${shown} has no "${name}"; ${hint}`, true);
}

function fileMember(
  of: Json & {
    readonly $file: {
      readonly name: string;
      readonly size: number;
      readonly sha256: string;
      readonly metadata?: JsonObject | undefined;
    };
  },
  name: string,
  variables: Variables,
  shown: string,
): Evaluated {
  const { $file: file } = of;
  switch (name) {
    case 'uri':
      return variables.file === undefined
        ? error(`where ${shown} is kept is not known here`)
        : value(variables.file.uri(of));
    case 'path':
      return filePath(of, variables);
    case 'name':
      return value(file.name);
    case 'size':
      return value(file.size);
    case 'sha256':
      return value(file.sha256);
    case 'metadata':
      return value(file.metadata ?? {});
    default:
      return missing(FILE_MEMBERS, name, `the file ${shown}`);
  }
}

export function itemOf(of: Json, index: Json, variables: Variables, shown: string): Evaluated {
  if (typeof index === 'string') {
    return memberOf(of, index, variables, shown);
  }
  if (of === null) {
    return error(`${shown} is null, it has no items`, true);
  }
  const tooLarge = tooLargeToRead(of);
  if (tooLarge !== undefined) return error(`${shown} ${tooLarge}`);
  const list = isRef(of) ? variables.list?.(of) : of;
  if (list === undefined) {
    return error(`${shown} is kept by reference and is no list that can be read here`);
  }
  if (!isList(list)) {
    return error(`${shown} is ${describe(list)}; only a list has items`);
  }
  if (typeof index !== 'number' || !Number.isInteger(index) || index < 0) {
    return error(`an index is a whole number from 0; ${describe(index)} came for ${shown}`);
  }
  const item = list[index];
  return item === undefined
    ? error(
        `${shown} has ${list.length} items, counted from 0; there is no ${shown}[${index}]`,
        true,
      )
    : value(item);
}
