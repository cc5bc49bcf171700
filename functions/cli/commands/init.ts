import path from 'node:path';
import { NotFound } from '#errors/families.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { TAG, TEMPLATES, type Template } from '../init/templates.ts';
import { writeTemplate } from '../init/write.ts';
import { renderTable } from '../render/table.ts';

export async function init(
  context: Context,
  named: string | undefined,
  dir: string | undefined,
): Promise<ExitCode> {
  const { host } = context;
  const template = templateOf(named ?? 'hello');
  if (named === undefined) listTemplates(context);
  const folder = path.resolve(host.cwd, dir ?? '.');
  const files = await writeTemplate(host, folder, template);
  const next = nextCommand(context, template, dir);
  if (context.json) {
    context.sayJson({ template: template.name, folder, files, next });
    return EXIT.done;
  }
  const places = files
    .filter((file) => !template.repositories.some((folder) => file.startsWith(`${folder}/`)))
    .map((file) => path.join(dir ?? '', file));
  context.say(`wrote ${places.join(', ')}`);
  if (template.repositories.length > 0)
    context.say(`and git repositories with tag ${TAG}: ${template.repositories.join(', ')}`);
  context.say(`next: ${next}`);
  return EXIT.done;
}

function templateOf(name: string): Template {
  const found = TEMPLATES.find((template) => template.name === name);
  if (found !== undefined) return found;
  const known = TEMPLATES.map((template) => template.name).join(', ');
  throw new NotFound(`no pipeline "${name}" to begin with; there is ${known}`);
}

/** For a person only: a program that names none gets hello without a word. */
function listTemplates(context: Context): void {
  if (!context.isWatched(context.host.stdout)) return;
  const rows = TEMPLATES.map(({ name, about }) => [`  millrace init ${name}`, about]);
  context.say(`${renderTable(rows)}\ntaking hello`);
}

/** As it was started itself, so that it can be typed as it stands. */
function nextCommand({ host }: Context, template: Template, dir: string | undefined): string {
  const program = host.env['npm_command'] === 'exec' ? 'npx millrace' : 'millrace';
  const go =
    dir === undefined || path.resolve(host.cwd, dir) === host.cwd ? '' : `cd ${word(dir)} && `;
  return `${go}${[program, 'run', ...template.options].join(' ')}`;
}

function word(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
