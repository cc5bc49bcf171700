import { userInfo } from 'node:os';
import { Rejected } from '#errors/families.ts';
import { limits } from '#schemas/limits.ts';
import type { RunReport } from '#schemas/report.ts';
import type { Control } from '#service/control.ts';
import type { Context } from '../context.ts';
import type { DecideOptions } from '../define/control.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { steering } from '../reading.ts';
import { plain } from '../render/words.ts';
import { waitingIn } from '../waiting-approvals.ts';

/** What is to be decided: a run, and a node of it where more than one waits. */
export interface Asked {
  readonly run: string;
  readonly node: string | undefined;
}

export function approve(context: Context, asked: Asked, options: DecideOptions): Promise<ExitCode> {
  return decide(context, asked, { ...options, approve: true });
}

/** Says yes or no: through the engine at work, else where the next one finds it. */
export async function decide(
  context: Context,
  asked: Asked,
  verdict: DecideOptions & { readonly approve: boolean },
): Promise<ExitCode> {
  const by = verdict.by ?? userName();
  if (by.trim() === '') throw new Rejected('invalid', '--by is empty: wanted a name');
  const { length } = verdict.comment ?? '';
  if (length > limits.messageLength)
    throw new Rejected(
      'too_large',
      `--comment has ${length} characters: wanted are at most ${limits.messageLength}`,
    );
  const decision = {
    approve: verdict.approve,
    by,
    ...(verdict.comment === undefined ? {} : { comment: verdict.comment }),
  };
  const decided = await steering(context, async ({ control, kind }) => {
    const run = await control.find(asked.run);
    const node = asked.node ?? (await onlyOne(control, run));
    const { by } = await control.decide(run, node, decision);
    return { run, node, by, alone: kind === 'reader' };
  });
  const parked = decided.alone && !(await toldEngine(context, { ...decided, decision }));
  answer(context, { ...decided, parked, ...verdict, by: decided.by });
  return EXIT.done;
}

interface Made {
  readonly run: string;
  readonly node: string;
  readonly decision: Parameters<Control['decide']>[2];
}

/** An engine may have come while the decision was written, and looked too early: the same decision, told again, wakes it. */
function toldEngine(context: Context, { run, node, decision }: Made): Promise<boolean> {
  return steering(context, async ({ control, kind }) => {
    if (kind !== 'client') return false;
    await control.decide(run, node, decision);
    return true;
  });
}

interface Decided {
  readonly run: string;
  readonly node: string;
  readonly by: string;
  readonly approve: boolean;
  readonly comment?: string;
  /** No engine is at work: the next one takes the decision up. */
  readonly parked: boolean;
}

function answer(context: Context, decided: Decided): void {
  const { run, node, by, comment } = decided;
  const decision = decided.approve ? 'approved' : 'rejected';
  if (context.json)
    context.sayJson({ run, node, decision, by, ...(comment === undefined ? {} : { comment }) });
  else if (!context.quiet) context.say(plain(`${node} of run ${run} ${decision} by ${by}`));
  if (decided.parked)
    context.note(`millrace: no engine is at work; \`millrace resume ${run}\` goes on with the run`);
}

/** The node that waits, where exactly one does. */
async function onlyOne(control: Control, run: string): Promise<string> {
  const report = await control.report(run);
  const waiting = waitingIn(report);
  const [only] = waiting;
  if (only === undefined) throw new Rejected('wrong_state', nothingWaits(report));
  if (waiting.length === 1) return only.address;
  const names = waiting.map(({ address, asked }) =>
    asked === undefined ? address : `${address} (${plain(asked)})`,
  );
  throw new Rejected(
    'ambiguous',
    `${waiting.length} approvals of run ${report.run} wait: ${names.join(', ')}; say which`,
  );
}

function nothingWaits({ run, status, nodes }: RunReport): string {
  const open = Object.values(nodes).flatMap(({ status: each, subRun }) =>
    subRun !== undefined && each === 'running' ? [subRun] : [],
  );
  // An approval of a sub-run is decided in that run.
  const inside =
    open.length === 0 ? '' : `; it has sub-runs that may wait: ${open.slice(0, 5).join(', ')}`;
  return `run ${run} is ${status}, and nothing in it waits for a decision${inside}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    throw new Rejected('invalid', 'this user has no name here: say who decides with --by NAME');
  }
}
