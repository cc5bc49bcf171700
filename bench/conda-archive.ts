// A packed environment of conda that is as large as those of people are: 15,000 files, 300 MB packed. A real prefix with a Python of its own,
// packed by conda-pack; what fills it is made up: modules as text, libraries of which zstd can save as much as of real ones.
import { execFileSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { MANIFEST } from '#support/conda-archive.ts';
import { condaPython, pixiProgram } from '../test/runner/environment-tools.ts';

const FOLDERS = 300;
const MODULES = 46;
const MODULE_BYTES = 11_000;
const LIBRARIES = 160;
const LIBRARY_BYTES = 3_900_000;
/** Of the pieces of a library those that were not there before. */
const FRESH = 0.36;
const PIECE = 64;

export interface BigArchive {
  readonly file: string;
  /** Bytes. */
  readonly packed: number;
  readonly files: number;
}

export function bigArchive(folder: string): BigArchive {
  const work = path.join(folder, 'big');
  mkdirSync(work, { recursive: true });
  writeFileSync(path.join(work, 'pixi.toml'), MANIFEST);
  const env = { ...process.env, PIXI_CACHE_DIR: path.join(folder, 'packages') };
  execFileSync(pixiProgram(), ['install'], { cwd: work, env, stdio: 'ignore' });
  const prefix = path.join(work, '.pixi/envs/default');
  // conda writes it, pixi does not.
  writeFileSync(path.join(prefix, 'conda-meta/history'), '');
  // As conda has it; what is made up below is never imported.
  const python = path.join(prefix, 'bin/python');
  execFileSync(python, ['-m', 'compileall', '-q', path.join(prefix, 'lib')], { stdio: 'ignore' });
  fill(prefix);
  const file = path.join(folder, 'big.tar.zst');
  const tool = path.join(path.dirname(condaPython()), 'conda-pack');
  execFileSync(tool, ['-q', '-p', prefix, '-o', file], { stdio: 'ignore' });
  const files = readdirSync(prefix, { recursive: true }).length;
  rmSync(work, { recursive: true });
  return { file, packed: statSync(file).size, files };
}

function fill(prefix: string): void {
  const noise = new Noise();
  const lib = path.join(prefix, 'lib');
  const python = readdirSync(lib).find((name) => /^python3\.\d+$/.test(name)) ?? '';
  for (let folder = 0; folder < FOLDERS; folder += 1) {
    const place = path.join(
      lib,
      python,
      'site-packages',
      `package_${folder % 60}`,
      `part_${folder}`,
    );
    mkdirSync(place, { recursive: true });
    for (let module = 0; module < MODULES; module += 1)
      writeFileSync(path.join(place, `module_${module}.py`), aModule(noise));
  }
  for (let library = 0; library < LIBRARIES; library += 1)
    writeFileSync(path.join(lib, `libmade${library}.so.1`), aLibrary(noise), { mode: 0o755 });
}

function aModule(noise: Noise): string {
  const size = MODULE_BYTES * (0.1 + 1.8 * noise.part());
  let text = '';
  while (text.length < size) {
    const name = `value_${noise.below(5_000)}`;
    text += `def ${name}(self, other=${noise.below(100)}):\n    """Returns item ${noise.below(900)} of what was given."""\n    return self.${name} + other.get("${noise.below(1e9).toString(36)}")\n\n`;
  }
  return text;
}

function aLibrary(noise: Noise): Buffer {
  const known = noise.bytes(PIECE * 4_096);
  const library = Buffer.alloc(Math.round(LIBRARY_BYTES * (0.1 + 1.8 * noise.part())));
  for (let at = 0; at + PIECE <= library.length; at += PIECE)
    if (noise.part() < FRESH) noise.bytes(PIECE).copy(library, at);
    else known.copy(library, at, noise.below(4_096) * PIECE);
  return library;
}

/** Bytes without any order, the same ones every time. */
class Noise {
  readonly #cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16));
  #pool = Buffer.alloc(0);

  bytes(count: number): Buffer {
    if (count > this.#pool.length)
      this.#pool = this.#cipher.update(Buffer.alloc(Math.max(count, 1 << 20)));
    const bytes = this.#pool.subarray(0, count);
    this.#pool = this.#pool.subarray(count);
    return bytes;
  }

  part(): number {
    return this.bytes(4).readUInt32LE() / 2 ** 32;
  }

  below(count: number): number {
    return Math.floor(this.part() * count);
  }
}
