// Bodies that are nested deeply are the fault of who sends them, and not ours.
import { expect, test } from 'vitest';
import { createApplication } from '#http/application.ts';
import { endpoints } from '#http/endpoints.ts';
import { readJson } from '#http/read-json.ts';
import { fakeControl, RUN } from '#support/fake-control.ts';

const nested = (times: number): string => '['.repeat(times) + ']'.repeat(times);

async function statusOf(payload: string): Promise<number> {
  const application = createApplication(() => fakeControl(), { endpoints });
  const body = `{"event":"external.go","payload":${payload}}`;
  const url = `http://x/v1/default/runs/${RUN}/events`;
  return (await application(new Request(url, { method: 'POST', body }))).status;
}

test('what is nested too deeply to be looked through is refused, and no defect', async () => {
  for (const times of [5_000, 200_000]) expect(await statusOf(nested(times))).toBe(400);
  expect(await statusOf(nested(900))).toBe(200);
});

test('brackets in texts are none, and many beside one another are not deep', () => {
  const text = JSON.stringify(['['.repeat(5_000), '\\"[['.repeat(2_000), '\\']);
  expect(readJson(text)).toHaveLength(3);
  expect(readJson(`[${Array(5_000).fill('[]').join(',')}]`)).toHaveLength(5_000);
});
