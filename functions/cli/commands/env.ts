import path from 'node:path';
import { NotFound, Rejected } from '#errors/families.ts';
import { cacheDirectory } from '#local/settings.ts';
import * as manage from '#runner/environments/manage.ts';
import { compileFile } from '../compile-file.ts';
import type { Context } from '../context.ts';
import { build, type Preparation, preparationsOf, type Surroundings } from '../environments.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { findPipeline } from '../find-pipeline.ts';
import { durationOf, sizeOf } from '../given.ts';
import { printProblems } from '../render/print-problems.ts';
import { renderTable } from '../render/table.ts';
import { dayAndClock, spell, spellBytes } from '../render/words.ts';

/** Characters of a digest that are shown. */
const SHORT = 12;

export async function listEnvironments(context: Context): Promise<ExitCode> {
  const listed = await manage.listEnvironments(cacheDirectory());
  if (context.json) {
    for (const { ready, ...environment } of listed)
      context.sayJson({ ...environment, ready: ready !== undefined, label: ready?.label });
    return EXIT.done;
  }
  if (listed.length === 0) context.note('no environments');
  else context.say(renderTable(listed.map(row)));
  return EXIT.done;
}

function row({ key, ready, lastUse, bytes }: manage.ListedEnvironment): readonly string[] {
  return [
    key.slice(0, SHORT),
    ready?.label ?? 'not ready: being built, or left by a build that was interrupted',
    spellBytes(bytes),
    `used ${dayAndClock(lastUse)}`,
  ];
}

export async function buildEnvironments(
  context: Context,
  named: string | undefined,
  offline: boolean,
): Promise<ExitCode> {
  const file = await findPipeline(context, named);
  const compiled = await compileFile(context.host.cwd, file);
  if (!compiled.ok) {
    printProblems(context, compiled.problems, file);
    return EXIT.rejected;
  }
  const { plan, file: first, decoded } = compiled;
  const main = { plan, file: first, decoded };
  let failed = 0;
  for (const each of [main, ...compiled.below]) {
    const own = { folder: path.dirname(each.file), decoded: each.decoded };
    const around = { ...own, offline, sources: {} };
    for (const preparation of preparationsOf(each.plan))
      if (!(await buildOne(context, preparation, around))) failed += 1;
  }
  return failed === 0 ? EXIT.done : EXIT.failed;
}

/** One that fails does not keep the others from being built. */
async function buildOne(
  context: Context,
  preparation: Preparation,
  around: Surroundings,
): Promise<boolean> {
  const { name, from } = preparation;
  const { paintError: paint, host } = context;
  context.note(paint.dim(`${name}: preparing ${from}`));
  try {
    const ensured = await build(context, preparation, around);
    if (context.json)
      context.sayJson({ name, operator: from, environment: ensured?.key, ...ensured });
    else context.say(`${name}: ${told(ensured)}`);
    return true;
  } catch (error) {
    if (!(error instanceof Rejected)) throw error;
    if (context.json)
      context.sayJson({
        name,
        operator: from,
        error: { code: error.code, message: error.message },
      });
    host.stderr.write(`${paint.red('✗')} ${name}: ${error.message}\n`);
    return false;
  }
}

function told(ensured: Awaited<ReturnType<typeof build>>): string {
  if (ensured === undefined) return 'runs on the host, its code is there';
  const key = ensured.key.slice(0, SHORT);
  return ensured.built
    ? `built ${key} in ${spell(ensured.seconds * 1000)}`
    : `${key} is there already`;
}

export async function pruneEnvironments(
  context: Context,
  { age, size }: { readonly age: string; readonly size?: string | undefined },
): Promise<ExitCode> {
  const before = context.host.now() - durationOf('--older-than', age);
  const most = size === undefined ? undefined : sizeOf('--max-size', size);
  const removed = await manage.pruneEnvironments(cacheDirectory(), { before, most });
  let bytes = 0;
  for (const environment of removed) {
    bytes += environment.bytes;
    if (context.json) context.sayJson({ key: environment.key, bytes: environment.bytes });
    else
      context.say(`${environment.key.slice(0, SHORT)}  ${environment.ready?.label ?? 'not ready'}`);
  }
  context.note(`${removed.length} removed, ${spellBytes(bytes)}`);
  return EXIT.done;
}

export async function whyEnvironment(context: Context, name: string): Promise<ExitCode> {
  const found = manage.why(cacheDirectory(), name);
  if (found === undefined)
    throw new NotFound(
      `"${name}" names no environment, or several; \`millrace env list\` names them`,
    );
  if (context.json) {
    context.sayJson(found);
    return EXIT.done;
  }
  const { marker, other } = found;
  context.say(
    `${found.key}\n${marker.label}, built ${dayAndClock(marker.builtAt)} in ${spell(marker.seconds * 1000)}`,
  );
  context.say(
    renderTable(Object.entries(marker.parts).map(([part, value]) => [`  ${part}`, brief(value)])),
  );
  if (other !== undefined) {
    context.say(`it could not be ${other.key.slice(0, SHORT)}, because these differ:`);
    context.say(
      renderTable(
        other.differs.map(({ part, was, is }) => [`  ${part}`, `${brief(was)} → ${brief(is)}`]),
      ),
    );
  }
  return EXIT.done;
}

function brief(value: string): string {
  const line = value === '' ? '(none)' : value.replaceAll('\n', ' ');
  return line.length <= 60 ? line : `${line.slice(0, 59)}…`;
}
