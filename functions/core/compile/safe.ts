// Values that later become arguments of git or paths on a machine: nothing from a pipeline file may be read as an option,
// name another transport, or leave its folder.
import { type Findings, subjectOf } from './findings.ts';
import { shown } from './nearest.ts';
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

/** The address of a git repository. */
export function safeRepository(findings: Findings, place: Place, value: string): boolean {
  if (!plain(findings, place, value)) return false;
  if (REPOSITORY.some((pattern) => pattern.test(value))) return true;
  const wanted = 'https://…, http://…, ssh://…, git@host:path or a path';
  // git takes anything with a colon before the first slash for a machine or a transport.
  const remote = /^[^/\\]*:/.test(value);
  if (!remote && !value.includes('{{')) return true;
  return unsafe(
    findings,
    place,
    `is "${shown(value)}", which no repository is fetched from; wanted ${wanted}`,
  );
}

/** A git tag, by the rules of git for names of references. */
export function safeTag(findings: Findings, place: Place, value: string): boolean {
  if (!plain(findings, place, value)) return false;
  const bad = /[\s~^:?*[\\]|\.\.|@\{|^\/|\/$|\/\/|\.$|\.lock$/.test(value) || value === '@';
  return !bad || unsafe(findings, place, `is "${shown(value)}", which cannot be the name of a tag`);
}

/** A path that must stay inside a folder. */
export function safeInside(findings: Findings, place: Place, value: string): boolean {
  if (!plain(findings, place, value)) return false;
  if (value.includes('{{'))
    return unsafe(findings, place, `is "${shown(value)}"; wanted a path without {{ }}`);
  const parts = value.split(/[\\/]/);
  let depth = 0;
  for (const part of parts) {
    depth += part === '..' ? -1 : part === '' || part === '.' ? 0 : 1;
    if (depth < 0) return unsafe(findings, place, `is "${shown(value)}", which leaves its folder`);
  }
  const absolute = /^[\\/]|^[A-Za-z]:/.test(value);
  return (
    !absolute || unsafe(findings, place, `is "${shown(value)}"; wanted a path inside its folder`)
  );
}

/** A path of the user's own machine: anywhere, but no option and no control character. */
export function safePath(findings: Findings, place: Place, value: string): boolean {
  return plain(findings, place, value);
}

/** An argument that is handed to a tool after its own options: any text without control characters. */
export function safeArgument(findings: Findings, place: Place, value: string): boolean {
  if (!CONTROL.test(value)) return true;
  return unsafe(findings, place, 'holds a control character');
}

function plain(findings: Findings, place: Place, value: string): boolean {
  if (CONTROL.test(value)) return unsafe(findings, place, 'holds a control character');
  if (!value.startsWith('-')) return true;
  return unsafe(findings, place, `is "${shown(value)}", which would be read as an option`);
}

function unsafe(findings: Findings, place: Place, what: string): false {
  findings.error('unsafe_value', place, `${subjectOf(place)} ${what}`);
  return false;
}
