// The page of a run from a report alone: bounded, escaped, the same for the same run.
import { expect, test } from 'vitest';
import { gather } from '#cli/page/gather.ts';
import { markup } from '#cli/page/markup.ts';
import { renderPage } from '#cli/page/page.ts';
import type { NodeReport } from '#schemas/report.ts';
import { aReport, BEGAN, fakeControl, iso } from '#support/fake-control.ts';

const about = { now: BEGAN + 60_000, version: '1.2.3', place: { dataDir: '/d', cwd: '/d' } };

test('whatever is put into markup is text, in elements and in attributes', () => {
  const hostile = `<script>&"'\`\u0007`;
  expect(markup`<a title="${hostile}">${hostile}</a>`.html).toBe(
    '<a title="&lt;script&gt;&amp;&quot;&#39;&#96; ">&lt;script&gt;&amp;&quot;&#39;&#96; </a>',
  );
  expect(markup`<p>${[markup`<b>${1}</b>`, undefined, '<']}</p>`.html).toBe('<p><b>1</b>&lt;</p>');
});

test('a run of 50,000 instances makes a small page: counts, spread, the slowest and the first that failed', async () => {
  const count = 50_000;
  const status = (index: number) => (index % 100 === 7 ? 'failed' : 'completed');
  const instances: NonNullable<NodeReport['instances']> = Array.from(
    { length: count },
    (_, index) => ({
      index,
      status: status(index),
      attempts: 1,
      outputs: {},
      ...(status(index) === 'failed' ? { reason: 'exit', message: `no <b>${index}</b>` } : {}),
    }),
  );
  const control = fakeControl(
    aReport(
      {
        wide: { status: 'failed', attempts: 1, startedAt: iso(0), endedAt: iso(50_000), instances },
      },
      { status: 'failed', endedAt: iso(50_000) },
    ),
  );
  control.tell('wide.started', { node: 'wide', attempt: 1, at: iso(0) });
  for (let index = 0; index < count; index += 1) {
    const node = `wide[${index}]`;
    control.tell(`${node}.started`, { node, attempt: 1, at: iso(index) });
    control.tell(`${node}.${status(index)}`, {
      node,
      attempt: 1,
      at: iso(index + 10 + (index % 1000)),
    });
  }
  const page = renderPage(await gather(control, 'latest', about));
  expect(page.length).toBeLessThan(200_000);
  expect(page).toContain('50000 instances: 49500 completed, 500 failed');
  expect(page).toContain('… and 450 more that failed');
  expect(page).toContain('wide[7]');
  expect(page).not.toContain('wide[49907]');
  expect(page).not.toContain('<b>');
  // Waiting times go from 10 to 1,009 ms: the slowest are among those that end in 999.
  expect(page).toMatch(/Slowest.*<td class="number">999<\/td>/s);
});

test('of a run of many nodes those that failed and the slowest are listed, in order, and the rest counted', async () => {
  const nodes = Object.fromEntries(
    Array.from({ length: 3_000 }, (_, at) => [
      `n${at}`,
      { status: at === 2_999 ? ('failed' as const) : ('completed' as const), attempts: 1 },
    ]),
  );
  const control = fakeControl(aReport(nodes, { status: 'failed', endedAt: iso(1_000) }));
  for (const [at, took] of [
    [5, 900],
    [1_500, 800],
  ] as const) {
    const node = `n${at}`;
    control.tell(`${node}.started`, { node, attempt: 1, at: iso(0) });
    control.tell(`${node}.completed`, { node, attempt: 1, at: iso(took) });
  }
  const page = renderPage(await gather(control, 'latest', about));
  expect(page).toContain('… and 2000 more nodes');
  for (const name of ['n5', 'n1500', 'n2999']) expect(page).toContain(`<bdi>${name}</bdi>`);
});

test('a run that is not over is drawn up to now, with what it waits for', async () => {
  const control = fakeControl(
    aReport({
      a: { status: 'running', attempts: 1, startedAt: iso(1_000), progressText: 'half way' },
      b: { waitsFor: 'event:a.completed', label: '<img src=x>' },
    }),
  );
  control.tell('a.started', { node: 'a', attempt: 1, at: iso(1_000) });
  const page = renderPage(await gather(control, 'latest', about));
  expect(page).toContain('<bdi>&lt;img src=x&gt;</bdi>');
  expect(page).toContain('half way');
  expect(page).toContain('event:a.completed');
  expect(page).toContain('running 59 s, from 1.0 s on');
});

test('instances are told by how long they worked, not by how long they waited; peaks are those of all together', async () => {
  const instance = { status: 'completed', attempts: 1, outputs: {} } as const;
  const control = fakeControl(
    aReport(
      {
        each: {
          status: 'completed',
          attempts: 1,
          endedAt: iso(9_000),
          instances: [
            { ...instance, index: 0, seconds: 8, peaks: { cpuSeconds: 1.5, memoryBytes: 2 ** 21 } },
            {
              ...instance,
              index: 1,
              seconds: 1,
              peaks: {
                cpuSeconds: 2,
                memoryBytes: 2 ** 20,
                gpuMemoryBytes: 2 ** 31,
                gpuPercent: 97,
              },
            },
          ],
        },
        review: {
          status: 'completed',
          attempts: 1,
          decision: { decision: 'approved', by: 'ana', at: BEGAN, comment: '<i>fine</i>' },
        },
      },
      { status: 'completed', endedAt: iso(9_000), outputs: { answer: 42 } },
    ),
  );
  for (const index of [0, 1]) {
    const node = `each[${index}]`;
    control.tell(`${node}.started`, { node, attempt: 1, at: iso(0) });
    control.tell(`${node}.completed`, { node, attempt: 1, at: iso(index === 0 ? 8_000 : 9_000) });
  }
  const page = renderPage(await gather(control, 'latest', about));
  expect(page).toContain('from 1.0 s to 8.0 s');
  expect(page).toContain('at most 1 at a time');
  const cells = ['3.5 s', '2.0 MiB', '2.0 GiB, 97 %'];
  expect(page).toContain(cells.map((cell) => `<td class="number">${cell}</td>`).join(''));
  expect(page).toContain('approved by ana: &lt;i&gt;fine');
  expect(page).toContain('<dt><bdi>answer</bdi></dt><dd><code>42</code></dd>');
});
