// JSON Web Tokens (RFC 7519) signed with Ed25519 (RFC 8037): how they are written and read. What they say is for others to judge.
import type { Signer } from '#ports/small.ts';
import type { PublicKey } from '#schemas/signing.ts';

const encoder = new TextEncoder();

/** A token's parts: what was read of them, unjudged, and what its signature stands for. */
export interface ReadToken {
  readonly header: unknown;
  readonly claims: unknown;
  readonly signed: string;
  readonly signature: Uint8Array<ArrayBuffer> | undefined;
}

/** Writes and signs a token with the key of that name. */
export async function writeToken(
  signer: Signer,
  header: { readonly kid: string },
  claims: object,
): Promise<string> {
  const signed = `${partOf(header)}.${partOf(claims)}`;
  return `${signed}.${toBase64url(await signer.sign(header.kid, encoder.encode(signed)))}`;
}

/** Undefined where it has not three parts. */
export function readToken(token: string): ReadToken | undefined {
  const [header = '', claims = '', signature = '', ...rest] = token.split('.');
  if (signature === '' || rest.length > 0) return undefined;
  return {
    header: jsonOf(header),
    claims: jsonOf(claims),
    signed: `${header}.${claims}`,
    signature: fromBase64url(signature),
  };
}

/** True when that key signed it. */
export async function isSignedBy(key: PublicKey, token: ReadToken): Promise<boolean> {
  if (token.signature === undefined) return false;
  const { kty, crv, x } = key;
  const verifying = await crypto.subtle.importKey('jwk', { kty, crv, x }, crv, false, ['verify']);
  return await crypto.subtle.verify(crv, verifying, token.signature, encoder.encode(token.signed));
}

const partOf = (value: object): string => toBase64url(encoder.encode(JSON.stringify(value)));

/** Undefined where it is no JSON. */
function jsonOf(part: string): unknown {
  const bytes = fromBase64url(part);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

const toBase64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

/** Undefined where it is none: one token has one spelling. */
function fromBase64url(text: string): Uint8Array<ArrayBuffer> | undefined {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64url'));
  return toBase64url(bytes) === text ? bytes : undefined;
}
