// Values that later become arguments of git or paths on a machine: nothing from a pipeline file may be read as an option,
// name another transport, or leave its folder.
import { type Message, message } from '#core/messages.ts';
import { filledAddress, secretsOfAddress } from '#core/shown-address.ts';
import { type Findings, subjectOf } from './findings.ts';
import { shownAt } from './read.ts';
import type { Place } from './tree.ts';

/** Control characters, line ends included; none has a place in an address or a path. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f\u0080-\u009f\u2028\u2029]/;

const REPOSITORY = [
  /^https?:\/\/[^\s/-][^\s]*$/i,
  /^ssh:\/\/[^\s/-][^\s]*$/i,
  /^file:\/\/\/[^\s]+$/i,
  // git@host:path
  /^[\w.][\w.-]*@[\w.][\w.-]*:[^-\s][^\s]*$/,
];

/** An address without the names in it, as far as that is known: what it is made of, or something in the place of what only a run is told. */
export function plainAddress({ tree }: Place, value: string): string {
  const pieces = tree.kind === 'scalar' ? tree.pieces : undefined;
  if (pieces !== undefined)
    return pieces.map((each) => (typeof each === 'string' ? each : each.text)).join('');
  const names = secretsOfAddress(value);
  return filledAddress(value, Object.fromEntries(names.map((name) => [name, name])));
}

/** The address of a git repository. */
export function safeRepository(findings: Findings, place: Place, value: string): boolean {
  if (!plain(findings, place, value)) return false;
  if (REPOSITORY.some((pattern) => pattern.test(value))) return true;
  const wanted = 'https://…, http://…, ssh://…, git@host:path or a path';
  // git takes anything with a colon before the first slash for a machine or a transport.
  const remote = /^[^/\\]*:/.test(value);
  if (!remote && !value.includes('{{')) return true;
  const filling = { ...written(place, value), wanted };
  return unsafe(findings, place, message('unsafe_value', 'repository', filling));
}

/** A git tag, by the rules of git for names of references. */
export function safeTag(findings: Findings, place: Place, value: string): boolean {
  if (!plain(findings, place, value)) return false;
  const bad = /[\s~^:?*[\\]|\.\.|@\{|^\/|\/$|\/\/|\.$|\.lock$/.test(value) || value === '@';
  return !bad || unsafe(findings, place, message('unsafe_value', 'tag', written(place, value)));
}

/** A path that must stay inside a folder. */
export function safeInside(findings: Findings, place: Place, value: string): boolean {
  if (!plain(findings, place, value)) return false;
  if (value.includes('{{'))
    return unsafe(findings, place, message('unsafe_value', 'braces', written(place, value)));
  const parts = value.split(/[\\/]/);
  let depth = 0;
  for (const part of parts) {
    depth += part === '..' ? -1 : part === '' || part === '.' ? 0 : 1;
    if (depth < 0)
      return unsafe(findings, place, message('unsafe_value', 'leaves', written(place, value)));
  }
  const absolute = /^[\\/]|^[A-Za-z]:/.test(value);
  return (
    !absolute || unsafe(findings, place, message('unsafe_value', 'absolute', written(place, value)))
  );
}

/** A path of the user's own machine: anywhere, but no option and no control character. */
export function safePath(findings: Findings, place: Place, value: string): boolean {
  return plain(findings, place, value);
}

/** An argument that is handed to a tool after its own options: any text without control characters. */
export function safeArgument(findings: Findings, place: Place, value: string): boolean {
  return !CONTROL.test(value) || control(findings, place);
}

function plain(findings: Findings, place: Place, value: string): boolean {
  if (CONTROL.test(value)) return control(findings, place);
  if (!value.startsWith('-')) return true;
  return unsafe(findings, place, message('unsafe_value', 'option', written(place, value)));
}

function written(place: Place, value: string): { subject: string; came: string } {
  return { subject: subjectOf(place), came: shownAt(place, value) };
}

function control(findings: Findings, place: Place): false {
  return unsafe(findings, place, message('unsafe_value', 'control', { subject: subjectOf(place) }));
}

function unsafe(findings: Findings, place: Place, said: Message<'unsafe_value'>): false {
  findings.error(said, place);
  return false;
}
