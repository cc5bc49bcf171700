// What each error code means, why it comes about and what to do about it. Makes docs/errors.md.
import type { ErrorCode } from '#errors/families.ts';

export interface ErrorHelp {
  /** Who must act. A code that comes in two families names the usual one. */
  readonly family: 'Rejected' | 'Conflict' | 'Transient' | 'Defect';
  readonly meaning: string;
  readonly cause: string;
  readonly cure: string;
}

export const ERROR_HELP: Readonly<Record<ErrorCode, ErrorHelp>> = {
  invalid: {
    family: 'Rejected',
    meaning: 'What was asked cannot be understood or is not allowed as it is.',
    cause: 'A wrong argument, name or value.',
    cure: 'The message names what came and what was wanted.',
  },
  problems: {
    family: 'Rejected',
    meaning: 'The pipeline or its inputs have problems.',
    cause: 'Mistakes in the file; each is listed with its place.',
    cure: 'Correct them; docs/problems.md explains each code.',
  },
  not_found: {
    family: 'Rejected',
    meaning: 'A run, node, event, file or secret that is not there.',
    cause: 'A misspelt name, or another data directory or namespace.',
    cure: '`millrace runs` lists the runs of this data directory.',
  },
  ambiguous: {
    family: 'Rejected',
    meaning: 'The beginning of a run id that several runs share.',
    cause: 'Too few letters of the id were given.',
    cure: 'Give more letters, or `latest`.',
  },
  wrong_state: {
    family: 'Rejected',
    meaning: 'The run or node is in a state in which this cannot be done.',
    cause: 'It has ended already, or has not begun.',
    cure: '`millrace show RUN` says in which state it is.',
  },
  not_permitted: {
    family: 'Rejected',
    meaning: 'The caller may not do this.',
    cause: 'A missing permission, or a path that leaves its folder.',
    cure: 'Ask someone who may, or correct the path.',
  },
  too_large: {
    family: 'Rejected',
    meaning: 'A value, file or request over its limit.',
    cause: 'Data was put where a reference belongs.',
    cure: 'Hand over a file; docs/reference/limits.md lists the limits.',
  },
  secret_missing: {
    family: 'Rejected',
    meaning: 'A secret that is not set.',
    cause: 'The name is misspelt, or the secret was never set in this namespace.',
    cure: '`millrace secret set NAME`.',
  },
  tool_missing: {
    family: 'Rejected',
    meaning: 'A program that is needed is not installed.',
    cause: 'git or uv is not on the PATH.',
    cure: 'Install it; the message says how.',
  },
  repository: {
    family: 'Rejected',
    meaning: 'A git repository that is not there or cannot be read.',
    cause: 'A wrong address, no network, or refused access.',
    cure: 'Try `git ls-remote` with the address.',
  },
  tag_missing: {
    family: 'Rejected',
    meaning: 'A tag that the repository does not have.',
    cause: 'It is misspelt or was not pushed.',
    cure: 'Use one of the tags the message names.',
  },
  project_file: {
    family: 'Rejected',
    meaning: 'The project file of an environment is not in the operator.',
    cause: 'A wrong path, or the file is missing at that tag.',
    cure: 'Correct the path, or add the file and tag anew.',
  },
  environment_failed: {
    family: 'Rejected',
    meaning: 'An environment could not be built.',
    cause: 'Packages that are not there or exclude each other, or no network.',
    cure: 'The message holds the end of the build log and the exact command; the whole log is kept.',
  },
  malformed_outputs: {
    family: 'Rejected',
    meaning: 'What a program wrote as outputs cannot be read.',
    cause: 'A line that is no key=value, or JSON that is cut off.',
    cure: 'The message names the line.',
  },
  condition_failed: {
    family: 'Conflict',
    meaning: 'Someone else wrote first.',
    cause: 'Two writers at the same item; only one may win.',
    cure: 'Nothing: the loser reads again and goes on.',
  },
  busy: {
    family: 'Transient',
    meaning: 'Something is in use by another process.',
    cause:
      'Another engine holds the data directory, or another process a lock; on AWS a service is asked more than it takes.',
    cure: 'Wait for it to end, or use its socket; what AWS slows down is tried again.',
  },
  unavailable: {
    family: 'Transient',
    meaning: 'A dependency does not answer now.',
    cause: 'The engine, the runner or a remote machine is starting, overloaded or gone.',
    cure: 'Nothing at first: it is tried again.',
  },
  no_space: {
    family: 'Transient',
    meaning: 'The disk is full.',
    cause: 'Logs, environments or files took the last of it.',
    cure: 'Make room (`millrace env prune`), then `millrace resume RUN`.',
  },
  read_only: {
    family: 'Rejected',
    meaning: 'The data directory cannot be written.',
    cause: 'Its rights, or a file system that is mounted read-only.',
    cure: 'Correct the rights, or name another one with `--data-dir`.',
  },
  newer_format: {
    family: 'Rejected',
    meaning: 'Stored data of a newer version of Millrace.',
    cause: 'A newer version has written to this data directory.',
    cure: 'Use that version or a newer one; nothing was touched.',
  },
  defect: {
    family: 'Defect',
    meaning: 'A mistake of ours.',
    cause:
      'Something happened that the code takes for impossible; on AWS also a role that lacks a permission, or a resource that is not deployed.',
    cure: 'Deploy again where the message names a permission or a resource; else report it with the message and its details.',
  },
};
