// The HTTP API: routes of people and programs are guarded by IAM, those of runners by the attempt's own token.
import { RemovalPolicy } from 'aws-cdk-lib';
import {
  CfnStage,
  HttpApi,
  HttpMethod,
  HttpNoneAuthorizer,
  HttpStage,
  LogGroupLogDestination,
} from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpIamAuthorizer } from 'aws-cdk-lib/aws-apigatewayv2-authorizers';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { awsNames, awsVariables } from '#schemas/aws.ts';
import type { Stage, StageName } from '#schemas/stage.ts';
import { acknowledge } from './acknowledge.ts';
import type { Program } from './function.ts';
import { stageRules } from './stage-rules.ts';

/** Requests in a second, and how many at once, of people and programs. */
const THROTTLE = { rateLimit: 500, burstLimit: 1_000 } as const;
/**
 * The same of runners. A thousand jobs beat 33 times a second and send 200 parts of logs when all of them write all the time; an array
 * that starts claims at once. Who is refused asks again.
 */
const THROTTLE_ATTEMPTS = { ThrottlingRateLimit: 2_000, ThrottlingBurstLimit: 4_000 } as const;
const ATTEMPTS = '/attempts/{proxy+}';

export interface ApiOptions {
  readonly stage: Stage;
  /** Answers people and programs. */
  readonly api: Program;
  /** Answers runners. */
  readonly attempts: Program;
  /** Evaluates one expression against a run. */
  readonly evaluate: Program;
}

export class Api extends Construct {
  readonly http: HttpApi;
  readonly stage: HttpStage;
  /** Where runners say what they do. */
  private readonly attemptsUrl: string;

  constructor(scope: Construct, id: string, options: ApiOptions) {
    super(scope, id);
    const { stage } = options.stage;
    this.http = new HttpApi(this, 'Http', {
      apiName: awsNames(stage).base,
      createDefaultStage: false,
    });
    this.attemptsUrl =
      options.stage.attemptsUrl?.replaceAll('{api}', this.http.apiId) ??
      `${this.http.apiEndpoint}/attempts`;
    const guarded = new HttpIamAuthorizer();
    const routes = this.http.addRoutes({
      path: '/v1/{proxy+}',
      methods: [HttpMethod.ANY],
      integration: new HttpLambdaIntegration('Api', options.api.lambda),
      authorizer: guarded,
    });
    this.http.addRoutes({
      path: '/v1/{namespace}/runs/{run}/evaluation',
      methods: [HttpMethod.POST],
      integration: new HttpLambdaIntegration('Evaluate', options.evaluate.lambda),
      authorizer: guarded,
    });
    const open = this.http.addRoutes({
      path: ATTEMPTS,
      methods: [HttpMethod.POST],
      integration: new HttpLambdaIntegration('Attempts', options.attempts.lambda),
      authorizer: new HttpNoneAuthorizer(),
    });
    for (const route of open)
      acknowledge(route, {
        APIG4:
          'a container has no identity of its own: each request carries the token of its attempt',
      });
    this.stage = new HttpStage(this, 'Stage', {
      httpApi: this.http,
      stageName: '$default',
      autoDeploy: true,
      throttle: THROTTLE,
      accessLogSettings: { destination: new LogGroupLogDestination(this.accessLog(stage)) },
    });
    const raw = this.stage.node.defaultChild;
    if (CfnStage.isCfnStage(raw)) raw.routeSettings = { [`POST ${ATTEMPTS}`]: THROTTLE_ATTEMPTS };
    for (const route of [...routes, ...open]) this.stage.node.addDependency(route);
  }

  /** Tells a function where runners say what they do. */
  tellAttempts(who: Program): void {
    who.tell(awsVariables.attemptsUrl, this.attemptsUrl);
  }

  private accessLog(stage: StageName): LogGroup {
    return new LogGroup(this, 'Access', {
      logGroupName: `/millrace/${stage}/access`,
      retention: stageRules[stage].logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
    });
  }
}
