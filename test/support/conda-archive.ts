// An archive as conda-pack makes it, of a small environment that pixi made from the channel on this disk.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const TOOLS = fileURLToPath(new URL('../../.tools', import.meta.url));

export interface PackedEnvironment {
  readonly archive: Buffer;
  readonly manifest: string;
  readonly lock: string;
}

/** A manifest with a Python and a tool that is activated by a script. */
export const MANIFEST = `
[project]
name = "demo"
version = "0.1.0"
channels = ["file://${path.join(TOOLS, 'conda/channel')}"]
platforms = ["linux-64"]

[dependencies]
python = "*"
hello-tool = "<2"
`;

/** Made in this folder, of which nothing is left but the cache of packages. */
export function packedEnvironment(folder: string): PackedEnvironment {
  const work = path.join(folder, 'packed');
  mkdirSync(work, { recursive: true });
  writeFileSync(path.join(work, 'pixi.toml'), MANIFEST);
  const env = { ...process.env, PIXI_CACHE_DIR: path.join(folder, 'cache') };
  execFileSync(path.join(TOOLS, 'pixi'), ['install'], { cwd: work, env, stdio: 'ignore' });
  const prefix = path.join(work, '.pixi/envs/default');
  // conda writes it, pixi does not.
  writeFileSync(path.join(prefix, 'conda-meta/history'), '');
  const file = path.join(work, 'env.tar.zst');
  const tool = path.join(TOOLS, 'conda/venv/bin/conda-pack');
  execFileSync(tool, ['-q', '-p', prefix, '-o', file], { stdio: 'ignore' });
  const lock = readFileSync(path.join(work, 'pixi.lock'), 'utf8');
  const archive = readFileSync(file);
  rmSync(work, { recursive: true });
  return { archive, manifest: MANIFEST, lock };
}
