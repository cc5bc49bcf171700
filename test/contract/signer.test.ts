// Signing with a file of keys: the contract, then what only a file can meet.
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSigner } from '#embedded/signer.ts';
import { limits } from '#schemas/limits.ts';
import { signerContract } from './signer-contract.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-signer-'));
  file = join(folder, 'signing.keys');
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

signerContract('a file of keys', () => {
  const signer = createSigner(file);
  return {
    signer,
    again: () => createSigner(file),
    rotated: async () => {
      await signer.rotate();
      return signer;
    },
    close: () => {},
  };
});

describe('keys in a file', () => {
  const bytes = Buffer.from('x');

  test('are made when they are asked for first, for their owner only', async () => {
    const signer = createSigner(file);
    expect(existsSync(file)).toBe(false);
    await signer.publicKeys();
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('are made once, by whoever is first', async () => {
    const signers = Array.from({ length: 4 }, () => createSigner(file));
    const keys = await Promise.all(signers.map((signer) => signer.publicKeys()));
    expect(new Set(keys.map(([{ kid }]) => kid)).size).toBe(1);
  });

  test('others may read are refused with the cure', async () => {
    const signer = createSigner(file);
    const [{ kid }] = await signer.publicKeys();
    chmodSync(file, 0o640);
    const refused = { code: 'not_permitted', message: expect.stringContaining('chmod 600') };
    await expect(signer.sign(kid, bytes)).rejects.toMatchObject(refused);
    await expect(signer.rotate()).rejects.toMatchObject(refused);
  });

  test('a spoilt file and one of a newer format are said, and stay as they are', async () => {
    const signer = createSigner(file);
    for (const [content, code] of [
      ['{"v":1', 'invalid'],
      ['{"v":1,"keys":[]}', 'invalid'],
      ['{"v":9}', 'newer_format'],
    ] as const) {
      writeFileSync(file, content, { mode: 0o600 });
      await expect(signer.publicKeys()).rejects.toMatchObject({ code });
      await expect(signer.rotate()).rejects.toMatchObject({ code });
      expect(readFileSync(file, 'utf8')).toBe(content);
    }
  });

  test('the oldest goes when there are as many as there may be', async () => {
    const signer = createSigner(file);
    const [first] = await signer.publicKeys();
    for (let turn = 1; turn < limits.signingKeys; turn += 1) await signer.rotate();
    expect((await signer.publicKeys()).at(-1)).toEqual(first);
    const newest = await signer.rotate();
    const keys = await signer.publicKeys();
    expect(keys).toHaveLength(limits.signingKeys);
    expect(keys[0].kid).toBe(newest);
    expect(keys).not.toContainEqual(first);
  });
});
