// Ticks of the walker's machine: each takes its run as far as it can go now, and answers by its token.
import { setTimeout as sleep } from 'node:timers/promises';
import { tickOrder } from '#schemas/walker.ts';
import { tickRun } from '#service/tick-run.ts';
import { openWork, workSettings } from './lib/jobs.ts';
import { openCloud } from './lib/ports.ts';
import { settings } from './lib/settings.ts';
import { sayTicked } from './lib/ticked.ts';
import { onEvent } from './lib/wrap.ts';

const own = settings('table', 'walker', ...workSettings);
const cloud = openCloud({ settings: own, ports: openWork(own) });

export const handler = onEvent('tick', tickOrder, async (order, call) => {
  const { namespace, run, walk, tick, retry } = order;
  call.note({ namespace, run, walk, tick, retry });
  const parts = { ...cloud, remaining: () => call.remaining(), sleep };
  sayTicked(order, await tickRun(parts, order), call);
});
