// Reads one object of a store that speaks S3: signed requests by fetch, because a whole client of AWS is larger than all the rest of a
// runner. What breaks off on the way goes on where it was, as long as the object is the same.
import { SignatureV4 } from '@smithy/signature-v4';
import { secretsOfEnvironment } from '#core/environment-secrets.ts';
import { limits } from '#schemas/limits.ts';
import type { Environment, MaybeSecret } from '#schemas/plan.ts';
import { EnvironmentFailed } from './failed.ts';
import type { Tools } from './kind.ts';
import { SignerDigest } from './signer-digest.ts';

type CondaEnvironment = Extract<Environment, { kind: 'conda' }>;

export interface StoredObject {
  /** Names its content. */
  readonly tag: string;
  /** Bytes. */
  readonly size: number;
}

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export class ArchiveObject {
  readonly #url: URL;
  readonly #region: string;
  readonly #credentials: () => Promise<Credentials>;
  readonly #signal: AbortSignal | undefined;
  /** As people write it. */
  readonly name: string;

  private constructor(
    place: { readonly url: URL; readonly name: string; readonly region: string },
    credentials: () => Promise<Credentials>,
    signal: AbortSignal | undefined,
  ) {
    this.#url = place.url;
    this.name = place.name;
    this.#region = place.region;
    this.#credentials = credentials;
    this.#signal = signal;
  }

  /** Throws EnvironmentFailed when something that names it is not set. */
  static async at(environment: CondaEnvironment, tools: Tools): Promise<ArchiveObject> {
    const { store, key } = environment;
    const value = await valuesOf(environment, tools);
    const bucket = value(store.bucket);
    const region = value(store.region);
    const given = store.credentials;
    const credentials =
      given === undefined
        ? machineCredentials(tools)
        : async () => ({
            accessKeyId: value(given.accessKey),
            secretAccessKey: value(given.secretKey),
          });
    const endpoint =
      store.endpoint === undefined
        ? (tools.host['AWS_ENDPOINT_URL_S3'] ?? tools.host['AWS_ENDPOINT_URL'])
        : value(store.endpoint);
    const url = urlOf({ endpoint, region, bucket, key, pathStyle: store.pathStyle });
    const name = `s3://${bucket}/${key}`;
    return new ArchiveObject({ url, name, region }, credentials, tools.signal);
  }

  /** Throws EnvironmentFailed when it is not there, or may not be read. */
  async look(): Promise<StoredObject> {
    const response = await this.#call('HEAD', {});
    return this.#described(response, Number(response.headers.get('content-length')));
  }

  /** Its bytes from the first to the last. */
  async *read({ tag, size }: StoredObject): AsyncGenerator<Uint8Array> {
    let offset = 0;
    for (let left = limits.archiveTries; offset < size; left -= 1) {
      const range = offset === 0 ? {} : { range: `bytes=${offset}-` };
      const response = await this.#call('GET', { 'if-match': tag, ...range });
      try {
        for await (const chunk of response.body ?? []) {
          offset += chunk.length;
          yield chunk;
        }
      } catch (error) {
        if (this.#signal?.aborted === true || left <= 1) throw this.#brokenOff(error, offset, size);
        continue;
      }
      if (offset < size && left <= 1) throw this.#brokenOff(undefined, offset, size);
    }
  }

  #brokenOff(error: unknown, offset: number, size: number): EnvironmentFailed {
    const why = error === undefined ? '' : `: ${messageOf(error)}`;
    return new EnvironmentFailed(
      `the archive ${this.name} broke off after ${offset} of ${size} bytes${why}`,
    );
  }

  #described({ headers }: Response, size: number): StoredObject {
    const tag = headers.get('etag');
    if (tag === null || !Number.isSafeInteger(size))
      throw new EnvironmentFailed(
        `the store of ${this.name} does not say what it holds: an ETag and a size are missing`,
      );
    return { tag, size };
  }

  async #call(
    method: 'HEAD' | 'GET',
    headers: Readonly<Record<string, string>>,
  ): Promise<Response> {
    const signed = await this.#signed(method, headers);
    let response: Response;
    try {
      response = await fetch(this.#url, {
        ...{ method, headers: signed, redirect: 'manual' },
        ...(this.#signal === undefined ? {} : { signal: this.#signal }),
      });
    } catch (error) {
      throw new EnvironmentFailed(
        `the archive ${this.name} could not be fetched: ${this.#url.origin} does not answer: ${messageOf(error)}`,
      );
    }
    if (response.status === 200 || response.status === 206) return response;
    throw new EnvironmentFailed(
      `the archive ${this.name} could not be fetched from ${this.#url.origin}: ${await refusal(response)}`,
    );
  }

  async #signed(
    method: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Record<string, string>> {
    const url = this.#url;
    const signer = new SignatureV4({
      ...{ service: 's3', region: this.#region, credentials: await this.#credentials() },
      ...{ sha256: SignerDigest, uriEscapePath: false },
    });
    const { headers: signed } = await signer.sign({
      ...{ method, protocol: url.protocol, hostname: url.hostname, path: url.pathname },
      ...(url.port === '' ? {} : { port: Number(url.port) }),
      headers: { host: url.host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', ...headers },
    });
    // fetch sets it itself.
    const { host: _, ...rest } = signed;
    return rest;
  }
}

/** What a plan names, with the secrets among it looked up at once. */
async function valuesOf(
  environment: CondaEnvironment,
  tools: Tools,
): Promise<(of: MaybeSecret) => string> {
  const names = secretsOfEnvironment(environment);
  const values = names.length === 0 ? {} : ((await tools.secrets?.(names)) ?? {});
  return (of) => {
    if (typeof of === 'string') return of;
    const value = values[of.secret];
    if (value !== undefined) return value;
    throw new EnvironmentFailed(
      `secret "${of.secret}", which the store of archives is reached with, is not set; set it with: millrace secret set ${of.secret}`,
    );
  };
}

function machineCredentials({ host }: Tools): () => Promise<Credentials> {
  return async () => {
    const accessKeyId = host['AWS_ACCESS_KEY_ID'];
    const secretAccessKey = host['AWS_SECRET_ACCESS_KEY'];
    const sessionToken = host['AWS_SESSION_TOKEN'];
    if (accessKeyId !== undefined && secretAccessKey !== undefined)
      return {
        ...{ accessKeyId, secretAccessKey },
        ...(sessionToken === undefined ? {} : { sessionToken }),
      };
    // Profiles, roles and what a container offers: asked only where variables do not say.
    const { defaultProvider } = await import('@aws-sdk/credential-provider-node');
    try {
      return await defaultProvider()();
    } catch (error) {
      throw new EnvironmentFailed(
        `this machine has no credentials of AWS, and the pipeline names none: ${messageOf(error)}`,
      );
    }
  };
}

interface Place {
  readonly endpoint: string | undefined;
  readonly region: string;
  readonly bucket: string;
  readonly key: string;
  readonly pathStyle: boolean;
}

function urlOf({ endpoint, region, bucket, key, pathStyle }: Place): URL {
  const base = URL.parse(endpoint ?? `https://s3.${region}.amazonaws.com`);
  if (base === null)
    throw new EnvironmentFailed('the endpoint of the store of archives is no address');
  const path = key.split('/').map(encoded).join('/');
  const root = base.pathname.replace(/\/$/, '');
  // A name with a dot or an underscore is none that a certificate, or a host, can have.
  if (pathStyle || !/^[a-z0-9-]+$/.test(bucket))
    base.pathname = `${root}/${encoded(bucket)}/${path}`;
  else {
    base.host = `${bucket}.${base.host}`;
    base.pathname = `${root}/${path}`;
  }
  return base;
}

/** As S3 signs it: all but letters, digits and `-._~`. */
function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

const MEANINGS: Readonly<Record<number, string>> = {
  301: 'the bucket is in another region',
  307: 'the bucket is in another region',
  400: 'the store does not accept the request; a wrong region, or an address that is no S3',
  403: 'the credentials may not read it',
  404: 'it is not there',
  412: 'it was replaced while it was read',
};

async function refusal(response: Response): Promise<string> {
  const text = (await response.text().catch(() => '')).slice(0, limits.buildLogTail);
  const code = /<Code>([^<]{1,100})<\/Code>/.exec(text)?.[1];
  const meaning = MEANINGS[response.status];
  const status = `${response.status}${code === undefined ? '' : ` ${code}`}`;
  return meaning === undefined ? `it answers ${status}` : `${meaning} (${status})`;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
