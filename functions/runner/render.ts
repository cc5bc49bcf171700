// Fills the templates of a work order in. Secrets are known here and nowhere else.
import path from 'node:path';
import type { Json, Outputs } from '#schemas/values.ts';
import type { OrderScope } from '#schemas/work-order.ts';

export interface Rendering {
  readonly dataDir: string;
  readonly scope: OrderScope;
  readonly secrets: Readonly<Record<string, string>>;
  /** Outputs of steps that completed, by id. */
  readonly steps: ReadonlyMap<string, Outputs>;
}

export function renderInputs(
  inputs: { readonly [name: string]: Json },
  _rendering: Rendering,
): { readonly [name: string]: Json } {
  return inputs;
}

export function renderText(text: string, _what: string, _locals: unknown): string {
  return text;
}

export function renderCommandLine(text: string, _locals: unknown): string {
  return text;
}

export function filePath(dataDir: string, key: string): string {
  return path.join(dataDir, 'objects', key);
}
