import { afterEach, beforeEach, expect, test } from 'vitest';
import { AttemptsServer } from '#support/attempts-server.ts';
import { type JobOptions, JobProcess } from './job-process.ts';
import { anOrder } from './orders.ts';

let server: AttemptsServer;
const jobs: JobProcess[] = [];

beforeEach(async () => {
  server = await new AttemptsServer().listen();
});

afterEach(async () => {
  await Promise.all(jobs.splice(0).map((job) => job.remove()));
  await server.close();
});

function begin(options: JobOptions): JobProcess {
  const job = new JobProcess(server, options);
  jobs.push(job);
  return job;
}

test('an order is claimed, done and reported, with its log', async () => {
  const job = begin({ order: anOrder(['echo hello; echo n=42 >> "$MILLRACE_OUTPUTS"']) });
  expect(await job.ended(), job.stderr).toBe(0);
  expect(server.report()?.result).toEqual({ result: 'completed', outputs: { n: 42 } });
  expect(server.log().map(({ text }) => text)).toEqual(['hello']);
});
