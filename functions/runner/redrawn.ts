// Lines that a program draws anew with carriage returns, as progress bars are: of all that stood in one a log keeps what stood there last, and
// now and then how far it has come.
import { limits } from '#schemas/limits.ts';

const RETURN = '\r';

/** The lines of one stream, of which the last one may still be drawn. */
export class Redrawn {
  /** Of the line that is still drawn: what was shown of it last, and when anything was. */
  #shown: string | undefined;
  #at = Number.NEGATIVE_INFINITY;

  /** What stood in a line when it ended; undefined where just that was shown before. */
  ended(line: string): string | undefined {
    const shown = this.#shown;
    this.#shown = undefined;
    const text = line.includes(RETURN) ? newest(line) : line;
    return text === shown ? undefined : text;
  }

  /**
   * What is to be kept of a line that has not ended, and what is to be shown of it now: no more than one state in a while, and only one that
   * the program has drawn to its end.
   */
  open(line: string): { readonly rest: string; readonly show?: string } {
    const end = line.lastIndexOf(RETURN);
    if (end < 0) return { rest: line };
    const state = newest(line.slice(0, end));
    const drawn = line.slice(end + 1);
    // What is too long for a line of the log is no bar: nothing of it is passed over.
    const long = state.length + drawn.length >= limits.logLineLength;
    const due = long || Date.now() - this.#at >= limits.redrawInterval;
    const rest = long ? drawn : `${state}${RETURN}${drawn}`;
    if (state === '' || state === this.#shown || !due) return { rest };
    this.#shown = state;
    this.#at = Date.now();
    return { rest, show: state };
  }
}

/** The last state that is more than blanks, which only wipe what stood there. */
function newest(line: string): string {
  let end = line.length;
  while (end > 0) {
    const from = line.lastIndexOf(RETURN, end - 1) + 1;
    const state = line.slice(from, end);
    if (state.trim() !== '') return state;
    end = from - 1;
  }
  return '';
}
