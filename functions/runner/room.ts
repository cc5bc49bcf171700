// Room on this machine: who may start now, and who waits for what. Pure.
import { bytes } from '#core/failures.ts';
import type { Resources } from '#schemas/plan.ts';

export interface Machine {
  readonly cpu: number;
  /** Bytes. */
  readonly memory: number;
  readonly gpu: number;
  /** What the graphics processors are called; counted from 0 when absent. */
  readonly gpus?: readonly string[] | undefined;
  /** Programs at once that asked for nothing in particular. */
  readonly programs: number;
}

export interface Share {
  readonly cpu: number;
  readonly memory: number;
  readonly gpu: number;
  readonly programs: number;
}

/** What a node takes: what it asks for, or one of the places for those that ask for nothing. */
export function shareOf(resources: Resources | undefined): Share {
  const cpu = resources?.cpu ?? 0;
  const memory = resources?.memory ?? 0;
  const gpu = resources?.gpu ?? 0;
  return { cpu, memory, gpu, programs: cpu + memory + gpu === 0 ? 1 : 0 };
}

/** What a node may wait for. */
export type Kind = keyof Share;

const NONE: readonly string[] = [];

export class Room {
  #machine: Machine;
  #taken: Share = { cpu: 0, memory: 0, gpu: 0, programs: 0 };
  readonly #gpusTaken = new Set<string>();

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  get machine(): Machine {
    return this.#machine;
  }

  resize(machine: Machine): void {
    this.#machine = machine;
  }

  fits(share: Share): boolean {
    return this.lacking(share).length === 0;
  }

  /** Answers the graphics processors that are taken with it: nobody else gets these until they are given back. */
  take(share: Share): readonly string[] {
    this.#taken = add(this.#taken, share, 1);
    if (share.gpu === 0) return NONE;
    const { gpu, gpus = Array.from({ length: gpu }, (_, index) => String(index)) } = this.#machine;
    const free = gpus.filter((one) => !this.#gpusTaken.has(one)).slice(0, share.gpu);
    for (const one of free) this.#gpusTaken.add(one);
    return free;
  }

  give(share: Share, gpus: readonly string[]): void {
    this.#taken = add(this.#taken, share, -1);
    for (const one of gpus) this.#gpusTaken.delete(one);
  }

  /** What a waiting node is told: what it asks for, and what is free. */
  explain(share: Share): string {
    return this.lacking(share)
      .map((kind) => {
        const free = this.#machine[kind] - this.#taken[kind];
        if (kind === 'programs') return `waits for one of ${this.#machine.programs} places`;
        const all = amount(kind, this.#machine[kind]);
        return `asks for ${amount(kind, share[kind])}${NAMES[kind]}, free are ${amount(kind, free)} of ${all}`;
      })
      .join('; ');
  }

  /** What there is too little of for it now. */
  lacking(share: Share): readonly Kind[] {
    const kinds = ['cpu', 'memory', 'gpu', 'programs'] as const;
    return kinds.filter(
      (kind) =>
        share[kind] > 0 &&
        this.#taken[kind] + share[kind] > this.#machine[kind] + 1e-9 &&
        // What asks for more than there is runs alone: refusing it is the business of the pre-flight, hanging nobody's.
        this.#taken[kind] > 1e-9,
    );
  }
}

function add(a: Share, b: Share, sign: 1 | -1): Share {
  return {
    cpu: a.cpu + sign * b.cpu,
    memory: a.memory + sign * b.memory,
    gpu: a.gpu + sign * b.gpu,
    programs: a.programs + sign * b.programs,
  };
}

/** What the unit does not tell. */
const NAMES = { cpu: '', memory: ' of memory', gpu: '' } as const;

function amount(kind: Exclude<Kind, 'programs'>, value: number): string {
  if (kind === 'memory') return bytes(value);
  return `${Number(value.toFixed(2))} ${kind === 'cpu' ? 'CPU' : 'GPU'}`;
}
