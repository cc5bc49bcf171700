import { cacheDirectory } from '#local/settings.ts';
import type { Context } from '../context.ts';
import type { Finding } from '../doctor/finding.ts';
import {
  lookAtCages,
  lookAtDuckdb,
  lookAtMachine,
  lookAtNode,
  lookAtShell,
} from '../doctor/machine.ts';
import { lookAtCommits, lookAtFolder } from '../doctor/storage.ts';
import { lookAtTools } from '../doctor/tools.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderTable } from '../render/table.ts';
import { plain } from '../render/words.ts';

export async function doctor(context: Context): Promise<ExitCode> {
  const findings = await lookAtAll(context);
  const lacking = findings.filter(({ status, needed }) => status === 'missing' && needed);
  if (context.json) context.sayJson({ ok: lacking.length === 0, findings });
  else print(context, findings, lacking);
  return lacking.length === 0 ? EXIT.done : EXIT.rejected;
}

async function lookAtAll({ host, dataDir }: Context): Promise<readonly Finding[]> {
  const data = {
    name: 'data directory',
    folder: dataDir,
    needed: true,
    lacks: 'every run: it is kept there',
    get: 'another folder: --data-dir or MILLRACE_DATA_DIR',
  };
  const cache = {
    name: 'cache',
    folder: cacheDirectory(),
    needed: false,
    lacks: 'operators from git, and environments',
    get: 'another folder: MILLRACE_CACHE_DIR',
  };
  return [
    lookAtNode(),
    lookAtMachine(),
    lookAtShell(host),
    lookAtFolder(data),
    lookAtCommits(dataDir),
    lookAtFolder(cache),
    lookAtCages(),
    ...(await lookAtTools(host)),
    lookAtDuckdb(),
  ];
}

function print(context: Context, findings: readonly Finding[], lacking: readonly Finding[]): void {
  const { paint } = context;
  const signs = { there: paint.green('✓'), weak: paint.yellow('!'), missing: paint.dim('–') };
  const rows = findings.map((found) => [
    `${lacking.includes(found) ? paint.red('✗') : signs[found.status]} ${found.name}`,
    found.version ?? '',
    told(found),
  ]);
  const lines = renderTable(rows).split('\n');
  findings.forEach((found, at) => {
    context.say(lines[at] ?? '');
    const loses = found.status === 'weak' ? 'suffers:   ' : 'without it:';
    if (found.lacks !== undefined) context.say(paint.dim(`    ${loses} ${found.lacks}`));
    if (found.get !== undefined) context.say(paint.dim(`    to get it:  ${found.get}`));
  });
  if (lacking.length > 0)
    context.say(
      paint.red(`nothing runs here without: ${lacking.map(({ name }) => name).join(', ')}`),
    );
}

function told({ message, path }: Finding): string {
  return [message, path]
    .filter((part) => part !== undefined)
    .map(plain)
    .join('  ');
}
