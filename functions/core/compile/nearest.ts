// "Did you mean": the known name that is nearest to what was written.

/** Names compared for one suggestion; more are not looked at, so that a large pipeline full of mistakes stays cheap. */
const CANDIDATES = 2_000;

/** The nearest of `known`, when it is near enough to be meant. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const bound = Math.max(1, Math.floor(word.length / 3));
  let best: string | undefined;
  let least = bound + 1;
  let seen = 0;
  for (const name of known) {
    seen += 1;
    if (seen > CANDIDATES) break;
    if (Math.abs(name.length - word.length) >= least) continue;
    if (squash(name) === squash(word)) return name;
    const distance = distanceOf(word.toLowerCase(), name.toLowerCase(), least);
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
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        (previous[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1),
        swap ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    before = previous;
    previous = row;
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
