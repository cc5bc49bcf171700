// What a node asks for as what can be had on AWS.
import { describe, expect, test } from 'vitest';
import { jobSize } from '#aws/batch-size.ts';
import { isFargateSize } from '#support/aws/batch-requests.ts';

const GIB = 1024 ** 3;
const place = (asked?: Parameters<typeof jobSize>[0]) => {
  const { queue, vcpu, memoryMib, gpu } = jobSize(asked);
  return [queue, vcpu, memoryMib, gpu];
};

describe('a job on Fargate', () => {
  const cpus = [0.1, 0.25, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 4, 5, 8, 12, 16, 20, 32];
  const memories = [0.1, 0.5, 0.6, 1, 1.5, 2, 3, 4, 7.5, 8, 9, 16, 17, 30, 31, 60, 61, 100, 120];
  const asked = cpus.flatMap((cpu) =>
    [...memories, 121, 200, 244].map((gib) => ({ cpu, memory: Math.round(gib * GIB) })),
  );

  test('has a size that Fargate offers, never less than was asked, and the smallest such', () => {
    for (const { cpu, memory } of asked) {
      const { queue, vcpu, memoryMib } = jobSize({ cpu, memory });
      const about = `${cpu} cores, ${memory / GIB} GiB: ${vcpu} vCPU, ${memoryMib} MiB`;
      expect(queue, about).toBe('cpu');
      expect(isFargateSize(vcpu, memoryMib), about).toBe(true);
      expect(vcpu >= cpu && memoryMib * 1024 ** 2 >= memory, about).toBe(true);
      // No offer beside it would do with less.
      for (const less of [0.25, 0.5, 1, 2, 4, 8, 16].filter((each) => each >= cpu && each < vcpu))
        for (let mib = Math.ceil(memory / 1024 ** 2 / 512) * 512; mib <= 120 * 1024; mib += 512)
          expect(isFargateSize(less, mib), `${about}; ${less} vCPU, ${mib} MiB would do`).toBe(
            false,
          );
      for (let mib = Math.ceil(memory / 1024 ** 2); mib < memoryMib; mib += 1)
        if (isFargateSize(vcpu, mib)) expect.fail(`${about}; ${mib} MiB would do`);
    }
  });

  test('of a node that asks for nothing is one vCPU with 2 GiB', () => {
    expect(place()).toEqual(['cpu', 1, 2048, 0]);
    expect(place({ gpu: 0, limits: { cpu: 4 } })).toEqual(['cpu', 1, 2048, 0]);
  });

  test('gets what memory its node may use at most: nobody else could lend it more', () => {
    const limits = { memory: 16 * GIB };
    expect(place({ cpu: 2, memory: 8 * GIB, limits })).toEqual(['cpu', 2, 16_384, 0]);
  });

  test('waits for a machine that may be taken away where its node agrees', () => {
    expect(place({ cpu: 2, spot: true })).toEqual(['cpu-spot', 2, 4096, 0]);
    expect(place({ cpu: 2, spot: false })).toEqual(['cpu', 2, 4096, 0]);
  });
});

describe('a job that is too large for Fargate', () => {
  test('gets a whole number of vCPUs of a large machine', () => {
    expect(place({ cpu: 33.5 })).toEqual(['cpu-large', 34, 34 * 2048, 0]);
    expect(place({ memory: 300 * GIB })).toEqual(['cpu-large', 1, 300 * 1024, 0]);
    expect(place({ cpu: 64, memory: 100 * GIB, spot: true })).toEqual([
      ...['cpu-large', 64, 100 * 1024, 0],
    ]);
  });

  test('or wants a graphics processor gets a machine that has one', () => {
    expect(place({ gpu: 1 })).toEqual(['gpu', 4, 14 * 1024, 1]);
    expect(place({ gpu: 2, cpu: 1.5, memory: GIB })).toEqual(['gpu', 2, 1024, 2]);
  });

  test('for every machine is refused, with what was asked and what there is', () => {
    const refused = (asked: Parameters<typeof jobSize>[0], message: string) =>
      expect(() => jobSize(asked)).toThrow(
        expect.objectContaining({ family: 'rejected', message: expect.stringContaining(message) }),
      );
    refused({ cpu: 200 }, 'asks for 200 vCPU, 400 GiB; the largest machine gives 128 vCPU');
    refused({ memory: 2_000 * GIB }, '1 vCPU, 2000 GiB');
    refused(
      { gpu: 8 },
      'and 8 graphics processors; the largest machine gives 48 vCPU, 180 GiB and 4',
    );
  });
});
