// Stands in for the tick: does what the order's namespace says, and leaves the order in the bucket.
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { SendTaskSuccessCommand, SFNClient } from '@aws-sdk/client-sfn';

const objects = new S3Client({ forcePathStyle: true });
const machines = new SFNClient({});

interface Order {
  readonly namespace: string;
  readonly run: string;
  readonly tick: number;
  readonly retry: number;
  readonly token: string;
}

export async function handler(order: Order): Promise<void> {
  // The emulator waits for a first line.
  process.stdout.write(`tick ${order.tick} of ${order.run}\n`);
  const at = [order.tick, order.retry].map((each) => `${each}`.padStart(6, '0')).join('-');
  await objects.send(
    new PutObjectCommand({
      Bucket: process.env['MILLRACE_BUCKET'],
      Key: `NS/${order.namespace}/${order.run}/${at}`,
      Body: JSON.stringify(order),
    }),
  );
  const next = decision(order);
  if (next === undefined) return;
  const output = JSON.stringify({ next });
  await machines.send(new SendTaskSuccessCommand({ taskToken: order.token, output }));
}

/** `count-12`: done at the twelfth tick. `park`: waits for somebody else to answer. `fail`: halted. */
function decision({ namespace, tick }: Order): string | undefined {
  if (namespace === 'park' && tick === 0) return;
  if (namespace === 'fail') return 'fail';
  const most = Number(namespace.split('-')[1] ?? 1);
  return tick + 1 < most ? 'tick' : 'done';
}
