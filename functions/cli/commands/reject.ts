import type { Context } from '../context.ts';
import type { DecideOptions } from '../define/control.ts';
import type { ExitCode } from '../exit-codes.ts';
import { type Asked, decide } from './approve.ts';

export function reject(context: Context, asked: Asked, options: DecideOptions): Promise<ExitCode> {
  return decide(context, asked, { ...options, approve: false });
}
