// `resource` of a node in the dialect `operators`: cores, GiB, graphics processors.
import { message } from '#core/messages.ts';
import { operatorsResource } from '#schemas/dialect-operators.ts';
import type { Resources } from '#schemas/plan.ts';
import { type Findings, subjectOf } from './findings.ts';
import { type MapPlace, mapping, type NumberRule, number, present } from './read.ts';
import type { Place } from './tree.ts';

const KEYS = Object.keys(operatorsResource.shape);
const GIB = 1024 ** 3;

export function resource(findings: Findings, place: Place | undefined): Resources | undefined {
  const map = mapping(findings, place, KEYS, 'warn');
  if (map === undefined) return undefined;
  const asked = amounts(findings, map, 'request');
  const most = amounts(findings, map, 'limit');
  for (const key of ['cpu', 'memory', 'gpu'] as const) {
    const [want, bound] = [asked[key], most[key]];
    if (want === undefined || bound === undefined || bound >= want) continue;
    const said = message('wrong_value', 'limit_key', { subject: subjectOf(map), resource: key });
    findings.error(said, map, { key: `${key}_limit` });
  }
  // Of a request that cannot be read there is nothing more to say.
  const unread = asked.gpu === undefined && present(map, 'gpu_request') !== undefined;
  const [gpu = 0, mostGpu = gpu] = [asked.gpu, most.gpu];
  if (mostGpu > gpu && !unread) {
    const filling = { subject: subjectOf(map), most: mostGpu, asked: gpu };
    findings.warn(message('wrong_value', 'limit_gpu', filling), map, { key: 'gpu_limit' });
  }
  return { ...asked, ...(Object.keys(most).length === 0 ? {} : { limits: most }) };
}

interface Amounts {
  cpu?: number;
  memory?: number;
  gpu?: number;
}

function amounts(findings: Findings, map: MapPlace, which: 'request' | 'limit'): Amounts {
  const read = (key: string, rule: Partial<NumberRule> = {}): number | undefined =>
    number(findings, present(map, `${key}_${which}`), { from: 0, ...rule });
  const [cpu, memory] = [read('cpu'), read('memory', { unit: 'GiB' })];
  const gpu = read('gpu', { whole: true });
  // Zero asks for nothing.
  return {
    ...(cpu === undefined || cpu === 0 ? {} : { cpu }),
    ...(memory === undefined || memory === 0
      ? {}
      : { memory: Math.max(1, Math.round(memory * GIB)) }),
    ...(gpu === undefined ? {} : { gpu }),
  };
}
