// What the entry is told by its environment, and how that stays with the entry: a program of the same user may read the environment
// that any process of its machine was started with, and ask for the credentials of the container's role by an address that lies there.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { jobVariables } from '#schemas/attempts.ts';
import { imageVariables, type JobSettings, jobSettings } from '#schemas/job.ts';

/** What no program in the container is to find: what is said to the entry, and where the container's role is to be had. */
const OURS: ReadonlySet<string> = new Set([
  ...Object.values(jobVariables),
  ...Object.values(imageVariables),
]);
const OF_THE_SERVICE =
  /^(AWS_BATCH_|AWS_CONTAINER_|AWS_EXECUTION_ENV$|AWS_SECRET|AWS_SESSION|AWS_ACCESS|ECS_)/;

export function withoutSettings(host: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(host).filter(([name]) => !OURS.has(name) && !OF_THE_SERVICE.test(name)),
  );
}

/** Throws when something is missing, naming it. */
export function settingsOf(host: NodeJS.ProcessEnv): JobSettings {
  const given = (name: string) => (host[name] === '' ? undefined : host[name]);
  const index = given(jobVariables.index);
  return jobSettings.parse({
    url: given(jobVariables.url),
    token: given(jobVariables.token),
    job: given(jobVariables.job),
    ...(index === undefined ? {} : { index: Number(index) }),
    ...named('order', given(jobVariables.order)),
    ...named('orders', given(jobVariables.orders)),
    dataDir: path.resolve(given(imageVariables.dataDir) ?? path.join(tmpdir(), 'millrace')),
    ...named('cacheDir', given(imageVariables.cacheDir)),
  });
}

function named(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value };
}

/** Puts the settings aside for the program that this one becomes; nothing else runs in the container yet. Answers where. */
export function handOver(settings: JobSettings): string {
  mkdirSync(settings.dataDir, { recursive: true, mode: 0o700 });
  const file = path.join(settings.dataDir, `handover-${process.pid}-${Date.now()}.json`);
  writeFileSync(file, JSON.stringify(settings), { mode: 0o600, flag: 'wx' });
  return file;
}

/** Takes them up; nobody else can after it. */
export function takeOver(file: string): JobSettings {
  const text = readFileSync(file, 'utf8');
  rmSync(file);
  return jobSettings.parse(JSON.parse(text));
}
