import { openDataDirectory } from '#embedded/data-directory.ts';
import { createSecrets } from '#embedded/secrets.ts';
import { NotFound, Rejected } from '#errors/families.ts';
import { NAMESPACE } from '#local/names.ts';
import { limits } from '#schemas/limits.ts';
import { utf8Of } from '../codec.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { readAll, readHidden } from '../read-stdin.ts';

/** @param shown a value was given as an argument */
export async function setSecret(context: Context, name: string, shown: boolean): Promise<ExitCode> {
  if (shown)
    throw new Rejected(
      'invalid',
      `secret "${name}": its value is read from standard input and never taken as an argument, which others see in lists of processes and the shell keeps in its history. What was just given has been seen: change it, then \`millrace secret set ${name} < FILE\``,
    );
  const value = await valueFor(context, name);
  if (value === '')
    throw new Rejected('invalid', `secret "${name}": nothing came on standard input`);
  if (value.trim().length < limits.secretLeast)
    throw new Rejected(
      'invalid',
      `secret "${name}": ${value.trim().length} characters; wanted are at least ${limits.secretLeast}, or it could not be hidden in logs`,
    );
  await secretsOf(context).put(NAMESPACE, name, value);
  context.note(`secret ${name} is set`);
  return EXIT.done;
}

/** From a file or a pipe without the line's end that editors and `echo` put there. */
async function valueFor(context: Context, name: string): Promise<string> {
  if (!context.host.stdin.isTTY) {
    const bytes = await readAll(context, limits.secretBytes + 2);
    return utf8Of(bytes, `secret "${name}": standard input is no UTF-8 text`).replace(/\r?\n$/, '');
  }
  const typed = await readHidden(context, `value of ${name} (not shown): `);
  if (typed === undefined)
    throw new Rejected('invalid', `secret "${name}": given up, nothing changed`);
  return typed;
}

export async function listSecrets(context: Context): Promise<ExitCode> {
  const names = await secretsOf(context).names(NAMESPACE);
  for (const name of names)
    if (context.json) context.sayJson({ name });
    else context.say(name);
  if (names.length === 0) context.note('no secrets');
  return EXIT.done;
}

export async function removeSecret(context: Context, name: string): Promise<ExitCode> {
  if (!(await secretsOf(context).remove(NAMESPACE, name)))
    throw new NotFound(`secret "${name}" is not set`);
  context.note(`secret ${name} is forgotten`);
  return EXIT.done;
}

function secretsOf(context: Context): ReturnType<typeof createSecrets> {
  const directory = openDataDirectory(context.dataDir);
  return createSecrets({ file: directory.secrets, keyFile: directory.secretKey });
}
