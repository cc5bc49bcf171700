// What a machine has of graphics processors, as told by the environment: no test has one.
import { afterEach, expect, test, vi } from 'vitest';
import { thisMachine } from '#local/machine.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

function gpusWith(declared: string | undefined, visible: string | undefined): readonly string[] {
  vi.stubEnv('MILLRACE_GPUS', declared);
  vi.stubEnv('CUDA_VISIBLE_DEVICES', visible);
  const { gpu, gpus = [] } = thisMachine();
  expect(gpu).toBe(gpus.length);
  return gpus;
}

test('as many as are declared are counted, whatever the machine has', () => {
  expect(gpusWith('2', undefined)).toHaveLength(2);
  expect(gpusWith('0', '0,1')).toEqual([]);
});

test('those that this process may use keep their names, as the driver reads them', () => {
  expect(gpusWith(undefined, '3,1')).toEqual(['3', '1']);
  expect(gpusWith(undefined, 'GPU-8932f937-d72c')).toEqual(['GPU-8932f937-d72c']);
  expect(gpusWith(undefined, '1,-1,2')).toEqual(['1']);
  expect(gpusWith(undefined, '')).toEqual([]);
  expect(gpusWith('1', '3,1')).toEqual(['3']);
  expect(gpusWith('3', '1')).toEqual(['1', '0', '2']);
});

test('a declaration that is no number is refused with what it was', () => {
  for (const wrong of ['two', '-1', '1.5', '99999'])
    expect(() => gpusWith(wrong, undefined)).toThrow(`MILLRACE_GPUS is "${wrong}"`);
});
