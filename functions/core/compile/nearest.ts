// "Did you mean": the known name that is nearest to what was written.

/** Names compared for one suggestion; more are not looked at, so that a large pipeline full of mistakes stays cheap. */
const CANDIDATES = 2_000;

/** The nearest of `known`, when it is near enough to be meant; else the only one that the word begins. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const names: string[] = [];
  for (const name of known) {
    if (names.push(name) >= CANDIDATES) break;
  }
  return fewestEdits(word, names) ?? onlyOneBegun(word, names);
}

/** `uv` for `uv_project`, `WARN` for `WARNING`. */
function onlyOneBegun(word: string, names: readonly string[]): string | undefined {
  const begin = squash(word);
  if (begin.length < 2) return undefined;
  const [only, other] = names.filter((name) => squash(name).startsWith(begin));
  return other === undefined ? only : undefined;
}

function fewestEdits(word: string, known: readonly string[]): string | undefined {
  const bound = Math.max(1, Math.floor(word.length / 3));
  const squashed = squash(word);
  const lower = word.toLowerCase();
  let best: string | undefined;
  let least = bound + 1;
  for (const name of known) {
    if (Math.abs(name.length - word.length) >= least) continue;
    if (squash(name) === squashed) return name;
    const distance = distanceOf(lower, name.toLowerCase(), least);
    if (distance < least) {
      best = name;
      least = distance;
    }
  }
  return best;
}

/** `start_when`, `startWhen` and `start-when` are the same word in three spellings. */
function squash(word: string): string {
  return word.toLowerCase().replaceAll(/[_\- .]/g, '');
}

/** Edits from one word to the other, two letters that changed places counting one; `bound` and more are all the same. */
function distanceOf(a: string, b: string, bound: number): number {
  if (a.length > 64 || b.length > 64) return bound;
  const width = b.length + 1;
  // Of the last three rows one each; what is as far away as the bound is not looked at.
  let [before, previous, row] = [
    new Uint8Array(width),
    new Uint8Array(width),
    new Uint8Array(width),
  ];
  for (let j = 0; j < width; j += 1) previous[j] = j;
  for (let i = 1; i <= a.length; i += 1) {
    const from = Math.max(1, i - bound);
    const to = Math.min(b.length, i + bound);
    row.fill(bound);
    row[0] = Math.min(i, bound);
    let least = row[0];
    for (let j = from; j <= to; j += 1) {
      const same = a.charCodeAt(i - 1) === b.charCodeAt(j - 1);
      let edits = Math.min(
        (previous[j] ?? bound) + 1,
        (row[j - 1] ?? bound) + 1,
        (previous[j - 1] ?? bound) + (same ? 0 : 1),
      );
      const swapped =
        i > 1 &&
        a.charCodeAt(i - 1) === b.charCodeAt(j - 2) &&
        a.charCodeAt(i - 2) === b.charCodeAt(j - 1);
      if (swapped) edits = Math.min(edits, (before[j - 2] ?? bound) + 1);
      row[j] = Math.min(edits, bound);
      least = Math.min(least, edits);
    }
    if (least >= bound) return bound;
    [before, previous, row] = [previous, row, before];
  }
  return Math.min(previous[b.length] ?? bound, bound);
}

/** `"a", "b" and 3 more`. */
export function listed(names: readonly string[], most = 8): string {
  const shown = names.slice(0, most).map((name) => `"${name}"`);
  if (names.length > most) return `${shown.join(', ')} and ${names.length - most} more`;
  const last = shown.pop();
  if (last === undefined) return 'none';
  return shown.length === 0 ? last : `${shown.join(', ')} and ${last}`;
}

/** What was written, short enough for a message. */
export function shown(text: string, most = 60): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > most ? `${line.slice(0, most - 1)}…` : line;
}
