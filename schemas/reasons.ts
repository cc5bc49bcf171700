// Why something ended or waits: a closed list. The message beside a reason is for people; programs read the reason.
import * as z from 'zod';

export const REASONS = {
  exit: 'a program ended with a code other than 0',
  signal: 'a program was ended by a signal that we did not send',
  out_of_memory: 'a program used more memory than its limit',
  timeout: 'the time allowed was used up',
  interrupted: 'the engine, the runner or the machine went away during the attempt',
  malformed_outputs: 'a program exited 0 but what it wrote as outputs cannot be read',
  outputs_too_large: 'the outputs are larger than the limits allow',
  expression_error: 'an expression could not be evaluated',
  environment_failed: 'the environment of a step could not be prepared',
  secret_missing: 'a secret that the node names is not set',
  start_failed: 'the program could not be started',
  instance_failed: 'an instance of the node failed',
  condition_never: 'the start condition can no longer become true',
  skip_when: 'skipWhen was true when the node would have started',
  stop_when: 'stopWhen became true',
  fail_fast: 'another node of the group failed, and the group fails fast',
  cancelled: 'someone cancelled the run',
  run_timeout: 'the run used up the time it was allowed',
  rejected: 'someone rejected it, or nobody decided before the deadline',
  function_failed: 'the handler threw, or what it returned is no set of outputs',
  sql_failed: 'the database refused the query',
  sub_run_failed: 'the run of the other pipeline did not complete',
  approval: 'waits for somebody to approve or reject it',
  no_handler: 'waits for a handler to be registered under its name',
  node_failed: 'a node failed and nothing handled it',
  seeded: 'taken over from an earlier run',
  poisoned: 'advancing the run failed again and again',
  resources: 'waits for room on this machine',
  max_parallel: 'waits for a place in its group',
  paused: 'the run is paused',
  prepare: 'waits for its environment',
} as const;

export const reason = z.enum(
  Object.keys(REASONS) as [keyof typeof REASONS, ...(keyof typeof REASONS)[]],
);
export type Reason = z.infer<typeof reason>;
