// Rounds of the crash harness with a production line: operators that are tried again, wait for room and for places of their node, leave
// processes behind, and run in environments that are built; what they tell of themselves, and what must hold of it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunReport } from '#schemas/report.ts';
import { aProject, aRepository } from '../runner/sources.ts';

type Random = () => number;

interface Operator {
  readonly id: string;
  readonly after: readonly string[];
  /** How often it fails before it completes. */
  readonly fails: number;
  readonly hasEnvironment: boolean;
  readonly seconds: number;
}

const OPERATORS = 9;
const NODES = 4;

/** The repository of all operators. */
export function lineSources(folder: string): void {
  aRepository(join(folder, 'code'), aProject());
}

/** Its first operators need none of the others, so that several wait for room. */
export function lineFiles(random: Random): Readonly<Record<string, string>> {
  const all: Operator[] = [];
  for (let at = 0; at < OPERATORS; at += 1)
    all.push({
      id: `o${at}`,
      // Of its own node or of the one before: nodes never wait for each other.
      after: all
        .filter((_, other) => nodeOf(other) >= nodeOf(at) - 1 && random() < 0.25)
        .map(({ id }) => id),
      fails: Math.floor(random() * 2.5),
      hasEnvironment: random() < 0.5,
      seconds: random() * 0.25,
    });
  const nodes = Array.from({ length: NODES }, (_, at) => {
    const own = all.filter((_each, index) => nodeOf(index) === at).map(({ id }) => id);
    const room =
      random() < 0.7 ? ', resource: { cpu_request: 1, memory_request: 0.1, memory_limit: 2 }' : '';
    return `  - { node_id: n${at}, operator_ids: [${own.join(', ')}], runner_count: ${1 + Math.floor(random() * 3)}${room} }\n`;
  });
  return {
    'pipeline.yaml': `pipeline_id: crash\noperators:\n${all.map(operatorText).join('')}nodes:\n${nodes.join('')}`,
  };
}

const nodeOf = (index: number): number => Math.floor((index * NODES) / OPERATORS);

function operatorText({ id, after, hasEnvironment, ...operator }: Operator): string {
  const environment = hasEnvironment
    ? ', env_type: uv_project, env_config: { pyproject_path: pyproject.toml }'
    : '';
  const command = JSON.stringify(commandOf(id, operator));
  return `  - { operator_id: ${id}, git_repo: ./code, git_tag: v1.0.0, upstream_dependencies: [${after.join(', ')}], start_command: ${command}, retry: { max_attempts: 4, interval: 0.2 }${environment} }\n`;
}

/**
 * Holds a lock of its own as long as anything lives that it started: another start beside it finds it taken. What detached itself would live
 * for a minute.
 */
function commandOf(id: string, { fails, seconds }: Pick<Operator, 'fails' | 'seconds'>): string {
  const told = '"$MILLRACE_PIPELINE_DIR/told"';
  return [
    `exec 9>> "$MILLRACE_PIPELINE_DIR/lock.${id}"`,
    `flock -n 9 || echo "beside ${id} $MILLRACE_ATTEMPT" >> ${told}`,
    `echo "began ${id} $MILLRACE_ATTEMPT" >> ${told}`,
    'setsid sleep 60 > /dev/null 2>&1 & sleep 60 &',
    `sleep ${seconds.toFixed(3)}`,
    `[ $(grep -c "^began ${id} " ${told}) -gt ${fails} ] || exit 1`,
    `echo "done ${id} $MILLRACE_ATTEMPT" >> ${told}`,
    `echo "at=${id}" >> "$MILLRACE_OUTPUTS"`,
  ].join('\n');
}

/** What is wrong with what the operators told, and with what the report says of them. */
export function lineFaults(folder: string, report: RunReport): readonly string[] {
  const file = join(folder, 'told');
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  const faults = lines.filter((line) => line.startsWith('beside '));
  const needs = needsIn(readFileSync(join(folder, 'pipeline.yaml'), 'utf8'));
  for (const [id, after] of needs) {
    const done = lines.filter((line) => line.startsWith(`done ${id} `));
    if (done.length === 0) faults.push(`${id} was never done`);
    if (new Set(done).size < done.length)
      faults.push(`${id} was done twice in one attempt of its node`);
    const began = lines.findIndex((line) => line.startsWith(`began ${id} `));
    for (const each of after)
      if (lines.findIndex((line) => line.startsWith(`done ${each} `)) > began)
        faults.push(`${id} began before ${each} was done`);
    const { status, attempts } = report.operators?.[id] ?? {};
    if (status !== 'completed' || attempts === 0)
      faults.push(`the report says of ${id}: ${status} after ${attempts} attempts`);
  }
  return faults;
}

function needsIn(text: string): ReadonlyMap<string, readonly string[]> {
  const found = text.matchAll(/operator_id: (\w+),.*?upstream_dependencies: \[(.*?)\]/g);
  return new Map(
    [...found].map(([, id = '', after = '']) => [id, after.split(', ').filter(Boolean)]),
  );
}
