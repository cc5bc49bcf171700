// `npm run aws:local`: the whole system on this machine until Ctrl-C. AWS is played by MiniStack, Batch by a small server that runs the
// program of the container; the stack is the one that is deployed to AWS.
import { once } from 'node:events';
import { buildBundles, layGround, openCloud } from './cloud.ts';
import { Programs, runnerImage } from './containers.ts';

/** Jobs that run at the same time. */
const AT_ONCE = 4;

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function main(): Promise<number> {
  say('building the functions and the job …');
  await buildBundles();
  say('starting the emulator and deploying the stack to it …');
  const laid = await layGround();
  if (laid === undefined) {
    say('MiniStack is missing: make it by `node tools/emulators.mjs`');
    return 1;
  }
  const log = (job: string, text: string) => say(`${job.slice(0, 8)} | ${text.trimEnd()}`);
  const cloud = await openCloud(laid.ground, {
    containers: new Programs(runnerImage(log)),
    atOnce: AT_ONCE,
  });
  say(`
The HTTP API   ${laid.ground.api}
AWS            ${laid.ground.endpoint}   (AWS_ENDPOINT_URL; credentials test and test)
Batch          ${cloud.batch.endpoint}

In another terminal, here:

  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1
  export MILLRACE_SERVER=${laid.ground.api} MILLRACE_SIGV4=1
  npx millrace run examples/hello/pipeline.yaml
  npx millrace run examples/fanout/pipeline.yaml -i count=8
  npx millrace logs latest

What jobs say appears below. Ctrl-C ends everything; nothing is kept.
`);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  say('ending …');
  await cloud.close();
  await laid.end();
  return 0;
}

process.exitCode = await main();
