// HTML that cannot be broken out of: whatever is put into a template is text, unless a template made it.
import { plain } from '../render/words.ts';

export class Markup {
  readonly html: string;
  constructor(html: string) {
    this.html = html;
  }
}

export type Part = string | number | Markup | readonly Part[] | undefined;

/** `markup`<td>${name}</td>``: names, log lines and values are hostile until they are escaped, and here they always are. */
export function markup(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let html = texts[0] ?? '';
  parts.forEach((part, at) => {
    html += written(part) + (texts[at + 1] ?? '');
  });
  return new Markup(html);
}

function written(part: Part): string {
  if (part === undefined) return '';
  if (part instanceof Markup) return part.html;
  if (typeof part === 'number') return String(part);
  if (typeof part === 'string') return escaped(part);
  return part.map(written).join('');
}

const SIGNS: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

function escaped(text: string): string {
  // Line ends stay; other control characters would only confuse who reads on.
  const lines = text.split('\n').map(plain).join('\n');
  return lines.replaceAll(/[&<>"'`]/g, (sign) => SIGNS[sign] ?? '');
}
