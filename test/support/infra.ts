// The stacks as templates, made once for each stage. Bundles are stand-ins: what is in them is no matter here.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as z from 'zod';
import { type Millrace, makeMillrace, readStage } from '#infra/app.ts';
import { functionNames } from '#schemas/aws.ts';
import type { Stage } from '#schemas/stage.ts';

const statement = z.object({
  Action: z.union([z.string(), z.array(z.string())]),
  Effect: z.string(),
  Resource: z.unknown(),
});
const policy = z.object({
  Properties: z.object({
    PolicyDocument: z.object({ Statement: z.array(statement) }),
    Roles: z.array(z.object({ Ref: z.string() })),
  }),
});

export type Permission = { readonly action: string; readonly resource: string };

export function stageOf(given: Record<string, string>): Stage {
  const read = readStage((name) => given[name]);
  if ('problems' in read) throw new Error(read.problems);
  return read.stage;
}

/** Stand-ins of the bundles, in a folder of their own: what is made from them lies beside, and is removed with it. */
export function standIns(): string {
  const folder = path.join(mkdtempSync(path.join(tmpdir(), 'millrace-infra-')), 'bundles');
  for (const name of functionNames) {
    mkdirSync(path.join(folder, name), { recursive: true });
    writeFileSync(
      path.join(folder, name, 'index.mjs'),
      `export const handler = async () => '${name}';\n`,
    );
  }
  return folder;
}

export interface Making {
  readonly bundles: string;
  readonly environment?: { readonly account: string; readonly region: string };
  /** What look-ups of CDK are answered with. */
  readonly context?: Readonly<Record<string, unknown>>;
}

/** The stacks before they are synthesised. */
export function construct(given: Record<string, string>, making: Making): Millrace {
  const app = new App({
    outdir: mkdtempSync(path.join(making.bundles, '../out-')),
    context: making.context ?? {},
  });
  return makeMillrace(app, stageOf(given), making);
}

export function remove(bundles: string): void {
  rmSync(path.dirname(bundles), { recursive: true, force: true });
}

export interface Synthesised {
  readonly coreTemplate: Template;
  readonly computeTemplate: Template;
}

/** The templates. cdk-nag is not asked here. */
export function synthesise(given: Record<string, string>, making: Making): Synthesised {
  const { core, compute } = construct(given, making);
  return { coreTemplate: Template.fromStack(core), computeTemplate: Template.fromStack(compute) };
}

/** An address with the names of what CloudFormation fills in: `<Table.Arn>`. */
export function spelt(part: unknown): string {
  if (typeof part === 'string') return part;
  const joined = z
    .object({ 'Fn::Join': z.tuple([z.string(), z.array(z.unknown())]) })
    .safeParse(part);
  if (joined.success) return joined.data['Fn::Join'][1].map(spelt).join('');
  const attribute = z.object({ 'Fn::GetAtt': z.array(z.string()) }).safeParse(part);
  if (attribute.success) return `<${attribute.data['Fn::GetAtt'].join('.')}>`;
  const reference = z.object({ Ref: z.string() }).safeParse(part);
  return reference.success ? `<${reference.data.Ref}>` : JSON.stringify(part);
}

/** What the roles whose names begin so may do. */
export function permissionsOf(template: Template, role: string): readonly Permission[] {
  return Object.values(template.findResources('AWS::IAM::Policy'))
    .map((resource) => policy.parse(resource).Properties)
    .filter(({ Roles }) => Roles.some(({ Ref }) => Ref.startsWith(role)))
    .flatMap(({ PolicyDocument }) => PolicyDocument.Statement)
    .flatMap(({ Action, Resource }) =>
      [Action].flat().flatMap((action) =>
        (Array.isArray(Resource) ? Resource : [Resource]).map((resource) => ({
          action,
          resource: spelt(resource),
        })),
      ),
    );
}
