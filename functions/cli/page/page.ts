// A run as one HTML file that needs nothing else: no script, no network, no other file. Its policy forbids all three.
import { createHash } from 'node:crypto';
import { limits } from '#schemas/limits.ts';
import type { RunReport } from '#schemas/report.ts';
import type { LogEntry } from '#service/control.ts';
import { tally } from '../render/marks.ts';
import { clock, dayAndClock, spell } from '../render/words.ts';
import { detailsSection, shownValue } from './details.ts';
import type { Failure, PageData } from './gather.ts';
import { Markup, markup } from './markup.ts';
import { statusMark } from './status.ts';
import { STYLE } from './style.ts';
import { timelineSection } from './timeline.ts';

/** The whole page. Bounded, whatever the size of the run: see `limits.report…`. */
export function renderPage(data: PageData): string {
  const { report } = data;
  const title = `${report.name ?? report.pipeline} ${report.status.replace('_', ' ')} · ${report.run}`;
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy()}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
<title>${title}</title>
${new Markup(`<style>${STYLE}</style>`)}
</head>
<body>
${[headSection(data), timelineSection(data), failuresSection(data), detailsSection(data)]}
${[environmentsSection(report), sourcesSection(report)]}
<footer>Written by millrace ${data.version} on ${dayAndClock(data.now)}. Times are those of this machine; values and logs are cut where they are long: <code>millrace show ${report.run} --json</code> and <code>millrace logs ${report.run}</code> have all of them.</footer>
</body>
</html>
`;
  return page.html;
}

/** Nothing may be loaded and nothing may run, but for our own style and the empty icon. */
function policy(): string {
  const style = createHash('sha256').update(STYLE).digest('base64');
  return `default-src 'none'; style-src 'sha256-${style}'; img-src data:; base-uri 'none'; form-action 'none'`;
}

function headSection({ report, now, place }: PageData): Markup {
  const end = report.endedAt === undefined ? now : Date.parse(report.endedAt);
  const nodes = tally(Object.values(report.nodes).map(({ status }) => status));
  const operators = Object.values(report.operators ?? {}).map(({ status }) => status);
  const why = [report.reason, report.message].filter((part) => part !== undefined).join(': ');
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['Pipeline', report.name && report.pipeline],
    ['Run', report.run],
    ['Began', dayAndClock(Date.parse(report.startedAt))],
    ['Ended', report.endedAt === undefined ? undefined : dayAndClock(end)],
    ['Took', spell(end - Date.parse(report.startedAt))],
    ['Nodes', `${Object.keys(report.nodes).length}: ${nodes}`],
    ['Operators', operators.length === 0 ? undefined : `${operators.length}: ${tally(operators)}`],
    ['Retry of', report.retryOf],
    ['Part of', report.parent && `run ${report.parent.run}, node ${report.parent.node}`],
    ['Why', why === '' ? undefined : why],
  ];
  const inputs = Object.entries(report.inputs);
  return markup`<header>
<h1><bdi>${report.name ?? report.pipeline}</bdi> ${statusMark(report.status)}</h1>
<dl>${rows.map(([name, value]) => (value === undefined ? undefined : markup`<dt>${name}</dt><dd>${value}</dd>`))}</dl>
${inputs.length === 0 ? undefined : markup`<h2>Inputs</h2><dl>${inputs.map(([name, value]) => markup`<dt><bdi>${name}</bdi></dt><dd>${shownValue(value, place)}</dd>`)}</dl>`}
</header>`;
}

function failuresSection({ failures, failuresBeyond, report }: PageData): Markup | undefined {
  const environments = Object.entries(report.environments).filter(
    ([, { status }]) => status === 'failed' || status === 'timed_out',
  );
  if (failures.length === 0 && environments.length === 0) return undefined;
  return markup`<section id="failures"><h2>What went wrong</h2>
${environments.map(([name, { status, message, operator }]) => markup`<div class="failure"><h3>environment <bdi>${name}</bdi> ${statusMark(status)}</h3><p><code>${operator}</code></p><pre>${message}</pre></div>`)}
${failures.map(failureOf)}
${failuresBeyond > 0 ? markup`<p class="dim">… and ${failuresBeyond} more that failed</p>` : undefined}
</section>`;
}

function failureOf({ name, status, reason, message, exitCode, log }: Failure): Markup {
  // The code says more than that there was one.
  const why = exitCode === undefined ? reason : `exit code ${exitCode}`;
  return markup`<div class="failure"><h3><bdi>${name}</bdi> ${statusMark(status)} <span class="dim">${why}</span></h3>
<p>${message}</p>
${log.length === 0 ? undefined : markup`<pre class="log">${log.map(logLine)}</pre>`}</div>`;
}

function logLine({ at, stream, text }: LogEntry): Markup {
  const cut =
    text.length > limits.reportLineLength ? `${text.slice(0, limits.reportLineLength)}…` : text;
  return markup`<span><span class="dim">${clock(at)}</span> <span class="${stream}">${cut}</span></span>`;
}

function environmentsSection({ environments }: RunReport): Markup | undefined {
  const all = Object.entries(environments).slice(0, limits.reportNodes);
  if (all.length === 0) return undefined;
  const rows = all.map(([name, found]) => {
    const made =
      found.built === undefined
        ? ''
        : found.built
          ? `built in ${spell((found.seconds ?? 0) * 1000)}`
          : 'was there';
    return markup`<tr><td><bdi>${name}</bdi></td><td>${found.kind}</td><td><bdi>${found.operator}</bdi></td><td><code>${found.commit?.slice(0, 12)}</code>${found.dirty === true ? ' with changes' : ''}</td><td><code>${found.environment?.slice(0, 12)}</code> ${made}</td><td>${statusMark(found.status)}</td></tr>`;
  });
  return markup`<section id="environments"><h2>Environments</h2><table><thead><tr><th>Name</th><th>Kind</th><th>Operator</th><th>Commit</th><th>Environment</th><th>Status</th></tr></thead><tbody>${rows}</tbody></table></section>`;
}

function sourcesSection({ sources }: RunReport): Markup | undefined {
  const all = Object.entries(sources).slice(0, limits.reportNodes);
  if (all.length === 0) return undefined;
  return markup`<section id="sources"><h2>Code</h2><dl>${all.map(([name, { commit, dirty }]) => markup`<dt><bdi>${name}</bdi></dt><dd><code>${commit}</code>${dirty === true ? ' with changes' : ''}</dd>`)}</dl></section>`;
}
