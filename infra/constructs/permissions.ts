// Permissions are written out, action by action: what CDK's own grants allow is more than is used.
import { type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';

export function allow(
  who: IGrantable,
  actions: readonly string[],
  resources: readonly string[],
): void {
  who.grantPrincipal.addToPrincipalPolicy(
    new PolicyStatement({ actions: [...actions], resources: [...resources] }),
  );
}
