// Objects that were dropped: each becomes an event for the runs that wait for it. What nobody waits for stays where it is.
import { objectsClient } from '#aws/clients.ts';
import { createDrops } from '#aws/drops.ts';
import { objectCreated } from '#schemas/lambda.ts';
import { receiveDrop } from '#service/receive-drop.ts';
import { keepDrop } from './lib/drop-file.ts';
import { openCloud } from './lib/ports.ts';
import { ownEndpoint, settings } from './lib/settings.ts';
import { onEvent } from './lib/wrap.ts';

const own = settings('table', 'bucket', 'walker');
const { service } = openCloud({ settings: own });
const drops = createDrops({ client: objectsClient(ownEndpoint()), bucket: own.bucket });

export const handler = onEvent('drop', objectCreated, async ({ detail }, call) => {
  const { key, etag } = detail.object;
  call.note({ key });
  const { namespace, event, told } = await receiveDrop(service, { key, etag }, (of, name) =>
    keepDrop({ drops, objects: service.objects }, { key, etag }, { namespace: of, name }),
  );
  call.note({ namespace, event, runs: told.join(' ') });
  call.count(told.length === 0 ? 'DropsUnheard' : 'DropsHeard');
});
