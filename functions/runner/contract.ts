// What a program is told by its environment, and where it answers: the contract with the user's program.

import { closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { bytes, OutputsTooLarge } from '#core/failures.ts';
import { limits } from '#schemas/limits.ts';
import type { Json } from '#schemas/values.ts';
import type { WorkOrder } from '#schemas/work-order.ts';
import type { Variables } from './host-environment.ts';
import { parseOutputs, type RawOutputs } from './outputs.ts';
import type { Places } from './workspaces.ts';

/** Files through which a step answers. Neither is there before the program makes it. */
export interface StepFiles {
  readonly outputs: string;
  readonly progress: string;
}

export function stepFiles(places: Places, index: number): StepFiles {
  return { outputs: places.outputs(index), progress: places.progress(index) };
}

/** Where the inputs stand as JSON. Most nodes have none: those share one file. */
export function writeInputs(
  dataDir: string,
  places: Places,
  inputs: { readonly [name: string]: Json },
): string {
  const empty = Object.keys(inputs).length === 0;
  const file = empty ? path.join(dataDir, 'runner', 'no-inputs.json') : places.inputs;
  if (empty && exists(file)) return file;
  writeFileSync(file, `${JSON.stringify(inputs)}\n`, { mode: 0o600 });
  return file;
}

export interface Contract {
  readonly order: WorkOrder;
  readonly places: Places;
  readonly files: StepFiles;
  readonly inputs: string;
  readonly step: string;
  /** Marks every process of the attempt, however it was started. */
  readonly mark: string;
  /** The graphics processors it was given. */
  readonly gpus: readonly string[] | undefined;
}

/** Which graphics processors the libraries of their maker use. */
export const GPUS_VARIABLE = 'CUDA_VISIBLE_DEVICES';

export const MARK_VARIABLE = 'MILLRACE_MARK';
export const STEP_VARIABLE = 'MILLRACE_STEP';

export function contractVariables(contract: Contract): Variables {
  const { order, places, files } = contract;
  return {
    MILLRACE_RUN: order.name.run,
    MILLRACE_NODE: order.name.address,
    [STEP_VARIABLE]: contract.step,
    MILLRACE_ATTEMPT: String(order.name.attempt),
    MILLRACE_INPUTS: contract.inputs,
    MILLRACE_OUTPUTS: files.outputs,
    MILLRACE_ARTIFACTS: places.artifacts,
    MILLRACE_PROGRESS: files.progress,
    ...(order.folder === undefined ? {} : { MILLRACE_PIPELINE_DIR: order.folder }),
    ...givenGpus(contract.gpus),
    [MARK_VARIABLE]: contract.mark,
  };
}

function givenGpus(gpus: Contract['gpus']): Variables {
  return gpus === undefined || gpus.length === 0 ? {} : { [GPUS_VARIABLE]: gpus.join(',') };
}

/** Reads what a step wrote; nothing when it never made the file. */
export function readOutputs(files: StepFiles): RawOutputs {
  const size = sizeOf(files.outputs);
  if (size === 0) return new Map();
  if (size > limits.outputsFileBytes)
    throw new OutputsTooLarge(
      `the program wrote ${bytes(size)} of outputs; at most ${bytes(limits.outputsFileBytes)} are allowed. Hand large data over as a file: name=@path`,
    );
  return parseOutputs(readFileSync(files.outputs));
}

function sizeOf(file: string): number {
  const info = statSync(file, { throwIfNoEntry: false });
  return info?.isFile() === true ? info.size : 0;
}

function exists(file: string): boolean {
  try {
    closeSync(openSync(file, 'r'));
    return true;
  } catch {
    return false;
  }
}
