// How a secret may be written down by a program that prints it: as it is, and as the usual encodings and quotings have it.
import { limits } from '#schemas/limits.ts';

/** Shorter parts of an encoding would be found by chance. */
const SHORTEST_INNER = 6;

/** All spellings of the secrets that are looked for, longest first. */
export function spellings(secrets: readonly string[]): string[] {
  const found = new Set<string>();
  for (const secret of secrets) {
    for (const part of partsOf(secret)) {
      const trimmed = part.trim();
      if (trimmed.length >= limits.secretLeast) addSpellings(found, part, trimmed);
    }
  }
  return [...found]
    .filter((text) => text.length >= limits.secretLeast)
    .sort((a, b) => b.length - a.length);
}

/** Whole, and line by line: a log shows lines. */
export function partsOf(secret: string): readonly string[] {
  return [...new Set([secret, ...secret.split(/\r?\n/)])];
}

function addSpellings(found: Set<string>, part: string, trimmed: string): void {
  found.add(trimmed);
  for (const text of new Set([part, trimmed])) {
    const bytes = Buffer.from(text, 'utf8');
    for (const encoding of ['base64', 'base64url'] as const) {
      const whole = bytes.toString(encoding);
      found.add(whole).add(whole.replace(/=+$/, ''));
      for (let before = 0; before < 3; before += 1) found.add(within(bytes, before, encoding));
    }
  }
  const hex = Buffer.from(trimmed).toString('hex');
  found.add(hex).add(hex.toUpperCase());
  for (const text of inUrls(trimmed)) found.add(text).add(withSmallEscapes(text));
  for (const text of quoted(trimmed)) found.add(text);
}

/** Languages differ in which signs they escape, and whether a blank becomes a plus. */
function inUrls(text: string): string[] {
  const whole = encodeURIComponent(text);
  const strict = whole.replace(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  const form = new URLSearchParams({ v: text }).toString().slice('v='.length);
  const all = [whole, strict, encodeURI(text), form];
  return [
    ...all,
    ...all.flatMap((one) => [one.replaceAll('%20', '+'), one.replaceAll('%2F', '/')]),
  ];
}

const withSmallEscapes = (text: string): string =>
  text.replace(/%[0-9A-F]{2}/g, (sign) => sign.toLowerCase());

/** As JSON, the shell's trace, Python's messages and HTML print a text. */
function quoted(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1);
  const escaped = escapedLines(text.replaceAll('\\', '\\\\'));
  return [
    json,
    json.replaceAll('/', '\\/'),
    inAscii(json, false),
    inAscii(json, true),
    text.replaceAll("'", `'\\''`),
    text.replaceAll("'", `'"'"'`),
    escaped,
    escaped.replaceAll("'", "\\'"),
    inBytes(escaped),
    inBytes(escaped).replaceAll("'", "\\'"),
    inHtml(text),
    inHtml(text).replaceAll("'", '&#39;'),
    inHtml(text).replaceAll("'", '&#x27;'),
  ];
}

function escapedLines(text: string): string {
  return text.replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');
}

/** JSON as those write it who keep to ASCII. */
function inAscii(json: string, large: boolean): string {
  return json.replace(/[^\0-\x7f]/g, (sign) => {
    const digits = sign.charCodeAt(0).toString(16).padStart(4, '0');
    return `\\u${large ? digits.toUpperCase() : digits}`;
  });
}

function inBytes(text: string): string {
  return text.replace(/[^\0-\x7f]+/g, (signs) =>
    [...Buffer.from(signs)].map((byte) => `\\x${byte.toString(16)}`).join(''),
  );
}

function inHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** The signs that encode these bytes and nothing else when `before` bytes (modulo three) stand in front of them. */
function within(bytes: Buffer, before: number, encoding: 'base64' | 'base64url'): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes]).toString(encoding);
  const first = Math.ceil((before * 8) / 6);
  const last = Math.floor(((before + bytes.length) * 8) / 6);
  const inner = text.slice(first, last);
  return inner.length < SHORTEST_INNER ? '' : inner;
}
