// Orders as messages of the submit queue. Instances of a node that follow one another are one message: they become one array of jobs.
import { createHash } from 'node:crypto';
import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { Defect, Transient } from '#errors/families.ts';
import type { Objects } from '#ports/objects.ts';
import { objectPrefix } from '#schemas/aws.ts';
import { FORMAT } from '#schemas/ids.ts';
import { limits } from '#schemas/limits.ts';
import { type Submission, submission } from '#schemas/submission.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { asked } from './service-errors.ts';

export interface SubmitQueue {
  readonly client: SQSClient;
  readonly queueUrl: string;
  /** Where orders lie that are too large to travel. */
  readonly objects: Objects;
}

/** What becomes one message. */
interface Group {
  readonly orders: readonly [WorkOrder, ...WorkOrder[]];
  /** An order each, as JSON. */
  readonly lines: readonly string[];
}

interface Message {
  readonly namespace: string;
  readonly body: string;
}

/** Puts orders into the queue. Returns when all of them will be submitted; rejected, some of them may be. */
export async function sendOrders(
  queue: SubmitQueue,
  orders: readonly WorkOrder[],
  { again }: { readonly again: boolean } = { again: false },
): Promise<void> {
  const messages = await Promise.all(
    groupOrders(orders).map(async (group): Promise<Message> => {
      const submitted = await submissionOf(queue.objects, group);
      const body = JSON.stringify(again ? { ...submitted, again } : submitted);
      return { namespace: submitted.namespace, body };
    }),
  );
  await Promise.all(batchesOf(messages).map((batch) => sendBatch(queue, batch)));
}

/** Instances beside each other are together, as long as each finds its order quickly among those of the others. */
export function groupOrders(orders: readonly WorkOrder[]): readonly Group[] {
  const groups: { orders: [WorkOrder, ...WorkOrder[]]; lines: string[]; bytes: number }[] = [];
  for (const order of orders) {
    const line = JSON.stringify(order);
    const bytes = Buffer.byteLength(line) + 1;
    const group = groups.at(-1);
    const last = group?.orders.at(-1);
    const joins =
      group !== undefined &&
      last !== undefined &&
      isNext(last, order) &&
      group.orders.length < limits.arrayJobs &&
      group.bytes + bytes <= limits.arrayBytes;
    if (!joins) groups.push({ orders: [order], lines: [line], bytes });
    else {
      group.orders.push(order);
      group.lines.push(line);
      group.bytes += bytes;
    }
  }
  return groups;
}

function isNext(last: WorkOrder, order: WorkOrder): boolean {
  return (
    order.work.kind === 'steps' &&
    last.instance !== undefined &&
    order.instance === last.instance + 1 &&
    order.node === last.node &&
    order.name.attempt === last.name.attempt &&
    order.name.run === last.name.run &&
    order.name.namespace === last.name.namespace
  );
}

async function submissionOf(objects: Objects, { orders, lines }: Group): Promise<Submission> {
  const [first] = orders;
  const { name, work } = first;
  const { namespace, run, attempt } = name;
  const from = first.instance ?? 0;
  const isArray = orders.length > 1;
  return submission.parse({
    ...{ v: FORMAT, namespace, run, pipeline: first.pipeline, node: first.node, attempt },
    address: isArray ? first.node : name.address,
    ...(isArray ? { instances: [from, from + orders.length - 1] } : {}),
    kind: work.kind,
    ...(work.kind === 'function' ? { function: work.name } : {}),
    orders: await placeOf(objects, { orders, lines }),
    ...(first.resources === undefined ? {} : { resources: first.resources }),
    ...(first.timeout === undefined ? {} : { timeout: first.timeout }),
  });
}

async function placeOf(objects: Objects, { orders, lines }: Group): Promise<Submission['orders']> {
  const [order] = orders;
  const [line = ''] = lines;
  if (lines.length === 1 && Buffer.byteLength(line) <= limits.orderInlineBytes) return { order };
  const text = Buffer.from(lines.map((each) => `${each}\n`).join(''));
  const { namespace, run } = order.name;
  // Named by what it holds: orders that are made again may say that they were made later.
  const name = createHash('sha256').update(text).digest('hex').slice(0, 32);
  const key = `${objectPrefix}${namespace}/orders/${run}/${name}.jsonl`;
  await objects.put(key, text, { mediaType: 'application/jsonl' });
  return { key };
}

function batchesOf(messages: readonly Message[]): readonly (readonly Message[])[] {
  const batches: { messages: Message[]; bytes: number }[] = [];
  for (const message of messages) {
    const bytes = Buffer.byteLength(message.body);
    const batch = batches.at(-1);
    const joins =
      batch !== undefined &&
      batch.messages.length < limits.queueBatch &&
      batch.bytes + bytes <= limits.queueBatchBytes;
    if (!joins) batches.push({ messages: [message], bytes });
    else {
      batch.messages.push(message);
      batch.bytes += bytes;
    }
  }
  return batches.map((batch) => batch.messages);
}

/** What one namespace sends does not hold up what others do: the queue is fair between groups. */
async function sendBatch(
  { client, queueUrl }: SubmitQueue,
  messages: readonly Message[],
): Promise<void> {
  const tried = { subject: 'orders for the submitter', permission: 'sqs:SendMessage' };
  let left = messages.map((message, index) => ({ ...message, id: String(index) }));
  for (let turn = 1; turn <= limits.storeTries && left.length > 0; turn += 1) {
    const command = new SendMessageBatchCommand({
      QueueUrl: queueUrl,
      Entries: left.map(({ id, namespace, body }) => ({
        ...{ Id: id, MessageBody: body, MessageGroupId: namespace },
      })),
    });
    const { Failed = [] } = await asked(tried, () => client.send(command));
    const blamed = Failed.find(({ SenderFault }) => SenderFault === true);
    if (blamed !== undefined)
      throw new Defect(`the submit queue refuses an order: ${blamed.Code}: ${blamed.Message}`);
    const failed = new Set(Failed.map(({ Id }) => Id));
    left = left.filter(({ id }) => failed.has(id));
  }
  if (left.length > 0)
    throw new Transient('busy', `the submit queue did not take ${left.length} orders`);
}
