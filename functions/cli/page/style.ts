// How the page of a run looks: plain, by day and by night, on a screen and on paper.

export const STYLE = `
:root {
  color-scheme: light dark;
  --text: #1b1f24; --dim: #5b6470; --ground: #ffffff; --line: #dfe3e8; --pale: #f4f6f8;
  --good: #1a7f4b; --bad: #c62f2f; --warn: #a86400; --busy: #1668b8; --wait: #b9c1cb;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e4e8ed; --dim: #98a2ae; --ground: #14171b; --line: #30363d; --pale: #1d2126;
    --good: #45b87c; --bad: #f07070; --warn: #dfa03c; --busy: #5ba6ea; --wait: #4b545e;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem; color: var(--text); background: var(--ground);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; overflow-wrap: anywhere; }
p { margin: .25rem 0; overflow-wrap: anywhere; }
code, pre { font: 13px/1.4 ui-monospace, monospace; }
code, bdi { overflow-wrap: anywhere; }
pre { margin: .25rem 0; padding: .5rem .75rem; background: var(--pale); border: 1px solid var(--line); border-radius: 4px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
pre > span { display: block; unicode-bidi: isolate; }
.dim { color: var(--dim); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: .5rem 0; }
dt { color: var(--dim); } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 600; color: var(--dim); font-size: .85rem; }
th, td { padding: .2rem .6rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.timeline td:first-child { width: 18%; min-width: 9rem; }
.timeline tr.operator td:first-child { padding-left: 1.25rem; }
.timeline .drawn { width: 40%; min-width: 12rem; }
.timeline td.why { width: 22%; }
.ticks { display: flex; justify-content: space-between; font-weight: 400; }
svg.bar { display: block; width: 100%; height: 1.1rem; background: var(--pale); }
rect { fill: var(--dim); }
rect.is-completed { fill: var(--good); } rect.is-running, rect.is-queued { fill: var(--busy); }
rect.is-failed, rect.is-timedout { fill: var(--bad); } rect.is-again, rect.is-cancelled { fill: var(--warn); }
rect.is-wait, rect.is-skipped, rect.is-pending { fill: var(--wait); }
.status { font-weight: 600; white-space: nowrap; color: var(--dim); }
.status.is-completed { color: var(--good); } .status.is-failed, .status.is-timedout, .status.is-halted { color: var(--bad); }
.status.is-running, .status.is-queued { color: var(--busy); } .status.is-cancelled, .status.is-paused { color: var(--warn); }
.stderr { color: var(--bad); } .millrace { color: var(--warn); }
.failure { border-left: 3px solid var(--bad); padding-left: .75rem; margin: .75rem 0; }
details { border-bottom: 1px solid var(--line); padding: .3rem 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
details > :not(summary) { margin-left: 1rem; }
footer { margin-top: 2rem; font-size: .85rem; color: var(--dim); }
@media print {
  body { max-width: none; padding: 0; font-size: 11px; }
  rect { print-color-adjust: exact; } svg.bar { print-color-adjust: exact; }
  tr, .failure, h2, h3 { break-inside: avoid; } h2, h3 { break-after: avoid; }
  details::details-content { content-visibility: visible; display: block; height: auto; }
}
`;
