// Everything the page of a run is made of, read once and bounded: the page itself asks nobody.
import { limits } from '#schemas/limits.ts';
import type { NodeReport, RunReport, ShownStatus } from '#schemas/report.ts';
import type { Control, LogEntry } from '#service/control.ts';
import { lastLines } from '../tails.ts';
import { type Instances, instancesOf, isFailure } from './instances.ts';
import { readTimes, type Times } from './times.ts';

export interface PageNode {
  readonly id: string;
  readonly name: string;
  readonly node: NodeReport;
  /** Of a forEach node. */
  readonly instances: Instances | undefined;
}

/** Something that went wrong, with the end of its log. */
export interface Failure {
  readonly name: string;
  /** Where it stands on the page. */
  readonly id: string;
  readonly status: ShownStatus;
  readonly reason: string | undefined;
  readonly message: string | undefined;
  readonly exitCode: number | undefined;
  readonly log: readonly LogEntry[];
}

export interface PageData {
  readonly report: RunReport;
  readonly times: Times;
  readonly nodes: readonly PageNode[];
  /** Nodes that are counted only. */
  readonly nodesBeyond: number;
  readonly failures: readonly Failure[];
  readonly failuresBeyond: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly version: string;
  /** What the paths of files are shown from. */
  readonly place: { readonly dataDir: string; readonly cwd: string };
}

export async function gather(
  control: Control,
  name: string,
  about: Pick<PageData, 'now' | 'version' | 'place'>,
): Promise<PageData> {
  const report = await control.report(name);
  const times = await readTimes(control, report.run);
  const shown = chosenNodes(report, times);
  const nodes = shown.map(([id, node]) => ({
    id,
    name: node.label ?? id,
    node,
    instances: node.instances === undefined ? undefined : instancesOf(id, node.instances, times),
  }));
  const found = nodes.flatMap(failuresOf);
  const failures: Failure[] = [];
  for (const { address, ...failure } of found.slice(0, limits.reportFailures)) {
    const count = limits.reportLogLines;
    const log = await lastLines(control, report.run, { node: address, count });
    failures.push({ ...failure, log });
  }
  const all = found.length + nodes.reduce((sum, { instances }) => sum + beyond(instances), 0);
  return {
    report,
    times,
    nodes,
    nodesBeyond: Object.keys(report.nodes).length - nodes.length,
    failures,
    failuresBeyond: all - failures.length,
    ...about,
  };
}

const beyond = (instances: Instances | undefined): number => instances?.failedBeyond ?? 0;

/** In the order of the plan. Where there are too many: those that failed, then those that took longest. */
function chosenNodes(report: RunReport, times: Times): readonly (readonly [string, NodeReport])[] {
  const all = Object.entries(report.nodes);
  if (all.length <= limits.reportNodes) return all;
  const weight = ([id, node]: readonly [string, NodeReport]): number => {
    if (isFailure(node.status)) return Number.POSITIVE_INFINITY;
    const spans = times.get(id) ?? [];
    return spans.reduce((sum, { from, to = Date.parse(report.at) }) => sum + to - from, 0);
  };
  const ranked = all
    .map((entry, at) => ({ at, weight: weight(entry) }))
    // Two that failed have no difference: infinity minus itself is no number.
    .sort((a, b) => (a.weight === b.weight ? a.at - b.at : b.weight - a.weight));
  const kept = new Set(ranked.slice(0, limits.reportNodes).map(({ at }) => at));
  return all.filter((_, at) => kept.has(at));
}

/** A forEach node fails by its instances: they are told instead, unless it failed without any. */
function failuresOf({ id, name, node, instances }: PageNode) {
  const own = {
    id,
    address: id,
    name,
    status: node.status,
    reason: node.reason,
    message: node.message,
    exitCode: node.exitCode,
  };
  if (instances === undefined || instances.failed.length === 0)
    return isFailure(node.status) ? [own] : [];
  return instances.failed.map(({ instance: { index, status, reason, message } }) => ({
    ...own,
    address: `${id}[${index}]`,
    name: `${name}[${index}]`,
    status,
    reason,
    message,
    exitCode: undefined,
  }));
}
