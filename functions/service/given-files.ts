// Files that runs are given from elsewhere: their content lies in the object store under its digest, so that it is brought once.
import { message, problemOf } from '#core/messages.ts';
import { limits } from '#schemas/limits.ts';
import type { Problem } from '#schemas/problems.ts';
import { type FileValue, fileValue, type Json } from '#schemas/values.ts';
import { isCommon } from './attempt-objects.ts';
import type { FilePlace, GivenFile } from './control.ts';
import type { Service } from './service.ts';

/** The key of a file that was given to a namespace. */
export const fileKey = (
  namespace: string,
  { name, sha256 }: Pick<GivenFile, 'name' | 'sha256'>,
): string => `NS/${namespace}/files/${sha256}/${name}`;

/** What a run is given in the place of that file. */
export function fileValueOf(namespace: string, file: GivenFile): FileValue {
  const { name, size, sha256, mediaType } = file;
  const type = mediaType === undefined ? {} : { mediaType };
  return { $file: { key: fileKey(namespace, file), name, size, sha256, ...type } };
}

/**
 * Where the content of a file is to be brought.
 *
 * @throws Rejected where the store can be written by nobody else (one machine: files stay where they are), and `too_large`
 */
export async function takeFile(
  { service, namespace }: { readonly service: Service; readonly namespace: string },
  file: GivenFile,
): Promise<FilePlace> {
  const { size, sha256, mediaType } = file;
  const value = fileValueOf(namespace, file);
  const key = fileKey(namespace, file);
  const there = await service.objects.info(key);
  if (there?.size === size && there.sha256 === sha256) return { file: value };
  const put = await service.objects.presign({
    do: 'put',
    ...{ key, size, sha256, milliseconds: limits.uploadTime },
    ...(mediaType === undefined ? {} : { mediaType }),
  });
  return { file: value, put };
}

/**
 * What is wrong with values that a run is given from another machine: references, which only the engine may write, paths, which mean
 * nothing here, and files that are not there or are another namespace's.
 */
export async function foreignValues(
  { service, namespace }: { readonly service: Service; readonly namespace: string },
  values: { readonly [name: string]: Json },
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const [name, value] of Object.entries(values)) {
    for (const member of mappingsIn(value)) {
      if (Object.hasOwn(member, '$ref'))
        problems.push(problemOf(message('wrong_input', 'reference', { name }), pathOf(name)));
      if (!Object.hasOwn(member, '$file')) continue;
      const problem = await fileProblem(service, namespace, { name, member });
      if (problem !== undefined) problems.push(problem);
    }
  }
  return problems.slice(0, limits.problems);
}

async function fileProblem(
  service: Service,
  namespace: string,
  { name, member }: { readonly name: string; readonly member: Json },
): Promise<Problem | undefined> {
  const parsed = fileValue.safeParse(member);
  if (!parsed.success)
    return problemOf(message('wrong_input', 'file_value', { name }), pathOf(name));
  const { key, path, size, sha256 } = parsed.data.$file;
  if (key === undefined)
    return problemOf(
      message('wrong_input', 'file_elsewhere', { name, path: path ?? '' }),
      pathOf(name),
    );
  const info = isCommon(namespace, key) ? await service.objects.info(key) : undefined;
  if (info?.size === size && info.sha256 === sha256) return undefined;
  return problemOf(message('input_file_missing', 'object', { name, key }), pathOf(name));
}

const pathOf = (name: string): string => `inputs.${name}`;

/** All mappings in a value. */
function mappingsIn(value: Json): readonly { readonly [name: string]: Json }[] {
  const found: { readonly [name: string]: Json }[] = [];
  const left: Json[] = [value];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (next === null || typeof next !== 'object') continue;
    if (!Array.isArray(next)) found.push(next as { readonly [name: string]: Json });
    for (const member of Object.values(next)) left.push(member);
  }
  return found;
}
