// Crash rounds for as long as one likes: `node test/soak/crash.ts [rounds] [first seed]`.
import { crashRound } from '#support/crash-harness.ts';

const rounds = Number(process.argv[2] ?? 50);
const first = Number(process.argv[3] ?? Date.now() % 1_000_000);
let failed = 0;
for (let index = 0; index < rounds; index += 1) {
  const round = await crashRound(first + index);
  if (round.faults.length > 0) failed += 1;
  console.log(
    `${round.faults.length === 0 ? 'ok    ' : 'FAILED'} seed ${round.seed}  kills ${round.kills.join(', ') || 'none'}  effects ${round.effects}${round.faults.map((fault) => `\n       ${fault}`).join('')}`,
  );
}
console.log(`${rounds - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
