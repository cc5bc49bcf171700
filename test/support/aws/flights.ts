// examples/flights without its longest branch, and with its operators where machines elsewhere find them: on a server.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseDocument, YAMLMap, YAMLSeq } from 'yaml';
import { type GitServer, serveGit } from '../git-server.ts';
import { ROOT } from '../millrace.ts';

const FOLDER = path.join(ROOT, 'examples', 'flights');
/** Without an instance for each of 16 carriers, and what waits for them. */
const SHORT = [
  ...['extract', 'clean', 'accepted', 'quality_report', 'review', 'kept_back', 'routes'],
  'by_weather',
];

export interface ShortFlights {
  readonly source: string;
  /** Its first node alone. */
  readonly extract: string;
  readonly server: GitServer;
}

export async function shortFlights(): Promise<ShortFlights> {
  execFileSync(process.execPath, [path.join(FOLDER, 'setup.mjs')]);
  const server = await serveGit(path.join(FOLDER, '.repositories'));
  const whole = readFileSync(path.join(FOLDER, 'pipeline.yaml'), 'utf8');
  const text = whole.replaceAll('./.repositories', server.url);
  return { source: keeping(text, SHORT), extract: keeping(text, ['extract']), server };
}

function keeping(text: string, ids: readonly string[]): string {
  const document = parseDocument(text);
  const nodes = document.get('nodes');
  if (!(nodes instanceof YAMLSeq)) throw new Error('examples/flights has no nodes');
  nodes.items = nodes.items.filter(
    (node) => node instanceof YAMLMap && ids.includes(String(node.get('id'))),
  );
  return document.toString();
}
