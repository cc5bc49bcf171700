// A control group round the programs of one attempt, where the host lets us make one: bounds memory, processor time and
// the number of processes, children included. In it each program has a group of its own, by which every one of its processes is known
// however it was started.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { limits } from '#schemas/limits.ts';

export interface CageLimits {
  /** Cores. */
  readonly cpu?: number | undefined;
  /** Bytes. */
  readonly memory?: number | undefined;
}

const PERIOD_US = 100_000;

interface Folders {
  readonly memory: string;
  readonly pids: string;
  readonly cpu: string;
  readonly cpuacct: string;
  readonly version: 1 | 2;
}

export class Cage {
  readonly #folders: Folders;
  readonly #within: Cage[] = [];

  constructor(folders: Folders) {
    this.#folders = folders;
  }

  /** A group within this one, with the same bounds for all of them together; undefined where it cannot be made. */
  within(): Cage | undefined {
    const cage = makeCage(below(this.#folders, String(this.#within.length + 1)));
    if (cage !== undefined) this.#within.push(cage);
    return cage;
  }

  /** A process that writes 0 into each of these is inside, with all its children to come. */
  get doors(): readonly string[] {
    return this.#unique().map((folder) => path.join(folder, 'cgroup.procs'));
  }

  /** How many processes were killed because memory was used up. */
  get memoryKills(): number {
    const file = this.#folders.version === 1 ? 'memory.oom_control' : 'memory.events';
    return numberAfter(read(this.#folders.memory, file), 'oom_kill');
  }

  /** Bytes, cached files included. */
  get peakMemory(): number | undefined {
    const file = this.#folders.version === 1 ? 'memory.max_usage_in_bytes' : 'memory.peak';
    return toNumber(read(this.#folders.memory, file));
  }

  get cpuSeconds(): number | undefined {
    if (this.#folders.version === 2)
      return numberAfter(read(this.#folders.cpu, 'cpu.stat'), 'usage_usec') / 1e6;
    const used = toNumber(read(this.#folders.cpuacct, 'cpuacct.usage'));
    return used === undefined ? undefined : used / 1e9;
  }

  get processes(): number[] {
    const text = read(this.#folders.pids, 'cgroup.procs') ?? '';
    const own = text.split('\n').filter(Boolean).map(Number);
    return [...own, ...this.#within.flatMap((cage) => cage.processes)];
  }

  /** False while a process is still in it. */
  remove(): boolean {
    return this.#unique().every(removeFolder);
  }

  #unique(): string[] {
    const { memory, pids, cpu, cpuacct } = this.#folders;
    return [...new Set([memory, pids, cpu, cpuacct])];
  }
}

/** Makes control groups below one of its own, or none where the host does not let us. Nothing is made before one is wanted. */
export class Cages {
  readonly #job: string;
  #asked = false;
  #parents: Folders | undefined;
  #counter = 0;
  /** Runs that were told that there are none. */
  #told = new Set<string>();

  constructor(job: string) {
    this.#job = job;
  }

  make(bounds: CageLimits): Cage | undefined {
    if (!this.#asked) this.#parents = firstThatWorks(nameOf(this.#job));
    this.#asked = true;
    if (this.#parents === undefined) return undefined;
    this.#counter += 1;
    return makeCage(below(this.#parents, String(this.#counter)), bounds);
  }

  /** What a run is to be told where there are none: once, not by each of its nodes. */
  lackOf(run: string): string | undefined {
    if (this.#told.has(run)) return undefined;
    if (this.#told.size >= limits.toldRuns) this.#told.clear();
    this.#told.add(run);
    return 'this host lets Millrace make no control groups: limits of cpu are not enforced; those of memory are watched, and the program that has most is ended a moment after they are passed';
  }

  close(): void {
    if (this.#parents !== undefined) new Cage(this.#parents).remove();
  }
}

/** Takes the control groups of a dead runner away, once its processes are gone. */
export function removeCages(job: string): void {
  for (const folders of ownFolders(ownGroups(), nameOf(job))) new Cage(folders).remove();
}

function nameOf(job: string): string {
  return `millrace-${job}`;
}

function makeCage(folders: Folders, bounds?: CageLimits): Cage | undefined {
  try {
    for (const folder of new Set(foldersOf(folders))) mkdirSync(folder, { recursive: true });
    if (bounds !== undefined) {
      share(folders);
      bound(folders, bounds);
    }
    return new Cage(folders);
  } catch {
    new Cage(folders).remove();
    return undefined;
  }
}

/** What is bounded here is bounded for groups within too. */
function share(folders: Folders): void {
  if (folders.version === 2) write(folders.memory, 'cgroup.subtree_control', '+memory +pids +cpu');
  // Older kernels do so only where it is wished.
  else if (read(folders.memory, 'memory.use_hierarchy')?.trim() === '0')
    write(folders.memory, 'memory.use_hierarchy', '1');
}

function bound(folders: Folders, bounds: CageLimits): void {
  write(folders.pids, 'pids.max', String(limits.stepProcesses));
  if (bounds.memory !== undefined) boundMemory(folders, bounds.memory);
  if (bounds.cpu === undefined) return;
  const quota = Math.max(1_000, Math.round(bounds.cpu * PERIOD_US));
  if (folders.version === 2) write(folders.cpu, 'cpu.max', `${quota} ${PERIOD_US}`);
  else {
    write(folders.cpu, 'cpu.cfs_period_us', String(PERIOD_US));
    write(folders.cpu, 'cpu.cfs_quota_us', String(quota));
  }
}

function boundMemory(folders: Folders, memory: number): void {
  const [limit, swap] =
    folders.version === 1
      ? ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes']
      : ['memory.max', 'memory.swap.max'];
  write(folders.memory, limit, String(memory));
  if (existsSync(path.join(folders.memory, swap)))
    write(folders.memory, swap, folders.version === 1 ? String(memory) : '0');
}

/** The groups this process is in are where ours may be made: outer bounds stay in force. */
function firstThatWorks(name: string): Folders | undefined {
  const own = ownGroups();
  return ownFolders(own, name).find(usable);
}

function ownFolders(own: ReadonlyMap<string, string>, name: string): Folders[] {
  const root = '/sys/fs/cgroup';
  const first = (controller: string) =>
    path.join(root, controller, own.get(controller) ?? '/', name);
  const unified = path.join(root, own.get('') ?? '/', name);
  return [
    {
      version: 1,
      memory: first('memory'),
      pids: first('pids'),
      cpu: first('cpu'),
      cpuacct: first('cpuacct'),
    },
    { version: 2, memory: unified, pids: unified, cpu: unified, cpuacct: unified },
  ];
}

/** Whether groups with bounds can be made there: tried once, with a real one. */
function usable(folders: Folders): boolean {
  const mark = folders.version === 1 ? 'memory.limit_in_bytes' : 'memory.max';
  try {
    const parent = path.dirname(folders.memory);
    if (!existsSync(path.join(parent, 'cgroup.procs'))) return false;
    for (const folder of new Set(foldersOf(folders))) mkdirSync(folder, { recursive: true });
    if (folders.version === 2)
      write(folders.memory, 'cgroup.subtree_control', '+memory +pids +cpu');
    const trial = below(folders, 'trial');
    for (const folder of new Set(foldersOf(trial))) mkdirSync(folder);
    const works =
      existsSync(path.join(trial.memory, mark)) && existsSync(path.join(trial.pids, 'pids.max'));
    new Cage(trial).remove();
    if (!works) new Cage(folders).remove();
    return works;
  } catch {
    new Cage(folders).remove();
    return false;
  }
}

function ownGroups(): Map<string, string> {
  const groups = new Map<string, string>();
  const text = read('/proc/self', 'cgroup') ?? '';
  for (const line of text.split('\n')) {
    const parts = /^\d+:([^:]*):(.*)$/.exec(line);
    for (const controller of parts?.[1]?.split(',') ?? [])
      groups.set(controller, parts?.[2] ?? '/');
  }
  return groups;
}

function foldersOf({ memory, pids, cpu, cpuacct }: Folders): string[] {
  return [memory, pids, cpu, cpuacct];
}

function below(parents: Folders, name: string): Folders {
  return {
    version: parents.version,
    memory: path.join(parents.memory, name),
    pids: path.join(parents.pids, name),
    cpu: path.join(parents.cpu, name),
    cpuacct: path.join(parents.cpuacct, name),
  };
}

function removeFolder(folder: string): boolean {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true }))
      if (entry.isDirectory()) removeFolder(path.join(folder, entry.name));
    rmdirSync(folder);
    return true;
  } catch {
    return !existsSync(folder);
  }
}

function write(folder: string, file: string, text: string): void {
  writeFileSync(path.join(folder, file), text);
}

function read(folder: string, file: string): string | undefined {
  try {
    return readFileSync(path.join(folder, file), 'utf8');
  } catch {
    return undefined;
  }
}

function toNumber(text: string | undefined): number | undefined {
  const value = Number(text?.trim());
  return text === undefined || !Number.isFinite(value) ? undefined : value;
}

function numberAfter(text: string | undefined, name: string): number {
  const line = text?.split('\n').find((one) => one.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length + 1));
}
