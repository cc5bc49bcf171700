// What a page says of the instances of a forEach node: how many ended how, how long they took, and which of them matter.
import { joinPeaks } from '#runner/world.ts';
import { limits } from '#schemas/limits.ts';
import type { NodeReport, ShownStatus } from '#schemas/report.ts';
import type { Peaks } from '#schemas/run.ts';
import type { Span, Times } from './times.ts';

type Instance = NonNullable<NodeReport['instances']>[number];

/** An instance with how long it worked, milliseconds. */
export interface Timed {
  readonly instance: Instance;
  readonly took: number | undefined;
}

export interface Instances {
  readonly count: number;
  readonly counts: ReadonlyMap<ShownStatus, number>;
  /** Milliseconds; absent while none has ended. */
  readonly spread: { least: number; median: number; ninetieth: number; most: number } | undefined;
  readonly failed: readonly Timed[];
  readonly failedBeyond: number;
  readonly slowest: readonly Timed[];
  /** When they worked: what the last attempt of each waited for room is left out. */
  readonly spans: readonly Span[];
  /** Of all together: the most memory that one of them took, the processor time of all. */
  readonly peaks: Peaks;
}

export function instancesOf(id: string, instances: readonly Instance[], times: Times): Instances {
  const counts = new Map<ShownStatus, number>();
  const timed: Timed[] = [];
  const spans: Span[] = [];
  for (const instance of instances) {
    counts.set(instance.status, (counts.get(instance.status) ?? 0) + 1);
    const own = withoutWaiting(times.get(`${id}[${instance.index}]`) ?? [], instance);
    for (const span of own) spans.push(span);
    timed.push({ instance, took: tookOf(own) });
  }
  const failed = timed.filter(({ instance }) => isFailure(instance.status));
  const ended = timed.filter(({ took }) => took !== undefined);
  ended.sort((a, b) => (b.took ?? 0) - (a.took ?? 0));
  return {
    count: instances.length,
    counts,
    spread: spreadOf(ended),
    failed: failed.slice(0, limits.reportFailures),
    failedBeyond: Math.max(0, failed.length - limits.reportFailures),
    slowest: ended.slice(0, limits.reportSlowest),
    spans,
    peaks: joinPeaks(instances.map(({ peaks }) => peaks)),
  };
}

/** An attempt is started when it may start; its program begins when there is room on the machine. */
function withoutWaiting(spans: readonly Span[], { seconds }: Instance): readonly Span[] {
  const last = spans.at(-1);
  if (last?.to === undefined || seconds === undefined) return spans;
  const from = Math.max(last.from, last.to - seconds * 1000);
  return [...spans.slice(0, -1), { ...last, from }];
}

export function isFailure(status: ShownStatus): boolean {
  return status === 'failed' || status === 'timed_out';
}

/** Undefined while it has not ended. */
function tookOf(spans: readonly Span[]): number | undefined {
  if (spans.length === 0) return undefined;
  let took = 0;
  for (const { from, to } of spans) {
    if (to === undefined) return undefined;
    took += to - from;
  }
  return took;
}

/** Of times that fall from the first to the last. */
function spreadOf(ended: readonly Timed[]): Instances['spread'] {
  const at = (share: number) => ended[Math.floor((ended.length - 1) * share)]?.took;
  const [most, ninetieth, median, least] = [at(0), at(0.1), at(0.5), at(1)];
  if (most === undefined || ninetieth === undefined || median === undefined || least === undefined)
    return undefined;
  return { least, median, ninetieth, most };
}
