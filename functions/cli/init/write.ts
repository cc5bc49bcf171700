// Writes a template into a folder: everything, or nothing where something of the same name is there.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { NotFound, Rejected } from '#errors/families.ts';
import { cacheDirectory } from '#local/settings.ts';
import { complaint } from '#runner/code/complaint.ts';
import { git } from '#runner/code/git.ts';
import type { Host } from '../host.ts';
import { schemaFile, schemaName } from '../schema-file.ts';
import { PIPELINE, TAG, type Template } from './templates.ts';

/** Answers the files that were written, relative to the folder. */
export async function writeTemplate(
  host: Host,
  folder: string,
  template: Template,
): Promise<readonly string[]> {
  const schema = schemaFor(folder, template.dialect);
  const files = { ...template.files, ...schema.file };
  files[PIPELINE] = `# yaml-language-server: $schema=${schema.address}\n${files[PIPELINE] ?? ''}`;
  refuseToOverwrite(folder, files);
  if (template.repositories.length > 0) await requireGit(host);
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(folder, name);
    // Only the schema may be there, from an earlier call.
    if (existsSync(file)) continue;
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text, { flag: 'wx' });
  }
  for (const repository of template.repositories)
    await makeRepository(host, path.join(folder, repository));
  return Object.keys(files);
}

function refuseToOverwrite(folder: string, files: Readonly<Record<string, string>>): void {
  const there = Object.entries(files)
    .filter(([name, text]) => differs(path.join(folder, name), name, text))
    .map(([name]) => name);
  if (there.length > 0)
    throw new Rejected(
      'invalid',
      `${there.join(', ')} ${there.length === 1 ? 'is' : 'are'} there already, and init overwrites nothing; --dir FOLDER takes another folder`,
      { files: there },
    );
}

function differs(file: string, name: string, text: string): boolean {
  if (!existsSync(file)) return false;
  return !name.endsWith('.schema.json') || readFileSync(file, 'utf8') !== text;
}

interface SchemaOf {
  /** As the first line of the pipeline names it. */
  readonly address: string;
  readonly file: Readonly<Record<string, string>>;
}

/** That of the package where it is installed for this folder; else a copy beside the pipeline. Neither needs a network. */
function schemaFor(folder: string, dialect: string): SchemaOf {
  const name = schemaName(dialect);
  for (let at = folder; ; at = path.dirname(at)) {
    const installed = path.join(at, 'node_modules/millrace/schemas/json', name);
    if (existsSync(installed)) {
      const relative = path.relative(folder, installed).split(path.sep).join('/');
      return { address: relative.startsWith('.') ? relative : `./${relative}`, file: {} };
    }
    if (path.dirname(at) === at) break;
  }
  const own = schemaFile(dialect);
  if (own === undefined) throw new NotFound(`no schema for dialect "${dialect}" in this package`);
  return { address: `./${name}`, file: { [name]: readFileSync(own, 'utf8') } };
}

async function requireGit(host: Host): Promise<void> {
  await call(host, '.', ['--version']);
}

const IDENTITY = [
  ['user.name', 'millrace init'],
  ['user.email', 'init@millrace.invalid'],
  ['commit.gpgSign', 'false'],
  ['tag.gpgSign', 'false'],
  ['init.defaultBranch', 'main'],
].flatMap(([name, value]) => ['-c', `${name}=${value}`]);

async function makeRepository(host: Host, folder: string): Promise<void> {
  await call(host, folder, ['init', '--quiet']);
  await call(host, folder, ['add', '--all']);
  await call(host, folder, ['commit', '--quiet', '--message', `Release ${TAG}`]);
  await call(host, folder, ['tag', '--annotate', '--message', TAG, TAG]);
}

async function call(host: Host, folder: string, args: readonly string[]): Promise<void> {
  const context = { cacheDir: cacheDirectory(), host: { ...host.env } };
  const end = await git(context, [...IDENTITY, ...args], { folder });
  if (end.code !== 0)
    throw new Rejected('invalid', `git ${args[0]} in ${folder} failed: ${complaint(end)}`);
}
