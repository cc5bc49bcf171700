// Patterns of events: anchored, `*` stands for any run of characters but the dot.

/** Whether the whole text matches. Linear but for the stars, each of which goes back at most once over the text. */
export function glob(pattern: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let resume = 0;
  let index = 0;
  while (index < text.length) {
    if (at < pattern.length && pattern[at] !== '*' && pattern[at] === text[index]) {
      at++;
      index++;
    } else if (pattern[at] === '*') {
      star = at++;
      resume = index;
    } else if (star >= 0 && text[resume] !== '.') {
      at = star + 1;
      index = ++resume;
    } else return false;
  }
  while (pattern[at] === '*') at++;
  return at === pattern.length;
}
