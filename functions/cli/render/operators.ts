// The operators of a production line that has ended, as a table: where their time went, and what they took at most.
import type { OperatorReport, RunReport } from '#schemas/report.ts';
import type { Peaks } from '#schemas/run.ts';
import { mark, tally } from './marks.ts';
import type { Palette } from './palette.ts';
import { renderTable } from './table.ts';
import { plain, shorten, spell, spellBytes } from './words.ts';

/** Operators that are listed; those that took longest stay. */
const MOST = 60;
const NAME_WIDTH = 40;
const COLUMNS = ['waited', 'build', 'work', 'CPU', 'memory', 'GPU', 'environment', 'commit'];

export function operatorLines(report: RunReport, paint: Palette): readonly string[] {
  const all = Object.entries(report.operators ?? {});
  if (all.length === 0 || report.endedAt === undefined) return [];
  const longest = all.toSorted((a, b) => b[1].workSeconds - a[1].workSeconds).slice(0, MOST);
  const kept = all.filter((operator) => longest.includes(operator));
  const rows = kept.map(([name, operator]) => [
    `  ${mark(operator.status, paint)} ${shorten(name, NAME_WIDTH)}`,
    ...cellsOf(operator),
  ]);
  // What none of them has, as a graphics processor, takes no room.
  const filled = COLUMNS.map((_, at) => rows.some((row) => row[at + 1] !== ''));
  const shown = [['operators', ...COLUMNS], ...rows].map((row) =>
    row.filter((_, at) => at === 0 || filled[at - 1] === true),
  );
  const left = all.length - kept.length;
  const counted = tally(all.map(([, { status }]) => status));
  return [
    ...renderTable(shown).split('\n'),
    paint.dim(`  ${counted}`),
    ...(left === 0 ? [] : [paint.dim(`  … and ${left} more: millrace show ${report.run} --json`)]),
  ];
}

function cellsOf(operator: OperatorReport): readonly string[] {
  const { attempts, environment, commit, queueSeconds, buildSeconds, workSeconds } = operator;
  const { cpu, memory, gpu } = spellPeaks(operator.peaks);
  const tries = attempts > 1 ? ` in ${attempts} attempts` : '';
  return [
    queueSeconds < 0.1 ? '' : spell(queueSeconds * 1_000),
    buildSeconds === 0 ? '' : spell(buildSeconds * 1_000),
    attempts === 0 ? '' : `${spell(workSeconds * 1_000)}${tries}`,
    ...[cpu, memory, gpu],
    environment?.result ?? '',
    plain(commit ?? '').slice(0, 12),
  ];
}

/** Empty where nothing is known. */
export function spellPeaks(peaks: Peaks | undefined): Record<'cpu' | 'memory' | 'gpu', string> {
  const { cpuSeconds, memoryBytes, gpuMemoryBytes, gpuPercent } = peaks ?? {};
  const gpu = [
    ...(gpuMemoryBytes === undefined ? [] : [spellBytes(gpuMemoryBytes)]),
    ...(gpuPercent === undefined ? [] : [`${Math.round(gpuPercent)} %`]),
  ];
  return {
    cpu: cpuSeconds === undefined ? '' : `${cpuSeconds.toFixed(1)} s`,
    memory: memoryBytes === undefined ? '' : spellBytes(memoryBytes),
    gpu: gpu.join(', '),
  };
}
