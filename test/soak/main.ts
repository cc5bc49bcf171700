// `npm run soak -- crash [rounds] [first seed] [kind]`: real processes killed at random moments. `npm run soak -- random [count] [first seed]`: random pipelines of nodes of all kinds.
// `npm run soak -- cloud [count] [nodes] [first seed]`: large random graphs on the emulated cloud, against the embedded engine.
// `npm run soak -- [walk|file|service|priorities|engine|sub-runs|sub-runs-engine|search] [--seed N] [--from N] [--seconds N] [--trace]`: the simulations with other seeds than the tests', for as
// long as one likes. `--seed` replays one.
import { parseArgs } from 'node:util';
import { Defect } from '#errors/families.ts';
import { simulateEngine } from '../simulation/engine-simulation.ts';
import { simulatePriorities } from '../simulation/service-priorities.ts';
import { simulateService } from '../simulation/service-random.ts';
import {
  type FaultName,
  MODEL_FAULTS,
  PLANS,
  type PlanName,
  searchOrders,
} from '../simulation/service-search.ts';
import { simulateSubRuns } from '../simulation/sub-run-simulation.ts';
import { simulateFile, simulateWalk } from '../simulation/walk-verdict.ts';

type Kind = (seed: number, trace?: (line: string) => void) => unknown;

const KINDS: Readonly<Record<string, Kind>> = {
  walk: (seed, trace) => simulateWalk(seed, trace === undefined ? {} : { trace }),
  file: (seed, trace) => simulateFile(seed, trace === undefined ? {} : { trace }),
  service: (seed, trace) => simulateService(seed, trace === undefined ? {} : { trace }),
  priorities: (seed, trace) => simulatePriorities(seed, trace === undefined ? {} : { trace }),
  'sub-runs': (seed, trace) => simulateSubRuns('cloud', seed, trace),
  'sub-runs-engine': (seed, trace) => simulateSubRuns('engine', seed, trace),
  engine: (seed, trace) => simulateEngine(seed, trace === undefined ? {} : { trace }),
};

/** Tests use the seeds below. */
const FIRST_SEED = 1_000_000;
const REPORT_EVERY = 5_000;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: 'string' },
      from: { type: 'string' },
      seconds: { type: 'string' },
      trace: { type: 'boolean' },
    },
  });
  const [name] = positionals;
  if (name === 'search') return search();
  if (name === 'crash') {
    const { crashes, crashKind } = await import('./crash.ts');
    return crashes(positionals.slice(1, 3).map(Number), crashKind(positionals[3]));
  }
  if (name === 'cloud')
    return (await import('./cloud.ts')).cloudRuns(positionals.slice(1).map(Number));
  if (name === 'random')
    return (await import('./random.ts')).randomRuns(positionals.slice(1).map(Number));
  const names = name === undefined ? Object.keys(KINDS) : [name];
  const trace = values.trace === true ? print : undefined;
  if (values.seed !== undefined) return replay(names, Number(values.seed), trace);
  const seconds = Number(values.seconds ?? 60);
  let failures = 0;
  for (const each of names) {
    failures += await soak(each, Number(values.from ?? FIRST_SEED), seconds / names.length);
  }
  return failures === 0 ? 0 : 1;
}

const kindOf = (name: string): Kind => {
  const kind = KINDS[name];
  if (kind === undefined)
    throw new Defect(
      `no such simulation: ${name}; there are ${Object.keys(KINDS).join(', ')}, search, random, cloud and crash`,
    );
  return kind;
};

async function replay(
  names: readonly string[],
  seed: number,
  trace: ((line: string) => void) | undefined,
): Promise<number> {
  for (const name of names)
    print(`${name} ${seed}: ${JSON.stringify(await kindOf(name)(seed, trace))}`);
  return 0;
}

async function soak(name: string, from: number, seconds: number): Promise<number> {
  const kind = kindOf(name);
  const until = performance.now() + seconds * 1_000;
  let next = performance.now() + REPORT_EVERY;
  let seed = from;
  let failures = 0;
  for (; performance.now() < until; seed++) {
    try {
      await kind(seed);
    } catch (error) {
      failures++;
      const message = error instanceof Error ? error.message : String(error);
      print(
        `FAILED ${name}, seed ${seed}: ${message}\n  replay: npm run soak -- ${name} --seed ${seed} --trace`,
      );
    }
    if (performance.now() > next) {
      next = performance.now() + REPORT_EVERY;
      print(`${name}: ${seed - from + 1} seeds, ${failures} failed`);
    }
  }
  print(`${name}: ${seed - from} seeds from ${from}, ${failures} failed`);
  return failures;
}

/** All plans of the model with all its faults, up to two departures each. */
async function search(): Promise<number> {
  for (const plan of Object.keys(PLANS) as PlanName[]) {
    for (const faults of Object.keys(MODEL_FAULTS) as FaultName[]) {
      const searched = await searchOrders({
        sketch: PLANS[plan],
        faults: MODEL_FAULTS[faults],
        departures: 2,
      });
      print(`${plan} ${faults}: ${searched.orders} orders`);
    }
  }
  return 0;
}

process.exitCode = await main();
