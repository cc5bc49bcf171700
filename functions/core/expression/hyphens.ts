// Hyphens in names: the language reads them as a minus.
import { message } from '#core/messages.ts';
import type { Subject } from './names.ts';
import { fail, type Source } from './problem.ts';

/** `a-b.x` and `a.row-count` read as a subtraction, and are nearly always a hyphen in a name. */
export function refuseHyphen(source: Source, subject: Subject, begun: Subject): void {
  const rest = source.text.slice(subject.end);
  const bare = subject === begun && subject.kind === 'name';
  const known = subject.kind === 'name' && (subject.name === 'item' || subject.name === 'index');
  const found = bare
    ? /^(?:-[\p{L}_][\p{L}\p{M}\p{Nd}_]*)+/u.exec(rest)?.[0]
    : /^(?:-[\p{L}_][\p{L}\p{M}\p{Nd}_]*)+(?![\p{L}\p{M}\p{Nd}_.[(])/u.exec(rest)?.[0];
  if (found === undefined || known || (!bare && subject.kind !== 'done')) {
    return;
  }
  const to = subject.end + found.length;
  if (subject.kind === 'name') {
    const came = `${subject.name}${found}`;
    const by = came.replaceAll('-', '_');
    fail(source, {
      at: subject.at,
      said: message('expression_syntax', 'hyphen_id', { came, id: by }),
      fix: { to, by },
    });
  }
  if (subject.kind === 'done' && 'name' in subject.expr && subject.expr.kind !== 'call') {
    const { name } = subject.expr;
    const at = subject.expr.at - source.base;
    const before = source.text.slice(at, subject.end - name.length - 1);
    fail(source, {
      at,
      said: message('expression_syntax', 'hyphen_member', { came: `${name}${found}` }),
      fix: { to, by: `${before}['${name}${found}']` },
    });
  }
}
