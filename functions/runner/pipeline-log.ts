// The log of a production line: what all its operators print and what becomes of them, in one file for people and one for programs.
import { LOG_LEVELS, type LogLevel, type PipelineLog } from '#schemas/work-dir.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import { type LineHead, levelOf, lineHead, type Names, speakerAt } from './log-shape.ts';
import type { LogCopy } from './log-writer.ts';
import { RotatedFile } from './rotated-file.ts';

export interface Told extends LineHead {
  readonly run: string;
}

export class PipelineLogFiles {
  readonly #least: number;
  readonly #text: RotatedFile;
  readonly #json: RotatedFile;

  constructor(settings: PipelineLog) {
    this.#least = LOG_LEVELS.indexOf(settings.level);
    this.#text = new RotatedFile(settings.path, settings);
    this.#json = new RotatedFile(`${settings.path}.jsonl`, settings);
  }

  takes(level: LogLevel): boolean {
    return LOG_LEVELS.indexOf(level) >= this.#least;
  }

  /** `encoded` are the same lines as JSON. Throws what the disk throws. */
  write(
    told: Told,
    lines: readonly string[],
    encoded: readonly string[] = lines.map((line) => JSON.stringify(line)),
  ): void {
    if (lines.length === 0 || !this.takes(told.level)) return;
    const head = lineHead(told);
    this.#text.write(`${head}${lines.join(`\n${head}`)}\n`);
    const object = jsonHead(told);
    this.#json.write(`${object}${encoded.join(`}\n${object}`)}}\n`);
  }

  close(): void {
    this.#text.close();
    this.#json.close();
  }
}

function jsonHead({ at, level, run, speaker, stream }: Told): string {
  const { pipeline, node, operator, attempt } = speaker;
  const members = {
    at: new Date(at).toISOString(),
    level,
    run,
    pipeline,
    node,
    operator: operator === '' ? undefined : operator,
    attempt,
    stream,
  };
  return `${JSON.stringify(members).slice(0, -1)},"text":`;
}

/** Files that this process writes, each opened once however many write to it. */
const open = new Map<string, { readonly files: PipelineLogFiles; users: number }>();

/** Lines go to `files` until `release` is called. */
export function usePipelineLog(settings: PipelineLog): {
  readonly files: PipelineLogFiles;
  release(): void;
} {
  const key = JSON.stringify(settings);
  const used = open.get(key) ?? { files: new PipelineLogFiles(settings), users: 0 };
  used.users += 1;
  open.set(key, used);
  let released = false;
  return {
    files: used.files,
    release: () => {
      if (released) return;
      released = true;
      used.users -= 1;
      if (used.users > 0) return;
      open.delete(key);
      used.files.close();
    },
  };
}

/** What the log of an attempt hands on to the log of its production line; undefined where there is none. */
export function pipelineLogOf(order: WorkOrder): LogCopy | undefined {
  if (order.workDir === undefined) return undefined;
  const { files, release } = usePipelineLog(order.workDir.log);
  const { run, address, attempt } = order.name;
  const names: Names = { pipeline: order.pipeline, labelOf: (node) => order.label ?? node };
  return {
    write: ({ step, stream, level = levelOf(address, stream), at, lines, encoded, ...of }) => {
      const speaker = speakerAt(names, { address, step, attempt: of.try ?? attempt });
      files.write({ at, level, run, speaker, stream }, lines, encoded);
    },
    close: release,
  };
}
