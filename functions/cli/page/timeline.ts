// The nodes of a run, one below the other, with what they did when.
import type { OperatorReport } from '#schemas/report.ts';
import type { Peaks } from '#schemas/run.ts';
import { type Operator, operatorsByNode } from '../operators-by-node.ts';
import { spellCounts } from '../render/marks.ts';
import { spellPeaks } from '../render/operators.ts';
import { shorten, spell } from '../render/words.ts';
import { instancesBar, nodeBar, operatorBar, type Scale, waitedOf } from './bars.ts';
import type { PageData, PageNode } from './gather.ts';
import { type Markup, markup } from './markup.ts';
import { statusMark } from './status.ts';
import type { Span } from './times.ts';

const TICKS = 5;
/** Characters of a message here; further below it stands in full. */
const SAID = 160;

export function timelineSection(data: PageData): Markup {
  const { report, nodes, nodesBeyond, now } = data;
  const scale = {
    from: Date.parse(report.startedAt),
    to: report.endedAt === undefined ? now : Date.parse(report.endedAt),
  };
  const operators = operatorsByNode(report);
  return markup`<section id="timeline"><h2>Timeline</h2>
<table class="timeline"><thead><tr><th>Node</th><th class="drawn">${ticks(scale)}</th><th class="number">Took</th><th class="number">CPU</th><th class="number">Memory</th><th class="number">GPU</th><th>Status</th></tr></thead>
<tbody>${nodes.map((node) => [row(node, data, scale), operatorRows(operators.get(node.id) ?? [], scale)])}</tbody></table>
${nodesBeyond > 0 ? markup`<p class="dim">… and ${nodesBeyond} more nodes, which took less time than these</p>` : undefined}
</section>`;
}

function ticks(scale: Scale): Markup {
  const texts = Array.from({ length: TICKS }, (_, at) =>
    spell(((scale.to - scale.from) * at) / (TICKS - 1)),
  );
  return markup`<span class="ticks">${texts.map((text) => markup`<span>${text}</span>`)}</span>`;
}

function row({ id, name, node, instances }: PageNode, data: PageData, scale: Scale): Markup {
  const spans = data.times.get(id) ?? [];
  const bar =
    instances === undefined ? nodeBar(node, spans, scale) : instancesBar(node, instances, scale);
  return markup`<tr><td><bdi>${name}</bdi></td><td class="drawn">${bar}</td><td class="number">${tookOf(spans, scale)}</td>${peakCells(instances?.peaks ?? node.peaks)}<td class="why">${statusMark(node.status)} ${notes({ id, name, node, instances }, spans)}</td></tr>
`;
}

/** The operators of a node, each with its own bar and peaks. */
function operatorRows(operators: readonly Operator[], scale: Scale): readonly Markup[] {
  return operators.map(([name, operator]) => {
    const bar = operatorBar(operator, scale);
    const took = operator.startedAt === undefined ? '' : spell(operator.workSeconds * 1_000);
    return markup`<tr class="operator"><td><bdi>${name}</bdi></td><td class="drawn">${bar}</td><td class="number">${took}</td>${peakCells(operator.peaks)}<td class="why">${statusMark(operator.status)} ${operatorNotes(operator)}</td></tr>
`;
  });
}

function operatorNotes(operator: OperatorReport): Markup {
  const { environment, buildSeconds, queueSeconds, status, message, reason } = operator;
  const said = message ?? reason;
  const parts = [
    status === 'completed' || said === undefined ? undefined : shorten(said, SAID),
    operator.attempts > 1 ? `${operator.attempts} attempts` : undefined,
    queueSeconds >= 0.1 ? `waited ${spell(queueSeconds * 1_000)}` : undefined,
    environment === undefined
      ? undefined
      : environment.result === 'built'
        ? `environment built in ${spell(buildSeconds * 1_000)}`
        : 'environment reused',
    operator.commit === undefined ? undefined : `commit ${operator.commit.slice(0, 12)}`,
  ];
  return joinNotes(parts);
}

/** From the first start to the last end. */
function tookOf(spans: readonly Span[], scale: Scale): string {
  const [first, last] = [spans[0], spans.at(-1)];
  if (first === undefined || last === undefined) return '';
  return spell((last.to ?? scale.to) - first.from);
}

export function peakCells(peaks: Peaks | undefined): Markup {
  const { cpu, memory, gpu } = spellPeaks(peaks);
  return markup`<td class="number">${cpu}</td><td class="number">${memory}</td><td class="number">${gpu}</td>`;
}

function decided({ decision }: PageNode['node']): string | undefined {
  if (decision === undefined) return undefined;
  const { by, comment } = decision;
  return `${decision.decision} by ${by}${comment === undefined ? '' : `: ${shorten(comment, SAID)}`}`;
}

/** What the status alone does not tell. */
function notes({ node, instances }: PageNode, spans: readonly Span[]): Markup {
  const waited = waitedOf(node, spans) ?? 0;
  const said = node.message ?? node.reason ?? node.waitsFor ?? node.progressText;
  const parts = [
    instances === undefined
      ? undefined
      : `${instances.count} instances: ${spellCounts(instances.counts)}`,
    node.attempts > 1 ? `attempt ${node.attempts}` : undefined,
    waited >= 100 ? `waited ${spell(waited)}` : undefined,
    node.seededFrom === undefined ? undefined : `from run ${node.seededFrom}`,
    node.reusedFrom === undefined ? undefined : `reused from run ${node.reusedFrom.run}`,
    node.subRun === undefined ? undefined : `run ${node.subRun}`,
    decided(node),
    node.status === 'completed' || said === undefined ? undefined : shorten(said, SAID),
  ];
  return joinNotes(parts);
}

function joinNotes(parts: readonly (string | undefined)[]): Markup {
  const told = parts.filter((part) => part !== undefined && part !== '');
  return markup`<span class="dim">${told.map((part, at) => [at > 0 ? '; ' : '', part])}</span>`;
}
