// Findings of cdk-nag that are meant so. Each is named exactly and says why; whatever is not named here stops the synthesis.
import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** `rules` maps what the finding is called to the reason for which it stands. */
export function acknowledge(scope: IConstruct, rules: Readonly<Record<string, string>>): void {
  const named = Object.entries(rules).map(([rule, reason]) => ({
    id: `AwsSolutions::AwsSolutions-${rule}`,
    reason,
  }));
  Validations.of(scope).acknowledge(...named);
}

/** A permission whose resource ends in `*`, or is nothing else. */
export function acknowledgeWildcard(scope: IConstruct, resource: string, reason: string): void {
  acknowledge(scope, { [`IAM5[Resource::${flat(scope, resource)}]`]: reason });
}

/** A policy that AWS keeps. */
export function acknowledgeManaged(scope: IConstruct, policy: string, reason: string): void {
  acknowledge(scope, { [`IAM4[Policy::${flat(scope, policy)}]`]: reason });
}

/** An address as findings spell it: what CloudFormation fills in stands in pointed brackets. */
function flat(scope: IConstruct, address: string): string {
  return spell(Stack.of(scope).resolve(address));
}

function spell(part: unknown): string {
  if (typeof part === 'string') return part;
  if (typeof part !== 'object' || part === null) return '';
  if ('Ref' in part) return `<${String(part.Ref)}>`;
  if ('Fn::GetAtt' in part && Array.isArray(part['Fn::GetAtt']))
    return `<${part['Fn::GetAtt'].join('.')}>`;
  if ('Fn::Join' in part && Array.isArray(part['Fn::Join'])) {
    const parts: unknown = part['Fn::Join'][1];
    return Array.isArray(parts) ? parts.map(spell).join('') : '';
  }
  return '';
}
