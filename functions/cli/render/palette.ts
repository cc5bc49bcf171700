// Colours, or none.
import picocolors from 'picocolors';
import type { Host, Output } from '../host.ts';

export type Palette = ReturnType<typeof picocolors.createColors>;

export const plainPalette: Palette = picocolors.createColors(false);

/** NO_COLOR and --no-color win over FORCE_COLOR, which wins over what the stream is. */
export function paletteFor(output: Output, env: Host['env'], wanted: boolean): Palette {
  if (!wanted || (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb') return plainPalette;
  const forced = (env['FORCE_COLOR'] ?? '') !== '' && env['FORCE_COLOR'] !== '0';
  return picocolors.createColors(forced || output.isTerminal);
}
