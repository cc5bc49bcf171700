// Dates: `2025-01-31`, or an instant as ISO text or milliseconds since the epoch. Everything is UTC; there is no clock here.
import { type Message, message } from '#core/messages.ts';

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const INSTANT =
  /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:\d{2})?$/;

const DAY = 86_400_000;
const FIRST = new Date('0001-01-01T00:00:00Z').getTime();
const LAST = new Date('9999-12-31T23:59:59.999Z').getTime();

export interface Moment {
  readonly at: number;
  /** How it was written, so that sums of days read alike. */
  readonly form: 'date' | 'instant' | 'number';
}

/** Undefined when it is no date of the years 1 to 9999. A text without a zone counts as UTC. */
export function readDate(of: unknown): Moment | undefined {
  if (typeof of === 'number') {
    return within(of) ? { at: of, form: 'number' } : undefined;
  }
  if (typeof of !== 'string') {
    return undefined;
  }
  const date = DATE.exec(of);
  if (date !== null) {
    return checked(`${of}T00:00:00.000Z`, of, 'date');
  }
  const parts = INSTANT.exec(of);
  if (parts === null) {
    return undefined;
  }
  const [, year, month, day, hour, minute, second = '00', fraction = '', zone = 'Z'] = parts;
  const millis = fraction.slice(0, 3).padEnd(3, '0');
  const local = checked(
    `${year}-${month}-${day}T${hour}:${minute}:${second}.${millis}Z`,
    `${year}-${month}-${day}`,
    'instant',
  );
  if (local === undefined) {
    return undefined;
  }
  const at = local.at - offset(zone);
  return within(at) ? { at, form: 'instant' } : undefined;
}

/** `Date` rolls the 30th of February over into March: a day that does not print back was none. */
function checked(iso: string, day: string, form: Moment['form']): Moment | undefined {
  const at = new Date(iso).getTime();
  if (!within(at) || new Date(at).toISOString().slice(0, 10) !== day) {
    return undefined;
  }
  return { at, form };
}

function within(at: number): boolean {
  return Number.isFinite(at) && at >= FIRST && at <= LAST;
}

function offset(zone: string): number {
  if (zone === 'Z') {
    return 0;
  }
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
}

/** In the form it came in; undefined when it leaves the years 1 to 9999. */
export function plusDays(moment: Moment, days: number): string | number | undefined {
  const at = moment.at + days * DAY;
  if (!within(at)) {
    return undefined;
  }
  if (moment.form === 'number') {
    return at;
  }
  const iso = new Date(at).toISOString();
  return moment.form === 'date' ? iso.slice(0, 10) : iso;
}

const WORDS = ['yyyy', 'MM', 'dd', 'HH', 'mm', 'ss', 'SSS'] as const;
const PIECE = /'([^']*)'|([A-Za-z])\2*|[^A-Za-z']+|'/gy;

/** What is wrong with a format, if anything. */
export function formatProblem(format: string): Message<'wrong_value'> | undefined {
  if (format.includes('%')) {
    return message('wrong_value', 'format_percent', { format: JSON.stringify(format) });
  }
  for (const [piece, , letter] of format.matchAll(PIECE)) {
    if (piece === "'") {
      return message('wrong_value', 'format_quote', { format: JSON.stringify(format) });
    }
    if (letter !== undefined && !WORDS.some((word) => word === piece)) {
      const known = WORDS.join(', ');
      return message('wrong_value', 'format_word', {
        format: JSON.stringify(format),
        came: piece,
        known,
      });
    }
  }
  return undefined;
}

/** The format must have been checked. */
export function formatted(moment: Moment, format: string): string {
  const iso = new Date(moment.at).toISOString();
  const words: { readonly [word: string]: string } = {
    yyyy: iso.slice(0, 4),
    MM: iso.slice(5, 7),
    dd: iso.slice(8, 10),
    HH: iso.slice(11, 13),
    mm: iso.slice(14, 16),
    ss: iso.slice(17, 19),
    SSS: iso.slice(20, 23),
  };
  return format.replaceAll(PIECE, (piece: string, text: string | undefined) =>
    text === undefined ? (words[piece] ?? piece) : text,
  );
}
