// What is wrong with a `${…}`, in words: what it names and is not there, what it should have been, how to leave it to the shell.
import { type Findings, subjectOf } from '#core/compile/findings.ts';
import { nearest } from '#core/compile/nearest.ts';
import { sourceOffset } from '#core/compile/texts.ts';
import { kindOf, type Place, pathOf, type ScalarTree } from '#core/compile/tree.ts';
import { type Message, message, nearHint, part } from '#core/messages.ts';
import { limits } from '#schemas/limits.ts';
import type { Reference, Slip } from './reference-text.ts';

export type ScalarPlace = Place & { readonly tree: ScalarTree };

const SHELL_NAME = /^[A-Za-z_]\w*$/;

/** Says it, and answers undefined. */
export class InterpolationSlips {
  readonly #findings: Findings;
  /** What does not exist, by the text that names it. */
  readonly #missing = new Set<string>();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** The same name in other places is the same mistake: it is told once. */
  toldBefore(name: string): boolean {
    if (this.#missing.has(name)) return true;
    this.#missing.add(name);
    return false;
  }

  /** What a reference names is not there. */
  lost(
    place: ScalarPlace,
    reference: Reference,
    { holder, key }: { readonly holder: Place; readonly key: string },
  ): undefined {
    if (this.toldBefore(reference.text)) return undefined;
    const name = reference.text.slice(2, -1).trim();
    const subject = subjectOf(place);
    const isShell = place.key === 'start_command' && SHELL_NAME.test(name);
    const keys = holder.tree.kind === 'map' ? [...holder.tree.entries.keys()] : [];
    const near = nearest(key, keys);
    if (place.key === 'start_command' && near === undefined && !isShell && !name.includes('.'))
      return this.shellForm(place, reference.at, reference.text);
    if (isShell && near === undefined) {
      const filling = { subject, ref: reference.text, cure: `$${name}` };
      const said = message('interpolation', 'shell', filling);
      return this.wrong(place, reference.at, said, `$${name}`);
    }
    const where = this.#findings.whereIs(keyAt(holder));
    const inside =
      holder.up === undefined
        ? part('configuration')
        : part('found', { name: `"${pathOf(holder)}"`, where });
    const filling = { subject, ref: reference.text, holder: inside, key };
    if (holder.tree.kind === 'map') {
      const variable = near === undefined && SHELL_NAME.test(name) ? `\${oc.env:${name}}` : '';
      const ending = nearHint(near, () => (variable === '' ? '' : part('env', { ref: variable })));
      const said = message('interpolation', 'missing', { ...filling, hint: ending });
      return this.wrong(place, reference.at, said, near);
    }
    const came = kindOf(holder.tree);
    const said = message('interpolation', 'member', { ...filling, came });
    return this.wrong(place, reference.at, said);
  }

  /** What stands between the braces cannot be read. */
  unread(
    place: ScalarPlace,
    text: string,
    { at, why }: { readonly at: number; readonly why: Slip },
  ): undefined {
    const end = text.indexOf('}', at);
    const written = end < 0 ? text.slice(at) : text.slice(at, end + 1);
    if (place.key === 'start_command' && end > 0) return this.shellForm(place, at, written);
    return this.wrong(place, at, this.slip(place, why, written));
  }

  /** The sentence for it. */
  slip(place: ScalarPlace, why: Slip, ref: string): Message<'interpolation'> {
    const subject = subjectOf(place);
    const depth = limits.interpolationDepth;
    switch (why) {
      case 'open':
        return message('interpolation', 'open', { subject, ref });
      case 'empty':
        return message('interpolation', 'empty', { subject, ref });
      case 'deep':
        return message('interpolation', 'deep', { subject, ref, most: depth });
      case 'quote':
        return message('interpolation', 'quote', { subject, ref });
      case 'value':
        return message('interpolation', 'value', { subject, ref });
      case 'key':
      case 'bracket':
        return message('interpolation', 'form', { subject, ref, cure: `\\${ref}` });
    }
  }

  /** In a command it was probably meant for the shell. */
  shellForm(place: ScalarPlace, at: number, ref: string): undefined {
    const filling = { subject: subjectOf(place), ref, cure: `\\${ref}` };
    return this.wrong(place, at, message('interpolation', 'escape', filling), `\\${ref}`);
  }

  /** Says it, at that character of the value. */
  wrong(
    place: ScalarPlace,
    index: number,
    said: Message<'interpolation'>,
    suggestion?: string,
  ): undefined {
    const at = sourceOffset(this.#findings.source, place.tree, index);
    this.#findings.error(said, place, { at, suggestion });
  }
}

/** Where the key of a value stands. */
export function keyAt({ tree, up, key }: Place): number {
  const entry = up?.tree.kind === 'map' ? up.tree.entries.get(`${key}`) : undefined;
  return entry?.at ?? tree.at;
}
