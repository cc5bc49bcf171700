// The key that attempt tokens are signed with. It never leaves KMS.
import { Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { awsVariables } from '#schemas/aws.ts';
import type { StageName } from '#schemas/stage.ts';
import type { Program } from './function.ts';
import { allow } from './permissions.ts';
import { stageRules } from './stage-rules.ts';

export class Signer extends Construct {
  readonly key: Key;

  constructor(scope: Construct, id: string, stage: StageName) {
    super(scope, id);
    this.key = new Key(this, 'Key', {
      description: 'Millrace: signs attempt tokens',
      keySpec: KeySpec.ECC_NIST_EDWARDS25519,
      keyUsage: KeyUsage.SIGN_VERIFY,
      removalPolicy: stageRules[stage].dataRemoval,
    });
  }

  grantSign(who: Program): void {
    this.grantVerify(who);
    allow(who, ['kms:Sign'], [this.key.keyArn]);
  }

  grantVerify(who: Program): void {
    who.tell(awsVariables.signingKey, this.key.keyArn);
    allow(who, ['kms:GetPublicKey'], [this.key.keyArn]);
  }
}
