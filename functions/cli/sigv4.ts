// Signs requests to API Gateway as AWS wants it (Signature Version 4), with the credentials that AWS's own tools would take. Loaded
// only where it is asked for.
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { SignatureV4 } from '@smithy/signature-v4';
import { Rejected } from '#errors/families.ts';
import type { Unsigned } from '#local/transport.ts';
import { SignerDigest } from '#runner/environments/signer-digest.ts';

const SERVICE = 'execute-api';

type Credentials = ConstructorParameters<typeof SignatureV4>[0]['credentials'];

export interface SigningOptions {
  readonly region: string;
  readonly credentials: Credentials;
  readonly service?: string;
  /** Tests say when. */
  readonly now?: () => Date;
}

/** A signer for a server, by the environment of this process. */
export function signerFor(url: string): (request: Unsigned) => Promise<Record<string, string>> {
  const region = regionOf(url);
  const provider = defaultProvider();
  return signerWith({
    region,
    credentials: async () => {
      try {
        return await provider();
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new Rejected('not_permitted', `--sigv4 finds no credentials of AWS: ${why}`);
      }
    },
  });
}

/** Answers the headers of a request with those that sign it. */
export function signerWith(
  options: SigningOptions,
): (request: Unsigned) => Promise<Record<string, string>> {
  const { region, credentials, service = SERVICE, now } = options;
  // The digest of the body is signed; a header of its own for it is S3's affair.
  const signer = new SignatureV4({
    ...{ service, region, credentials, sha256: SignerDigest, applyChecksum: false },
  });
  return async ({ method, url, headers, body }) => {
    const query: Record<string, string[]> = {};
    for (const [name, value] of url.searchParams) query[name] = [...(query[name] ?? []), value];
    const request = {
      ...{ method, protocol: url.protocol, hostname: url.hostname, path: url.pathname },
      ...{ query, headers: { ...headers } },
      ...(url.port === '' ? {} : { port: Number(url.port) }),
      ...(body === undefined ? {} : { body }),
    };
    const signed = await signer.sign(request, now === undefined ? {} : { signingDate: now() });
    return signed.headers;
  };
}

/** API Gateway's own addresses say their region. */
function regionOf(url: string): string {
  const host = URL.parse(url)?.hostname ?? '';
  const named = /\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$/.exec(host)?.[1];
  const region = named ?? process.env['AWS_REGION'] ?? process.env['AWS_DEFAULT_REGION'] ?? '';
  if (region !== '') return region;
  throw new Rejected('invalid', `--sigv4: ${host} does not say its region; wanted is AWS_REGION`);
}
