import { existsSync } from 'node:fs';
import path from 'node:path';
import { NotFound, Rejected } from '#errors/families.ts';
import { cacheDirectory } from '#local/settings.ts';
import { roomMade } from '#runner/environments/make-room.ts';
import * as manage from '#runner/environments/manage.ts';
import { keyOf } from '#runner/environments/store.ts';
import { compileFile } from '../compile-file.ts';
import type { Context } from '../context.ts';
import {
  build,
  type Preparation,
  partsOf,
  preparationsOf,
  type Surroundings,
} from '../environments.ts';
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
  const wanted = await wantedBy(context, named);
  if (wanted === undefined) return EXIT.rejected;
  let failed = 0;
  for (const { preparation, around } of wanted)
    if (!(await buildOne(context, preparation, { ...around, offline }))) failed += 1;
  await roomMade();
  return failed === 0 ? EXIT.done : EXIT.failed;
}

interface Wanted {
  readonly preparation: Preparation;
  readonly around: Surroundings;
}

/** What a pipeline and those below it need prepared. Undefined after its problems were told. */
async function wantedBy(
  context: Context,
  named: string | undefined,
): Promise<readonly Wanted[] | undefined> {
  const file = await findPipeline(context, named);
  const compiled = await compileFile(context.host.cwd, file);
  if (!compiled.ok) {
    printProblems(context, compiled.problems, file);
    return undefined;
  }
  return [compiled, ...compiled.below].flatMap(({ plan, file: own, decoded }) => {
    const around = { folder: path.dirname(own), decoded, offline: false, sources: {} };
    return preparationsOf(plan).map((preparation) => ({ preparation, around }));
  });
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

/** Of a digest: what that environment was built from. Of a pipeline: for each operator whether a run would build, and what has changed. */
export async function whyEnvironment(
  context: Context,
  name: string,
  operator: string | undefined,
): Promise<ExitCode> {
  const isDigest =
    /^[0-9a-f]{2,64}$/.test(name) && !existsSync(path.resolve(context.host.cwd, name));
  if (!isDigest || operator !== undefined) return await whyPipeline(context, name, operator);
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
    context.say(renderTable(other.differs.map(changeRow)));
  }
  return EXIT.done;
}

const changeRow = ({ part, was, is }: manage.Likeness['differs'][number]): readonly string[] => [
  `  ${part}`,
  `${brief(was)} → ${brief(is)}`,
];

async function whyPipeline(
  context: Context,
  named: string,
  operator: string | undefined,
): Promise<ExitCode> {
  const wanted = await wantedBy(context, named);
  if (wanted === undefined) return EXIT.rejected;
  const names = wanted.map(({ preparation }) => preparation.name);
  if (operator !== undefined && !names.includes(operator))
    throw new NotFound(`no operator "${operator}" in ${named}; there are ${names.join(', ')}`);
  for (const { preparation, around } of wanted)
    if (operator === undefined || preparation.name === operator)
      await whyOperator(context, preparation, around);
  return EXIT.done;
}

async function whyOperator(
  context: Context,
  preparation: Preparation,
  around: Surroundings,
): Promise<void> {
  const { name } = preparation;
  const parts = await partsOf(context, preparation, around);
  const key = parts === undefined ? undefined : keyOf(parts);
  const ready = key === undefined ? undefined : manage.why(cacheDirectory(), key)?.marker;
  const other =
    parts === undefined || ready !== undefined
      ? undefined
      : manage.mostLike(cacheDirectory(), parts);
  if (context.json) {
    context.sayJson({ name, key, ready: ready !== undefined, parts, other });
    return;
  }
  const short = key?.slice(0, SHORT);
  if (key === undefined) context.say(`${name}: runs on the host, nothing is built`);
  else if (ready !== undefined)
    context.say(`${name}: ${short} is there, built ${dayAndClock(ready.builtAt)}`);
  else if (other === undefined)
    context.say(`${name}: ${short} will be built: none of its kind is there`);
  else {
    const like = `${other.key.slice(0, SHORT)} of ${dayAndClock(other.marker.builtAt)}`;
    context.say(`${name}: ${short} will be built, because these differ from ${like}:`);
    context.say(renderTable(other.differs.map(changeRow)));
  }
}

function brief(value: string): string {
  const line = value === '' ? '(none)' : value.replaceAll('\n', ' ');
  return line.length <= 60 ? line : `${line.slice(0, 59)}…`;
}
