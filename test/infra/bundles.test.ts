// The functions' bundles as they are deployed: how large they are, and that each starts with what its stack tells it.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Template } from 'aws-cdk-lib/assertions';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { awsNames, functionNames } from '#schemas/aws.ts';
import { remove, spelt, standIns, synthesise } from '#support/infra.ts';

const TOOL = path.resolve(import.meta.dirname, '../../tools/bundle-functions.mjs');
/** Bytes of what a function loads when it starts. */
const MOST = 1_000_000;
const run = promisify(execFile);

interface Bundles {
  readonly outputFiles: readonly { readonly path: string; readonly contents: Uint8Array }[];
  readonly metafile: {
    readonly outputs: Readonly<
      Record<
        string,
        {
          readonly bytes: number;
          readonly entryPoint?: string;
          readonly imports: readonly { readonly path: string; readonly kind: string }[];
          readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>>;
        }
      >
    >;
  };
}

const folder = mkdtempSync(path.join(tmpdir(), 'millrace-bundles-'));
const stands = standIns();
let outputs: Bundles['metafile']['outputs'];
let template: Template;
beforeAll(async () => {
  const { bundleFunctions }: { bundleFunctions(place: string): Promise<Bundles> } = await import(
    TOOL
  );
  const bundles = await bundleFunctions(folder);
  outputs = bundles.metafile.outputs;
  for (const { path: file, contents } of bundles.outputFiles) {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, contents);
  }
  template = synthesise({ stage: 'dev' }, { bundles: stands }).coreTemplate;
}, 120_000);
afterAll(() => {
  rmSync(folder, { recursive: true });
  remove(stands);
});

/** The files that are loaded with the first one. */
function loaded(name: string): readonly string[] {
  const [first] = Object.entries(outputs).flatMap(([file, { entryPoint }]) =>
    entryPoint === `functions/handlers/${name}.ts` ? [file] : [],
  );
  const files = new Set([first ?? '']);
  // A set is walked in the order of its members, those added meanwhile included.
  for (const file of files)
    for (const { path: other, kind } of outputs[file]?.imports ?? [])
      if (kind === 'import-statement' && other in outputs) files.add(other);
  return [...files];
}
const bytesOf = (files: readonly string[]): number =>
  files.reduce((sum, file) => sum + (outputs[file]?.bytes ?? 0), 0);

describe('the bundle of each function', () => {
  test.each(functionNames)('%s is small enough to start soon', (name) => {
    const files = loaded(name);
    const all = Object.keys(outputs).filter((file) => file.includes(`/${name}/`));
    process.stdout.write(
      `bundle ${name}: ${bytesOf(files)} bytes at its start, ${bytesOf(all)} in all\n`,
    );
    expect(bytesOf(files)).toBeGreaterThan(0);
    expect(bytesOf(files)).toBeLessThanOrEqual(MOST);
  });

  test('holds no way to credentials but the environment, and only clients that the function uses', () => {
    const packages = (name: string) =>
      new Set(
        Object.entries(outputs)
          .filter(([file]) => file.includes(`/${name}/`))
          .flatMap(([, { inputs }]) => Object.entries(inputs))
          .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
          .flatMap(([file]) => /@aws-sdk\/([a-z0-9-]+)/.exec(file)?.slice(1) ?? []),
      );
    const users: Readonly<Record<string, readonly string[]>> = {
      'client-batch': ['tick', 'submit', 'sweep'],
      'client-kms': ['outcome', 'attempts', 'submit'],
      'client-lambda': ['submit'],
      'client-secrets-manager': ['attempts'],
      'client-sqs': ['tick', 'alarm', 'sweep'],
      'client-sfn': functionNames.filter((name) => name !== 'evaluate'),
      'nested-clients': [],
      'credential-provider-sso': [],
    };
    for (const [client, names] of Object.entries(users))
      expect(
        functionNames.filter((name) => packages(name).has(client)),
        client,
      ).toEqual(names);
  });
});

describe('with what its stack tells it, and nothing else,', () => {
  const environmentOf = (name: (typeof functionNames)[number]): Record<string, string> => {
    const [found] = Object.values(
      template.findResources('AWS::Lambda::Function', {
        Properties: { FunctionName: awsNames('dev').function(name) },
      }),
    );
    const { Environment } = z
      .object({ Environment: z.object({ Variables: z.record(z.string(), z.unknown()) }) })
      .parse(found?.['Properties']);
    return Object.fromEntries(
      Object.entries(Environment.Variables).map(([variable, value]) => [variable, spelt(value)]),
    );
  };

  test.each(functionNames)('%s starts', async (name) => {
    const file = path.join(folder, name, 'index.mjs');
    const ask = `const { handler } = await import(${JSON.stringify(file)}); process.stdout.write(typeof handler);`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', ask], {
      env: { ...environmentOf(name), AWS_REGION: 'eu-central-1' },
    });
    expect(stdout).toBe('function');
  });
});
