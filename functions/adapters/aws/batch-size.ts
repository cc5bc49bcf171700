// How large a job is and where it waits: what a node asks for, rounded up to what can be had. Pure.
import { Rejected } from '#errors/families.ts';
import { type JobQueueName, largestJob } from '#schemas/aws.ts';
import type { Resources } from '#schemas/plan.ts';

export interface JobSize {
  readonly queue: JobQueueName;
  readonly vcpu: number;
  readonly memoryMib: number;
  readonly gpu: number;
}

const MIB = 1024 ** 2;
const GIB = 1024;

/** What Fargate offers: vCPUs, and the memory (MiB) from, to, and in steps of. */
const FARGATE: readonly (readonly [number, number, number, number])[] = [
  [0.25, 512, 1 * GIB, 512],
  [0.25, 1 * GIB, 2 * GIB, 1 * GIB],
  [0.5, 1 * GIB, 4 * GIB, 1 * GIB],
  [1, 2 * GIB, 8 * GIB, 1 * GIB],
  [2, 4 * GIB, 16 * GIB, 1 * GIB],
  [4, 8 * GIB, 30 * GIB, 1 * GIB],
  [8, 16 * GIB, 60 * GIB, 4 * GIB],
  [16, 32 * GIB, 120 * GIB, 8 * GIB],
  [32, 60 * GIB, 60 * GIB, 60 * GIB],
  [32, 120 * GIB, 120 * GIB, 120 * GIB],
  [32, 244 * GIB, 244 * GIB, 244 * GIB],
];

/** Of a job whose node asks for nothing. */
const DEFAULT_VCPU = 1;
const DEFAULT_MIB = 2 * GIB;
/** For each vCPU of a large machine, and for each graphics processor: what their machines have at least. */
const LARGE_MIB = 2 * GIB;
const GPU_VCPU = 4;
const GPU_MIB = 14 * GIB;

/**
 * The place of a job. A container has to itself what it is given, and no more: a node that says what memory it may use at most gets that
 * much. Graphics processors are not offered by Fargate, and interruptible machines only by it.
 *
 * @throws Rejected where no machine is large enough
 */
export function jobSize(asked: Resources = {}): JobSize {
  const cpu = asked.cpu;
  const bytes = Math.max(asked.memory ?? 0, asked.limits?.memory ?? 0);
  const mib = bytes === 0 ? undefined : Math.ceil(bytes / MIB);
  const gpu = asked.gpu ?? 0;
  if (gpu > 0) {
    const vcpu = Math.ceil(cpu ?? GPU_VCPU * gpu);
    return fitting({ queue: 'gpu', vcpu, memoryMib: mib ?? GPU_MIB * gpu, gpu });
  }
  const place = fargate(cpu ?? DEFAULT_VCPU, mib ?? DEFAULT_MIB);
  if (place !== undefined)
    return { queue: asked.spot === true ? 'cpu-spot' : 'cpu', ...place, gpu: 0 };
  const vcpu = Math.max(1, Math.ceil(cpu ?? DEFAULT_VCPU));
  return fitting({ queue: 'cpu-large', vcpu, memoryMib: mib ?? LARGE_MIB * vcpu, gpu: 0 });
}

/** The smallest that holds both: with fewer vCPUs the same memory never costs more. */
function fargate(cpu: number, mib: number): Pick<JobSize, 'vcpu' | 'memoryMib'> | undefined {
  for (const [vcpu, least, most, step] of FARGATE) {
    if (vcpu < cpu || most < mib) continue;
    return { vcpu, memoryMib: least + Math.ceil(Math.max(0, mib - least) / step) * step };
  }
  return undefined;
}

function fitting(size: JobSize): JobSize {
  const most = largestJob[size.queue];
  const fits =
    size.vcpu <= most.vcpu && size.memoryMib <= most.gib * GIB && size.gpu <= Math.max(0, most.gpu);
  if (fits) return size;
  const wanted = `${size.vcpu} vCPU, ${Math.ceil(size.memoryMib / GIB)} GiB${gpus(size.gpu)}`;
  throw new Rejected(
    'invalid',
    `the node asks for ${wanted}; the largest machine gives ${most.vcpu} vCPU, ${most.gib} GiB${gpus(most.gpu)}`,
  );
}

const gpus = (count: number): string =>
  count === 0 ? '' : ` and ${count} graphics processor${count > 1 ? 's' : ''}`;
