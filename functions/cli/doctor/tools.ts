// The programs that pipelines may need, each asked for its version.
import { accessSync, constants, statSync } from 'node:fs';
import path from 'node:path';
import { findUv } from '#runner/environments/uv-tool.ts';
import { callTool } from '#runner/tool.ts';
import { limits } from '#schemas/limits.ts';
import type { Host } from '../host.ts';
import type { Finding } from './finding.ts';

interface Tool {
  readonly name: string;
  /** Names it may have, the best first. */
  readonly programs: readonly string[];
  readonly args: readonly string[];
  readonly lacks: string;
  readonly get: string;
}

const TOOLS: readonly Tool[] = [
  {
    name: 'git',
    programs: ['git'],
    args: ['--version'],
    lacks: 'operators from git repositories',
    get: 'apt-get install git, brew install git',
  },
  {
    name: 'pixi',
    programs: ['pixi'],
    args: ['--version'],
    lacks: 'environments of the kind pixi',
    get: 'https://pixi.sh, or a package manager',
  },
  {
    name: 'conda',
    programs: ['micromamba', 'mamba', 'conda'],
    args: ['--version'],
    lacks: 'updates of conda environments by an environment.yml; archives alone need none',
    get: 'micromamba, mamba or conda: https://conda-forge.org/download',
  },
];

export function lookAtTools(host: Host): Promise<readonly Finding[]> {
  return Promise.all([...TOOLS.map((tool) => lookAt(host, tool)), lookAtUv(host), lookAtGpu(host)]);
}

async function lookAt(host: Host, tool: Tool): Promise<Finding> {
  const { name, lacks, get } = tool;
  const program = tool.programs.flatMap((one) => findProgram(host, one) ?? [])[0];
  if (program === undefined)
    return { name, status: 'missing', needed: false, message: 'not on PATH', lacks, get };
  const end = await ask(host, program, tool.args);
  if (end.code !== 0) {
    const message = `${program} does not answer: ${firstLine(end.stderr) || `exit code ${end.code}`}`;
    return { name, status: 'missing', needed: false, path: program, message, lacks, get };
  }
  const version = /\d+(\.\d+)+\S*/.exec(end.stdout)?.[0];
  return {
    name,
    status: 'there',
    needed: false,
    path: program,
    ...(version === undefined ? {} : { version }),
    ...(tool.programs.length > 1 ? { message: path.basename(program) } : {}),
  };
}

/** Where the runner itself would look: it need not be on PATH. */
async function lookAtUv(host: Host): Promise<Finding> {
  try {
    const { program, version } = await findUv({ cacheDir: '', host: { ...host.env } });
    return { name: 'uv', status: 'there', needed: false, version, path: program };
  } catch (error) {
    return {
      name: 'uv',
      status: 'missing',
      needed: false,
      message: error instanceof Error ? error.message : String(error),
      lacks: 'environments of the kind uv',
      get: 'pip install uv, or MILLRACE_UV names the program',
    };
  }
}

async function lookAtGpu(host: Host): Promise<Finding> {
  const name = 'gpu';
  const lacks =
    'GPUs for nodes that ask for them, unless MILLRACE_GPUS declares some, and peaks of what they use';
  const program = findProgram(host, 'nvidia-smi');
  if (program === undefined)
    return {
      name,
      status: 'missing',
      needed: false,
      message: 'no nvidia-smi on PATH',
      lacks,
      get: 'a GPU of NVIDIA with its driver',
    };
  const query = ['--query-gpu=name,memory.total,driver_version', '--format=csv,noheader'];
  const end = await ask(host, program, query);
  const cards = end.stdout.split('\n').filter((line) => line.trim() !== '');
  if (end.code !== 0 || cards.length === 0)
    return {
      name,
      status: 'missing',
      needed: false,
      path: program,
      message: firstLine(`${end.stderr}${end.stdout}`) || 'nvidia-smi shows none',
      lacks,
      get: 'the driver of NVIDIA',
    };
  const message = `${cards.length}: ${cards[0]?.trim()}`;
  return { name, status: 'there', needed: false, path: program, message };
}

export function findProgram(host: Host, name: string): string | undefined {
  return (host.env['PATH'] ?? '')
    .split(path.delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => path.resolve(host.cwd, folder, name))
    .find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function ask(host: Host, program: string, args: readonly string[]) {
  return callTool({ program, args, environment: { ...host.env }, timeout: limits.doctorTool });
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0]?.trim() ?? '';
}
