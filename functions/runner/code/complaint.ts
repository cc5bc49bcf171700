// What git and ssh complain of, in the few lines that people need, and what they can do about it.
import { HIDDEN } from '#core/shown-address.ts';
import { limits } from '#schemas/limits.ts';
import type { ToolEnd } from '../tool.ts';
import { type RepositoryAddress, shown } from './address.ts';

/** Lines that say something. */
const TELLING =
  /^(fatal|error|remote|ssh):|Permission denied|Host key verification failed|HOST IDENTIFICATION HAS CHANGED|^Connection (closed|reset)|^kex_exchange/i;
/** What git adds when ssh has said already what is wrong. */
const EMPTY = /^fatal: (Could not read from remote repository|the remote end hung up)/i;
const LINES = 3;

const ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /HOST IDENTIFICATION HAS CHANGED/i,
    'the server shows another key than the one in known_hosts: ask who runs it, then forget the old one with ssh-keygen -R',
  ],
  [
    /Host key verification failed/i,
    'its host key is not known here, and nobody is asked while a pipeline runs: accept it once, by hand',
  ],
  [
    /Permission denied \(/i,
    'the server accepts none of the keys it was offered: give yours to the agent (ssh-add) or name it in ~/.ssh/config, then try by hand',
  ],
  [
    /could not read (Username|Password)|Authentication failed/i,
    'nobody is asked for a password while a pipeline runs: set up a credential helper (git help credentials), then try by hand',
  ],
];

const NO_REPOSITORY = /does not appear to be a git repository|No such file or directory/i;
const NOT_HERE =
  'that is a path on this machine, from the folder of the pipeline; the address of a server begins with https:// or ssh://';

/** The part of git's complaint that people need. With an address: what they can do, where that is known. */
export function complaint(end: ToolEnd, address?: RepositoryAddress): string {
  if (end.how === 'not_started') return `git could not be started: ${end.stderr}`;
  if (end.how === 'timed_out') return `git took longer than ${limits.gitTimeout / 1000} s`;
  if (end.how === 'aborted') return 'it was stopped';
  const lines = end.stderr.split('\n').map((line) => line.trim());
  const telling = lines.filter((line) => TELLING.test(line));
  const first = telling.filter((line) => !EMPTY.test(line));
  const chosen = [first, telling, lines.filter(Boolean)].find((some) => some.length > 0) ?? [];
  const told =
    hidden(chosen.slice(0, LINES).join('; '), address) || `git exited with code ${end.code}`;
  if (address?.local === true && NO_REPOSITORY.test(end.stderr)) return `${told}; ${NOT_HERE}`;
  const advice = ADVICE.find(([sign]) => sign.test(end.stderr))?.[1];
  if (advice === undefined || address === undefined) return told;
  return `${told.replace(/\.$/, '')}; ${advice}: git ls-remote ${address.shown}`;
}

function hidden(text: string, address: RepositoryAddress | undefined): string {
  let told = text.replaceAll(/[a-z+]+:\/\/[^/@\s]*@/gi, (start) => shown(start));
  for (const each of address?.hidden ?? []) told = told.replaceAll(each, HIDDEN);
  return told;
}
