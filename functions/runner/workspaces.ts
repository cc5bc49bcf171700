// Where attempts work: empty folders, and files beside them that programs and runner exchange.
//
// Folders that are still empty after an attempt are used again: making and removing them would cost a small program as much
// as starting it. All lie below one folder for each runner process, which goes when the runner ends or is cleared up after.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { keptKeys } from '#core/attempt-names.ts';
import type { AttemptName } from '#schemas/work-order.ts';

/** Where an attempt's things lie. */
export interface Places {
  /** Where its commands run when they have no operator; files and trees of its steps lie beside, under this name and an ending. */
  readonly work: string;
  readonly artifacts: string;
  /** The key below which its artifacts lie in the object store. */
  readonly artifactsKey: string;
  readonly valuesKey: string;
  readonly inputs: string;
  /** Of one start of one step, counted within the attempt. */
  outputs(turn: number): string;
  progress(turn: number): string;
  tree(turn: number): string;
}

export function workspaceFolder(dataDir: string, job: string): string {
  return path.join(dataDir, 'workspaces', job);
}

/** Where the outputs of its programs come in. */
export function pipesFolder(dataDir: string, job: string): string {
  return path.join(workspaceFolder(dataDir, job), 'pipes');
}

const MODE = 0o755;

export class Workspaces {
  readonly #dataDir: string;
  readonly #home: string;
  readonly #free: string[] = [];
  /** Folders of artifacts that stayed empty, by the folder they lie in. */
  readonly #spares = new Map<string, string[]>();
  #made = 0;

  constructor(dataDir: string, job: string) {
    this.#dataDir = dataDir;
    this.#home = workspaceFolder(dataDir, job);
  }

  take(name: AttemptName): Places {
    const keys = keptKeys(name);
    const artifacts = path.join(this.#dataDir, 'objects', keys.artifacts);
    this.#makeArtifacts(artifacts);
    const work = this.#free.pop() ?? this.#make();
    return {
      work,
      artifacts,
      artifactsKey: keys.artifacts,
      valuesKey: keys.values,
      inputs: `${work}.inputs.json`,
      outputs: (turn) => `${work}.outputs.${turn}`,
      progress: (turn) => `${work}.progress.${turn}`,
      tree: (turn) => `${work}.tree.${turn}`,
    };
  }

  /** Takes away what the attempt left, but for its artifacts. */
  async give(places: Places, turns: number): Promise<void> {
    if (isFresh(places.artifacts)) this.#spare(places.artifacts);
    unlinkIfThere(places.inputs);
    for (let turn = 0; turn < turns; turn += 1) {
      unlinkIfThere(places.outputs(turn));
      unlinkIfThere(places.progress(turn));
      await removeTree(places.tree(turn));
    }
    if (isFresh(places.work)) this.#free.push(places.work);
    else await removeTree(places.work);
  }

  close(): void {
    for (const spare of [...this.#spares.values()].flat()) removeIfEmpty(spare);
    try {
      rmSync(this.#home, { recursive: true, force: true });
    } catch {
      // A file that cannot be removed is no reason to fail what has been done.
    }
  }

  /** One that nobody put anything into gets the new name: half the work of removing it and making another. */
  #makeArtifacts(folder: string): void {
    const spare = this.#spares.get(path.dirname(folder))?.pop();
    try {
      if (spare === undefined) makeFolder(folder);
      else renameSync(spare, folder);
    } catch {
      makeFolder(folder);
    }
  }

  #spare(folder: string): void {
    const parent = path.dirname(folder);
    const spares = this.#spares.get(parent) ?? [];
    spares.push(folder);
    this.#spares.set(parent, spares);
  }

  #make(): string {
    this.#made += 1;
    const folder = path.join(this.#home, String(this.#made));
    makeFolder(folder);
    return folder;
  }
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: MODE });
  } catch {
    mkdirSync(folder, { recursive: true, mode: MODE });
  }
}

/** Like one that was just made. */
function isFresh(folder: string): boolean {
  try {
    return readdirSync(folder).length === 0 && (statSync(folder).mode & 0o7777) === MODE;
  } catch {
    return false;
  }
}

async function removeTree(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  await rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It holds what was handed over.
  }
}

/** Most programs never make it: asking costs less than an error. */
function unlinkIfThere(file: string): void {
  if (existsSync(file)) rmSync(file, { recursive: true, force: true });
}
