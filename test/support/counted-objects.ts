// Objects that count what is asked of them: on AWS each request is paid.
import type { Objects } from '#ports/objects.ts';

export interface CountedObjects extends Objects {
  /** How often each was asked since it was forgotten: `{ get: 2, list: 1 }`. */
  readonly asked: Record<string, number>;
  forget(): void;
}

export function countedObjects(objects: Objects): CountedObjects {
  const asked: Record<string, number> = {};
  const counting = new Proxy(objects, {
    get: (target, name) => {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]): unknown => {
        asked[String(name)] = (asked[String(name)] ?? 0) + 1;
        return method.apply(target, args);
      };
    },
  });
  return Object.assign(Object.create(counting), {
    asked,
    forget: () => {
      for (const name of Object.keys(asked)) delete asked[name];
    },
  });
}
