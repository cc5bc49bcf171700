// The address of a repository: what of it is secret, and how it is shown to people.

/** What stands for all that is not shown. */
export const HIDDEN = '***';

const SECRETS = /\{\{ ?secret\.(\w+) ?\}\}/g;
/** A user without a password that is so long is a token: nobody has such a name. */
const TOKEN = 20;

interface Span {
  readonly from: number;
  readonly to: number;
}

/** Names of the secrets that an address is made with. */
export function secretsOfAddress(address: string): readonly string[] {
  return [...address.matchAll(SECRETS)].flatMap(([, name]) => name ?? []);
}

/** The address itself. Of a secret without a value its name is left. */
export function filledAddress(
  address: string,
  values: Readonly<Record<string, string | undefined>>,
): string {
  return address.replaceAll(SECRETS, (written, name: string) => values[name] ?? written);
}

/** Who asks: `user:password` of `https://user:password@host/path`. Undefined where nobody is named. */
export function userOfAddress(address: string): Span | undefined {
  // A helper program may stand before it, though none is taken.
  const from = /^[a-z][a-z0-9+.:-]*:\/\//i.exec(address)?.[0].length ?? 0;
  const rest = address.slice(from);
  const host = /^[^/]*/.exec(rest)?.[0] ?? '';
  const at = host.lastIndexOf('@');
  if (at >= 0) return { from, to: from + at };
  // A slash that should have been written %2F: what stands before it is no port.
  const isOpen = from > 0 && /^[^/:@[]*:(?!\d*\/)/.test(rest) && rest.includes('@');
  return isOpen ? { from, to: from + rest.lastIndexOf('@') } : undefined;
}

/** What opens a repository to whoever has it: a password, or a token in the place of a user. Nothing asks ssh for either. */
export function secretOfAddress(address: string): Span | undefined {
  const user = userOfAddress(address);
  if (user === undefined) return undefined;
  const written = address.slice(user.from, user.to);
  const colon = written.indexOf(':');
  if (colon >= 0 && colon < written.length - 1) return { from: user.from + colon + 1, to: user.to };
  const isToken = colon < 0 && /^https?:/i.test(address) && written.length >= TOKEN;
  return isToken ? user : undefined;
}

/**
 * Without a password, and without what secrets it is made with. The user of an ssh address is no secret, and part of how one gets there.
 *
 * @param address of a repository, as the user wrote it or as a plan names it; anything else is answered as it is
 */
export function shownAddress(address: string): string {
  const plain = address.replaceAll(SECRETS, HIDDEN);
  const user = userOfAddress(plain);
  if (user === undefined || user.from === 0) return plain;
  const isSsh = /^(git\+)?ssh:/i.test(plain);
  const name = isSsh ? plain.slice(user.from, user.to).replace(/:.*$/s, '@') : '';
  const kept = isSsh && name !== '' && !name.endsWith('@') ? `${name}@` : name;
  return `${plain.slice(0, user.from)}${kept}${plain.slice(user.to + 1)}`;
}
