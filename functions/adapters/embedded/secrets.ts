// Secrets on one machine: each value sealed with AES-256-GCM under a key in a file of its own (mode 0600). Names lie open.
// A value is bound to its namespace and name, so that moving it in the file does not open it elsewhere.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { Rejected } from '#errors/families.ts';
import type { Secrets } from '#ports/small.ts';
import {
  type SealedSecret,
  type SecretsFile,
  secretsFile,
  secretsVersion,
} from '#schemas/data-directory.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { refuseNewer } from '#shared/format.ts';
import { refuseName, refuseValue } from '#shared/secret-text.ts';
import { whileLocked } from './lock.ts';
import { writePrivate } from './private-file.ts';
import { keyOf } from './secret-key.ts';
import { fromSystem } from './storage-errors.ts';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export interface SecretsOptions {
  readonly file: string;
  readonly keyFile: string;
}

/** Secrets in `file`, sealed with the key in `keyFile`; both are made when the first secret is put. */
export function createSecrets(options: SecretsOptions): Secrets {
  const change = (act: (content: SecretsFile) => void): void => {
    whileLocked(`${options.file}.lock`, () => {
      const now = readContent(options.file);
      act(now);
      writePrivate(options.file, now);
    });
  };
  return {
    get: async (namespace, name) => {
      refuseName(namespace, name);
      const all = readContent(options.file);
      const value = sealedAt(all, namespace, name);
      return value === undefined ? undefined : open(options, `${namespace}/${name}`, value);
    },
    put: async (namespace, name, value) => {
      refuseName(namespace, name);
      refuseValue(name, value);
      change((all) => {
        const those = namesakes(all, namespace);
        if (!Object.hasOwn(those, name) && Object.keys(those).length >= limits.secrets) {
          throw new Rejected(
            'too_large',
            `namespace ${namespace} holds ${limits.secrets} secrets already`,
          );
        }
        // A key that does not open the others must not seal a new one.
        const first = Object.entries(those)[0];
        if (first !== undefined) open(options, `${namespace}/${first[0]}`, first[1]);
        const key = keyOf(options.keyFile, Object.keys(all.namespaces).length === 0);
        all.namespaces[namespace] = { ...those, [name]: seal(key, `${namespace}/${name}`, value) };
      });
    },
    remove: async (namespace, name) => {
      refuseName(namespace, name);
      if (sealedAt(readContent(options.file), namespace, name) === undefined) return false;
      let removed = false;
      change((all) => {
        const { [name]: gone, ...rest } = namesakes(all, namespace);
        removed = gone !== undefined;
        if (Object.keys(rest).length > 0) all.namespaces[namespace] = rest;
        else delete all.namespaces[namespace];
      });
      return removed;
    },
    names: async (namespace) => Object.keys(namesakes(readContent(options.file), namespace)).sort(),
  };
}

function namesakes(all: SecretsFile, namespace: string): Record<string, SealedSecret> {
  return Object.hasOwn(all.namespaces, namespace) ? (all.namespaces[namespace] ?? {}) : {};
}

function sealedAt(all: SecretsFile, namespace: string, name: string): SealedSecret | undefined {
  const those = namesakes(all, namespace);
  return Object.hasOwn(those, name) ? those[name] : undefined;
}

function seal(key: Buffer, subject: string, value: string): SealedSecret {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(subject));
  const data = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()]);
  const text = (bytes: Buffer): string => bytes.toString('base64');
  return { nonce: text(nonce), tag: text(cipher.getAuthTag()), data: text(data) };
}

function open(options: SecretsOptions, subject: string, value: SealedSecret): string {
  const key = keyOf(options.keyFile, false);
  try {
    const nonce = Buffer.from(value.nonce, 'base64');
    const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(subject));
    decipher.setAuthTag(Buffer.from(value.tag, 'base64'));
    const data = Buffer.concat([decipher.update(value.data, 'base64'), decipher.final()]);
    return data.toString('utf8');
  } catch (error) {
    throw new Rejected(
      'not_permitted',
      `secret ${subject}: the key in ${options.keyFile} does not open it; put the right key back, or set the secret anew after removing ${options.file}`,
      { keyFile: options.keyFile },
      error,
    );
  }
}

function readContent(file: string): SecretsFile {
  if (!existsSync(file)) return { v: FORMAT, namespaces: {} };
  const value = jsonIn(file);
  const versioned = secretsVersion.safeParse(value);
  if (versioned.success) refuseNewer(versioned.data.v, file);
  const parsed = secretsFile.safeParse(value);
  if (!parsed.success) {
    throw new Rejected(
      'invalid',
      `${file}: not a file of secrets any more; put a backup in its place, or remove it and set the secrets anew`,
      { file },
      parsed.error,
    );
  }
  return parsed.data;
}

/** Undefined where it is no JSON. */
function jsonIn(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw fromSystem(error, file);
  }
}
