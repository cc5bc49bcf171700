// What is folded away: outputs, steps, attempts, and the instances that matter.
import { limits } from '#schemas/limits.ts';
import type { ShownStep } from '#schemas/report.ts';
import type { Json } from '#schemas/values.ts';
import { spellCounts } from '../render/marks.ts';
import { filePath, spell } from '../render/words.ts';
import type { PageData, PageNode } from './gather.ts';
import type { Instances, Timed } from './instances.ts';
import { type Markup, markup } from './markup.ts';
import { statusMark } from './status.ts';
import { peakCells } from './timeline.ts';
import type { Span } from './times.ts';

export function detailsSection(data: PageData): Markup | undefined {
  const found = data.nodes.map((node) => detailsOf(node, data)).filter((one) => one !== undefined);
  const given = Object.entries(data.report.outputs ?? {});
  if (found.length === 0 && given.length === 0) return undefined;
  return markup`<section id="details"><h2>Outputs and details</h2>
${given.length === 0 ? undefined : outputsOf(given, data)}
${found}
</section>`;
}

function detailsOf(page: PageNode, data: PageData): Markup | undefined {
  const { id, name, node, instances } = page;
  const spans = data.times.get(id) ?? [];
  // The outputs of a forEach node are those of its instances, in a list.
  const outputs = Object.entries(node.outputs);
  const parts = [
    outputs.length === 0 ? undefined : outputsOf(outputs, data),
    instances === undefined ? undefined : spreadOf(instances),
    (node.steps?.length ?? 0) > 1 ? stepsOf(node.steps ?? []) : undefined,
    spans.length > 1 ? attemptsOf(spans) : undefined,
  ].filter((part) => part !== undefined);
  if (parts.length === 0) return undefined;
  const short = outputs.slice(0, 5).map(([output]) => output);
  return markup`<details><summary><bdi>${name}</bdi> <span class="dim">${short.join(', ')}</span></summary>${parts}</details>
`;
}

function outputsOf(outputs: readonly (readonly [string, Json])[], data: PageData): Markup {
  const shown = outputs.slice(0, limits.reportValues);
  const left = outputs.length - shown.length;
  return markup`<dl>${shown.map(([name, value]) => markup`<dt><bdi>${name}</bdi></dt><dd>${shownValue(value, data.place)}</dd>`)}</dl>${left > 0 ? markup`<p class="dim">… and ${left} more</p>` : undefined}`;
}

/** A value in full up to a length; a file as its path. */
export function shownValue(value: Json, place: PageData['place']): Markup {
  const file = filePath(value, place);
  const text = file ?? (typeof value === 'string' ? value : JSON.stringify(value));
  const most = limits.reportValueLength;
  const cut = text.length > most ? `${text.slice(0, most)}… (${text.length} characters)` : text;
  return markup`<code>${cut}</code>`;
}

function spreadOf({ count, counts, spread, failed, failedBeyond, slowest }: Instances): Markup {
  const times =
    spread === undefined
      ? undefined
      : markup`<p>An instance took ${spell(spread.median)} as a rule (median), nine of ten at most ${spell(spread.ninetieth)}; from ${spell(spread.least)} to ${spell(spread.most)}.</p>`;
  return markup`<p>${count} instances: ${spellCounts(counts)}</p>${times}
${instanceTable(failedBeyond > 0 ? `Failed (the first ${failed.length})` : 'Failed', failed)}
${failedBeyond > 0 ? markup`<p class="dim">… and ${failedBeyond} more that failed</p>` : undefined}
${instanceTable('Slowest', slowest)}`;
}

function instanceTable(title: string, rows: readonly Timed[]): Markup | undefined {
  if (rows.length === 0) return undefined;
  const lines = rows.map(
    ({ instance: { index, status, attempts, reason, message }, took }) =>
      markup`<tr><td class="number">${index}</td><td>${statusMark(status)}</td><td class="number">${took === undefined ? '' : spell(took)}</td><td class="number">${attempts}</td><td>${message ?? reason}</td></tr>`,
  );
  return markup`<table><thead><tr><th class="number">${title}</th><th>Status</th><th class="number">Took</th><th class="number">Attempts</th><th></th></tr></thead><tbody>${lines}</tbody></table>`;
}

function stepsOf(steps: readonly ShownStep[]): Markup {
  const rows = steps.slice(0, limits.reportValues).map((step) => {
    const { startedAt, endedAt } = step;
    const took =
      startedAt === undefined || endedAt === undefined
        ? ''
        : spell(Date.parse(endedAt) - Date.parse(startedAt));
    return markup`<tr><td><bdi>${step.label ?? step.id}</bdi></td><td>${statusMark(step.status)}</td><td class="number">${took}</td>${peakCells(step.peaks)}<td>${step.message}</td></tr>`;
  });
  return markup`<table><thead><tr><th>Step</th><th>Status</th><th class="number">Took</th><th class="number">CPU</th><th class="number">Memory</th><th class="number">GPU</th><th></th></tr></thead><tbody>${rows}</tbody></table>`;
}

function attemptsOf(spans: readonly Span[]): Markup {
  const rows = spans.slice(0, limits.retryAttempts).map(({ from, to, how }, at) => {
    const took = to === undefined ? '' : spell(to - from);
    const ended =
      how === 'retrying' ? 'failed, another follows' : (how ?? 'running').replace('_', ' ');
    return markup`<tr><td class="number">${at + 1}</td><td class="number">${took}</td><td>${ended}</td></tr>`;
  });
  return markup`<table><thead><tr><th class="number">Attempt</th><th class="number">Took</th><th>Ended</th></tr></thead><tbody>${rows}</tbody></table>`;
}
