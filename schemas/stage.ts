// A stage: one installation on AWS, and what may be chosen about it. Given as `cdk … -c name=value`, so everything arrives as text.
import * as z from 'zod';
import { limits } from './limits.ts';

const stageName = z.enum(['dev', 'staging', 'prod']);
export type StageName = z.infer<typeof stageName>;

const whole = (least: number, most: number) => z.coerce.number().int().min(least).max(most);

export const stage = z
  .strictObject({
    stage: stageName.default('dev'),
    /** Who is told of alarms. */
    alarmEmail: z.email().exactOptional(),
    /** A network that is there already; otherwise one is made. */
    vpcId: z
      .string()
      .regex(/^vpc-[0-9a-f]{8,17}$/, 'must be the id of a VPC: vpc-0123456789abcdef0')
      .exactOptional(),
    /** Which images of the runner are used. */
    imageTag: z
      .string()
      .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/, 'must be the tag of an image')
      .default('latest'),
    /** vCPUs that each of the compute environments may grow to. */
    maxvCpus: whole(1, 10_000).default(256),
    /** Small in tests, so that an execution hands over soon. */
    ticksPerExecution: whole(2, limits.ticksPerExecution).default(limits.ticksPerExecution),
    /** Batch played by somebody else. */
    batchEndpoint: z.url({ protocol: /^https?$/ }).exactOptional(),
    /** Where runners find the API, when its own name leads nowhere; `{api}` stands for the API's id. */
    attemptsUrl: z.url({ protocol: /^https?$/ }).exactOptional(),
  })
  .superRefine((chosen, context) => {
    const refuse = (name: string, message: string) =>
      context.addIssue({ code: 'custom', path: [name], message });
    if (chosen.stage === 'prod' && chosen.alarmEmail === undefined)
      refuse('alarmEmail', 'prod wants an address that is told of alarms: -c alarmEmail=…');
    if (chosen.stage === 'dev') return;
    if (chosen.batchEndpoint !== undefined)
      refuse('batchEndpoint', `only dev may use another Batch; the stage is ${chosen.stage}`);
    if (chosen.attemptsUrl !== undefined)
      refuse('attemptsUrl', `only dev may be told another address; the stage is ${chosen.stage}`);
  });
export type Stage = z.infer<typeof stage>;
