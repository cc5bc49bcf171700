// The ports below a simulated world: a real table in memory, objects and secrets in maps, a clock that is set. Nothing touches the disk,
// because a search opens thousands of worlds.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { createSettableClock, type SettableClock } from '#embedded/clock.ts';
import { openTable, type SqliteTable } from '#embedded/table.ts';
import { NotFound, Rejected } from '#errors/families.ts';
import type { ObjectInfo, Objects } from '#ports/objects.ts';
import type { Ids, Secrets } from '#ports/small.ts';
import type { Table } from '#ports/table.ts';
import { createIds } from '#shared/ids.ts';

export interface WorldPorts {
  readonly table: SqliteTable;
  readonly objects: Objects;
  readonly secrets: Secrets;
  readonly clock: SettableClock;
  readonly ids: Ids;
}

/** Saturday, 1 January 2028. */
const START = Date.UTC(2028, 0, 1);

export function worldPorts(bounds: Partial<Table['bounds']>): WorldPorts {
  const clock = createSettableClock(START, () => {});
  return {
    table: openTable(':memory:', { bounds }),
    objects: memoryObjects(),
    secrets: memorySecrets(),
    clock,
    ids: createIds({ clock, chance: (bytes) => new Uint8Array(bytes) }),
  };
}

async function bytesOf(body: Uint8Array | Readable): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body;
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts);
}

function memoryObjects(): Objects {
  const kept = new Map<string, Uint8Array>();
  const infoOf = (key: string, bytes: Uint8Array): ObjectInfo => ({
    key,
    size: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  });
  return {
    put: async (key, body) => {
      const bytes = await bytesOf(body);
      kept.set(key, bytes);
      return infoOf(key, bytes);
    },
    get: async (key) => kept.get(key),
    stream: async (key) => {
      const bytes = kept.get(key);
      if (bytes === undefined) throw new NotFound(`no object ${key}`);
      return Readable.from([bytes]);
    },
    info: async (key) => {
      const bytes = kept.get(key);
      return bytes === undefined ? undefined : infoOf(key, bytes);
    },
    list: async (prefix) => ({
      objects: [...kept]
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, bytes]) => ({ key, size: bytes.length })),
    }),
    remove: async (key) => void kept.delete(key),
    presign: async ({ key }) => {
      throw new Rejected('invalid', `no address of object ${key}: it is in memory`);
    },
  };
}

function memorySecrets(): Secrets {
  const kept = new Map<string, string>();
  return {
    get: async (namespace, name) => kept.get(`${namespace}/${name}`),
    put: async (namespace, name, value) => void kept.set(`${namespace}/${name}`, value),
    remove: async (namespace, name) => kept.delete(`${namespace}/${name}`),
    names: async () => [...kept.keys()],
  };
}
