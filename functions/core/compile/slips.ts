// The slips everyone makes in YAML: three with expressions, each a problem of its own with the corrected line, and those of layout, which the
// library tells in words of its grammar.
import { type Message, message } from '#core/messages.ts';
import type { Findings } from './findings.ts';
import { shown } from './nearest.ts';

/** `path: {{ a.b }}`: YAML reads a mapping inside a mapping. Says so when that is what stands at `at`. */
export function slipAtBraces(findings: Findings, at: number): boolean {
  if (!findings.source.startsWith('{{', at)) return false;
  if (findings.seen(`slip ${at}`)) return true;
  findings.breakAt(at);
  const { line, column } = findings.position(at);
  const text = findings.lineText(line);
  const value = braced(text, column - 1);
  const suggestion = corrected(text, column - 1, value);
  findings.error(message('yaml_unquoted_braces', 'value'), undefined, { at, suggestion });
  return true;
}

/** `startWhen: !event:a.completed`: YAML reads a tag. */
export function slipAtBang(findings: Findings, at: number): boolean {
  const { line } = findings.position(at);
  const text = findings.lineText(line);
  const bang = VALUE.exec(text);
  const from = bang === null ? -1 : bang[0].length;
  if (from < 0 || text[from] !== '!') return false;
  const start = findings.startOf(line) + from;
  if (findings.seen(`slip ${start}`)) return true;
  findings.breakAt(start);
  const value = cut(text.slice(from));
  const tag = shown(value.split(' ')[0] ?? '!');
  findings.error(message('yaml_unquoted_bang', 'value', { tag }), undefined, {
    at: start,
    suggestion: corrected(text, from, value),
  });
  return true;
}

/** Where a value of a block mapping or list begins in its line. */
const VALUE = /^\s*(?:- +)*(?:[^\s'"#{[][^:#'"]*: +)?/;

/** Where the library stumbles over a line that holds one of the slips. */
export function slipAtError(findings: Findings, at: number): boolean {
  const { line } = findings.position(at);
  // The library may notice only in the next line what a line does wrong.
  for (const candidate of [line, line - 1]) {
    if (candidate > 0 && slipInLine(findings, candidate)) return true;
  }
  return false;
}

function slipInLine(findings: Findings, line: number): boolean {
  const text = findings.lineText(line);
  const from = VALUE.exec(text)?.[0].length ?? 0;
  const start = findings.startOf(line);
  const rest = text.slice(from);
  if (rest.startsWith('{{')) return slipAtBraces(findings, start + from);
  if (/^!(?:event:|\{\{|\()/.test(rest)) return slipAtBang(findings, start + from);
  if (!/^[^'"|>&*#[{].*(?:: | #)/.test(rest) || from === 0) return false;
  if (findings.seen(`slip ${start + from}`)) return true;
  findings.breakAt(start + from);
  const colon = from + (rest.search(/ ?: | #/) + 1);
  findings.error(message('yaml_unquoted_question', 'colon'), undefined, {
    at: start + colon,
    suggestion: corrected(text, from, rest.trimEnd()),
  });
  return true;
}

interface LayoutSlip {
  readonly said: Message<'yaml_syntax'>;
  readonly at: number;
  readonly suggestion?: string;
}

/** What the library's sentence means to who wrote the file; undefined where it is no slip of layout. */
export function slipOfLayout(findings: Findings, why: string, at: number): LayoutSlip | undefined {
  const { line } = findings.position(at);
  const mark = /^Missing closing (["'])quote/.exec(why)?.[1];
  if (mark !== undefined) return { said: message('yaml_syntax', 'quote', { mark }), at };
  const bracket = /end with a ([\]}])$/.exec(why)?.[1];
  if (bracket !== undefined)
    return { said: message('yaml_syntax', 'bracket', { mark: bracket }), at };
  if (/^Implicit /.test(why)) {
    const [, blanks = '', key, value] =
      /^( *(?:- +)*)([\w-]+):([^\s:].*)$/.exec(findings.lineText(line)) ?? [];
    if (key === undefined || value === undefined) return undefined;
    const said = message('yaml_syntax', 'colon', { key: shown(key) });
    return {
      said,
      at: findings.startOf(line) + blanks.length + key.length,
      suggestion: `${key}: ${value}`,
    };
  }
  // Of a line that stands too far right the library complains in the one before.
  const deeper = why.startsWith('Nested mappings') ? 1 : 0;
  if (deeper === 0 && !/same column|without - indicator/.test(why)) return undefined;
  const count = /^ */.exec(findings.lineText(line + deeper))?.[0].length ?? 0;
  const start = findings.startOf(line + deeper) + count;
  return { said: message('yaml_syntax', 'indent', { count }), at: start };
}

/** The value from `{{` on: to the end of the line in a block, to the last `}}` that belongs to it inside brackets. */
function braced(text: string, from: number): string {
  const before = text.slice(0, from);
  const flow = /[[{]/.test(before.replaceAll(/'[^']*'|"[^"]*"/g, ''));
  const rest = text.slice(from);
  if (!flow) return cut(rest);
  const end = rest.indexOf('}}');
  return end < 0 ? cut(rest) : rest.slice(0, end + 2);
}

/** Without a comment and blanks at the end. */
function cut(text: string): string {
  return text.replace(/\s+#.*$/, '').trimEnd();
}

function corrected(text: string, from: number, value: string): string {
  const quoted = value.includes("'")
    ? `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
    : `'${value}'`;
  const rest = text.slice(from + value.length).replace(/^\s*#.*$/, '');
  return `${text.slice(0, from)}${quoted}${rest}`.trim();
}
