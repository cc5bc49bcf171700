// The expression language against the oracle: random conditions, as text, in random moments of random runs.
import { describe, test } from 'vitest';
import { parseCondition } from '#core/expression/parse.ts';
import { judge as judgeParsed, type World as TextWorld } from '#core/expression/reference.ts';
import type { Known } from '#core/expression/types.ts';
import { Defect } from '#errors/families.ts';
import { Dice } from '#support/dice.ts';
import { expected } from '#support/oracle.ts';
import { judge, type World } from '#support/oracle-truth.ts';
import { wildcardSources } from '#support/oracle-wildcards.ts';
import { randomSketch } from '#support/random-plans.ts';
import { type Cond, EVENTS, type EventKind } from '#support/sketch.ts';
import { condText } from '#support/sketch-text.ts';
import { overSeeds } from './seeds.ts';

const SEEDS = 5_000;

describe('the expression language', () => {
  test('says of a condition, in every moment of a run, what the oracle says', () =>
    overSeeds({ name: 'conditions', from: 0, count: SEEDS }, compareConditions));
});

/** Some of the nodes of a finished run have ended; the conditions of all are asked. */
function compareConditions(seed: number): void {
  const sketch = randomSketch(seed, { maxNodes: 12, mode: 'settled' });
  const dice = new Dice(seed);
  const share = dice.pick([0, 0.3, 0.6, 1] as const);
  const all = expected(sketch).nodes;
  const ends = new Map([...all.entries()].filter(() => dice.chance(share)));
  const world: World = { sketch, ends, sources: wildcardSources(sketch) };
  for (const [asker, node] of sketch.nodes.entries()) {
    for (const cond of [node.start, node.skip]) {
      if (cond !== undefined) compare(world, asker, cond);
    }
  }
}

function compare(world: World, asker: number, cond: Cond): void {
  const text = condText(world.sketch, cond);
  const parsed = parseCondition(text);
  if (!parsed.ok) throw new Defect(`${text}: ${parsed.problem.message}`);
  const { truth } = judgeParsed(parsed.value, textWorld(world, asker));
  const said = truth === 'not_yet' ? 'open' : truth;
  const wanted = judge(world, asker, cond);
  if (said !== wanted) throw new Defect(`${text} is ${said}; expected ${wanted}`);
}

function textWorld(world: World, asker: number): TextWorld {
  return {
    event: (pattern) => {
      const truth = judge(world, asker, condOf(world, pattern));
      if (truth === 'error') throw new Defect(`event:${pattern} is an error`);
      return { truth: truth === 'open' ? 'not_yet' : truth };
    },
    variables: {
      input: world.sketch.inputs,
      system: {},
      node: (id) => known(world, id),
      payload: (event) => {
        const sent = world.sketch.externals.find((external) => external.name === event);
        return sent === undefined
          ? { is: 'not_yet' }
          : { is: 'outputs', outputs: sent.payload ?? {} };
      },
    },
  };
}

function condOf(world: World, pattern: string): Cond {
  if (pattern.startsWith('external.')) return { is: 'external', name: pattern };
  if (pattern.includes('*')) return { is: 'wildcard', pattern };
  const [id, kind] = pattern.split('.');
  const node = world.sketch.nodes.findIndex((each) => each.id === id);
  const event = EVENTS.find((each): each is EventKind => each === kind);
  if (node === -1 || event === undefined) throw new Defect(`no such event: ${pattern}`);
  return { is: 'event', node, event };
}

function known(world: World, id: string): Known {
  const index = world.sketch.nodes.findIndex((node) => node.id === id);
  const end = world.ends.get(index);
  if (end === undefined) return { is: 'not_yet' };
  if (end.status !== 'completed') return { is: 'never', because: `${id} ended ${end.status}` };
  return { is: 'outputs', outputs: end.outputs ?? {} };
}
