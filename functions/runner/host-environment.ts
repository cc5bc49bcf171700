// What a program sees of the host's environment: a named list and what the user allowed, nothing else.

/** Shown by `plan`. A name that ends in `*` stands for all that begin so. */
export const DEFAULT_VARIABLES: readonly string[] = [
  'PATH',
  'HOME',
  'USER',
  'LANG',
  'LC_*',
  'TZ',
  'TMPDIR',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'all_proxy',
  'no_proxy',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'REQUESTS_CA_BUNDLE',
  'CURL_CA_BUNDLE',
  'NODE_EXTRA_CA_CERTS',
];

export type Variables = Record<string, string>;

/** The part of the host's environment that programs get. */
export function inherited(host: NodeJS.ProcessEnv, allowed: readonly string[] = []): Variables {
  const names = [...DEFAULT_VARIABLES, ...allowed];
  const plain = new Set(names);
  const prefixes = names.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1));
  const result: Variables = {};
  for (const [name, value] of Object.entries(host)) {
    if (value === undefined) continue;
    if (plain.has(name) || prefixes.some((prefix) => name.startsWith(prefix))) result[name] = value;
  }
  return result;
}
