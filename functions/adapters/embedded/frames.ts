// Frames of the runner protocol as lines of JSON. Everything that comes in is checked; what is no frame ends the connection.
import { Defect, Rejected } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import { type EngineFrame, type RunnerFrame, runnerFrame } from '#schemas/runner-protocol.ts';
import type { WorkOrder } from '#schemas/work-order.ts';

const FRAME_OVERHEAD = 1_024;

export function encodeFrame(frame: EngineFrame): string {
  return `${JSON.stringify(frame)}\n`;
}

/** Orders as `start` frames, as few as the bound of a frame allows. Each order becomes text once. */
export function encodeStarts(orders: readonly WorkOrder[]): readonly string[] {
  const frames: string[][] = [];
  let room = 0;
  for (const order of orders) {
    const text = JSON.stringify(order);
    if (text.length > limits.frameBytes - FRAME_OVERHEAD) {
      throw new Rejected('too_large', `the work of ${order.name.address} is ${text.length} bytes`);
    }
    if (text.length + 1 > room) {
      frames.push([]);
      room = limits.frameBytes - FRAME_OVERHEAD;
    }
    frames.at(-1)?.push(text);
    room -= text.length + 1;
  }
  return frames.map((texts) => `{"frame":"start","orders":[${texts.join(',')}]}\n`);
}

/** Takes text as it comes and calls back for each frame. Throws Defect for what is none. */
export function createFrameReader(take: (frame: RunnerFrame) => void): (text: string) => void {
  // Parts are joined once a line is whole: a long one comes in many.
  let parts: string[] = [];
  let length = 0;
  return (text) => {
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      parts.push(text.slice(from, end));
      const line = parts.join('');
      parts = [];
      length = 0;
      from = end + 1;
      take(frameOf(line));
    }
    const rest = text.slice(from);
    length += rest.length;
    if (length > limits.frameBytes) {
      throw new Defect(`the runner sent a frame of more than ${limits.frameBytes} bytes`);
    }
    if (rest !== '') parts.push(rest);
  };
}

function frameOf(line: string): RunnerFrame {
  const parsed = runnerFrame.safeParse(jsonOf(line));
  if (parsed.success) return parsed.data;
  const saying = parsed.error.issues[0]?.message ?? 'unreadable';
  throw new Defect(`the runner sent what is no frame (${saying}): ${line.slice(0, 200)}`);
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
