// A process of its own that puts a small object and then one that has no room.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createObjects } from '#embedded/objects.ts';
import { MillraceError } from '#errors/families.ts';

const root = process.argv[2] ?? '';
const objects = createObjects(root);
await objects.put('NS/a/small', Buffer.alloc(1_000));
try {
  await objects.put('NS/a/large', Buffer.alloc(1_000_000));
} catch (error) {
  if (!(error instanceof MillraceError)) throw error;
  const { family, code } = error;
  const listed = await objects.list('NS/a/');
  const coming = readdirSync(join(root, '.coming'));
  process.stdout.write(JSON.stringify({ family, code, objects: listed.objects.length, coming }));
}
