// What this machine itself has: Node, a shell, control groups, optional packages.
import { existsSync } from 'node:fs';
import { thisMachine } from '#local/machine.ts';
import { DUCKDB, installedVersion } from '#local/missing-packages.ts';
import { Cages } from '#runner/cage.ts';
import { limits } from '#schemas/limits.ts';
import type { Host } from '../host.ts';
import { spellBytes } from '../render/words.ts';
import type { Finding } from './finding.ts';
import { findProgram } from './tools.ts';

const NODE = [24, 12] as const;

export function lookAtNode(): Finding {
  const { node } = process.versions;
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const found = { name: 'node', needed: true, version: node, path: process.execPath } as const;
  if (major > NODE[0] || (major === NODE[0] && minor >= NODE[1]))
    return { ...found, status: 'there' };
  const get = `Node ${NODE.join('.')} or newer: https://nodejs.org`;
  return { ...found, status: 'missing', message: 'too old', lacks: 'everything', get };
}

export function lookAtMachine(): Finding {
  const { cpu, memory, gpu } = thisMachine();
  const message = `${cpu} cores, ${spellBytes(memory)} of memory, ${gpu === 0 ? 'no GPU' : `${gpu} GPU`}, for all programs together`;
  if (process.platform === 'linux')
    return { name: 'machine', status: 'there', needed: true, message };
  return {
    name: 'machine',
    status: 'weak',
    needed: false,
    message: `${process.platform}: ${message}`,
    lacks: 'peaks, memory limits and the search for left-over processes',
    get: 'Linux',
  };
}

export function lookAtShell(host: Host): Finding {
  const found = existsSync('/bin/sh') ? '/bin/sh' : findProgram(host, 'sh');
  if (found !== undefined) return { name: 'sh', status: 'there', needed: true, path: found };
  const lacks = 'every step: a command is run by sh';
  return { name: 'sh', status: 'missing', needed: true, lacks, get: 'a POSIX shell' };
}

/** Tried with a real group and real bounds, as the runner makes one for each attempt. */
export function lookAtCages(): Finding {
  const cages = new Cages(`doctor-${process.pid}`);
  try {
    const cage = cages.make({ cpu: 1, memory: limits.doctorMemory });
    if (cage === undefined)
      return {
        name: 'cgroups',
        status: 'weak',
        needed: false,
        message: 'this user may make none here',
        lacks:
          'hard limits: memory is watched and the program ended when it is over, processor time is not limited',
        get: 'systemd-run --user --scope -p Delegate=yes millrace …, or a container with a writable cgroup',
      };
    const version = cage.doors.length === 1 ? '2' : '1';
    cage.remove();
    const message = 'memory, processor time and processes of each node are bounded';
    return { name: 'cgroups', status: 'there', needed: false, version, message };
  } finally {
    cages.close();
  }
}

/** Not loaded, only looked for: loading it takes longer than all the rest. */
export function lookAtDuckdb(): Finding {
  const { name: from, version: wanted } = DUCKDB;
  const version = installedVersion(from);
  const found = { name: 'duckdb', needed: false, ...(version === undefined ? {} : { version }) };
  if (version === wanted) return { ...found, status: 'there', message: from };
  const message =
    version === undefined ? `the package ${from} is not installed` : `wanted is ${from} ${wanted}`;
  const get = `npm i ${from}@${wanted}`;
  return { ...found, status: 'missing', message, lacks: 'sql nodes', get };
}
