// The library's types in one file: what its entry names, and what that names in turn. Types that come from a schema are written out,
// so that whoever imports them needs neither the schemas nor zod, and their editor has nothing to compute.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root, runTool, SetupProblem } from './toolbox.mjs';

const ENTRY = 'functions/local/library.ts';
const WORK = '.types/rollup';
/** Types of schemas that are written out: name → where it is. */
const WRITTEN_OUT = {
  EventLine: '#schemas/report.ts',
  LogLine: '#schemas/runner-protocol.ts',
  NodeExplanation: '#schemas/report.ts',
  Problem: '#schemas/problems.ts',
  RunReport: '#schemas/report.ts',
  RunStatus: '#schemas/run.ts',
  RunSummary: '#schemas/report.ts',
};
/** Types that contain themselves: named where they are met. */
const RECURSIVE = { Json: '#schemas/values.ts', Explanation: '#schemas/report.ts' };

/** The declarations of the package's entry as one text. */
export async function rolledUpTypes() {
  await emit();
  const written = writtenOut();
  const rollup = new RollUp(written);
  rollup.entry(declarationOf(ENTRY));
  return rollup.text();
}

/** Has tsc write the declarations of all that the entry imports, and of a file whose constants have the schemas' types. */
async function emit() {
  const work = path.join(root, WORK);
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const imports = Object.entries({ ...WRITTEN_OUT, ...RECURSIVE });
  const lines = [
    ...imports.map(([name, from]) => `import type { ${name} as ${nameIn(name)} } from '${from}';`),
    `export type * from '../../${ENTRY}';`,
    ...Object.keys(WRITTEN_OUT).map(
      (name) => `export const ${name} = (null as unknown as () => In${name})();`,
    ),
  ];
  writeFileSync(path.join(work, 'written-out.ts'), `${lines.join('\n')}\n`);
  const compilerOptions = {
    composite: false,
    declaration: true,
    noCheck: true,
    rootDir: '../..',
    outDir: 'out',
    types: ['node'],
  };
  const config = {
    extends: '../../tsconfig.base.json',
    compilerOptions,
    files: ['written-out.ts'],
  };
  writeFileSync(path.join(work, 'tsconfig.json'), JSON.stringify(config));
  const code = await runTool('tsc', ['-p', work]);
  if (code !== 0) throw new SetupProblem(`the types could not be made: tsc ended with ${code}`);
}

const nameIn = (name) => (name in RECURSIVE ? name : `In${name}`);

function declarationOf(source) {
  return path.join(root, WORK, 'out', source.replace(/\.ts$/, '.d.ts'));
}

/** Name → type, as tsc has written it out. */
function writtenOut() {
  const text = readFileSync(declarationOf(`${WORK}/written-out.ts`), 'utf8');
  const found = new Map();
  for (const statement of statementsOf(text)) {
    const match = /^export declare const (\w+): ([\s\S]*);$/.exec(statement.code);
    if (match !== null) found.set(match[1], match[2].replaceAll(/import\("[^"]*"\)\./g, ''));
  }
  return found;
}

class RollUp {
  #written;
  #modules = new Map();
  #chosen = new Map();
  #exported = new Set();

  constructor(written) {
    this.#written = written;
  }

  entry(file) {
    const module = this.#module(file);
    for (const name of module.exported) {
      this.#exported.add(name);
      this.#want(name, file);
    }
  }

  text() {
    const parts = [...this.#chosen].map(([name, { doc, code }]) => {
      const bare = code.replace(/^export /, '');
      return `${doc}${this.#exported.has(name) ? `export ${bare}` : bare}`;
    });
    return `${parts.join('\n')}\nexport {};\n`;
  }

  #want(name, file) {
    const module = this.#module(file);
    const from = module.imports.get(name);
    if (from !== undefined) return this.#want(from.name, from.file);
    const found = module.statements.get(name);
    if (found === undefined) return;
    const known = this.#chosen.get(name);
    if (known?.file === file) return;
    if (known !== undefined)
      throw new SetupProblem(`two types are called ${name}: in ${known.file} and in ${file}`);
    const { doc } = found;
    const code = this.#codeOf(name, found.code, file);
    this.#chosen.set(name, { file, doc, code });
    for (const [mentioned] of withoutText(code).matchAll(/\b[A-Z]\w*/g)) {
      if (mentioned !== name) this.#want(mentioned, this.#home(mentioned, file));
    }
  }

  #codeOf(name, code, file) {
    const written = this.#written.get(name);
    if (written !== undefined && /\bz\./.test(code)) return `export type ${name} = ${written};`;
    const plain = code.replaceAll('z.infer<typeof json>', 'Json');
    if (/\bz\.\w/.test(plain))
      throw new SetupProblem(`${name} of ${file} is a schema's type: add it to WRITTEN_OUT`);
    return plain;
  }

  /** A type that was written out names others that its own module need not import. */
  #home(name, file) {
    const { imports, statements } = this.#module(file);
    if (imports.has(name) || statements.has(name) || !(name in RECURSIVE)) return file;
    return resolved(RECURSIVE[name], file);
  }

  #module(file) {
    const known = this.#modules.get(file);
    if (known !== undefined) return known;
    const module = { imports: new Map(), statements: new Map(), exported: new Set() };
    this.#modules.set(file, module);
    for (const { doc, code } of statementsOf(readFileSync(file, 'utf8')))
      readStatement(module, { doc, code, file });
    return module;
  }
}

function readStatement(module, { doc, code, file }) {
  const list = /^(?:import|export)(?: type)? \{([^}]*)\}(?: from '([^']+)')?;$/.exec(code);
  if (list !== null) {
    for (const part of list[1].split(',').filter((each) => each.trim() !== '')) {
      const [name, as = name] = part
        .trim()
        .replace(/^type /, '')
        .split(' as ');
      if (list[2] !== undefined && /^[#.]/.test(list[2]))
        module.imports.set(as, { name, file: resolved(list[2], file) });
      if (code.startsWith('export')) module.exported.add(as);
    }
    return;
  }
  const named =
    /^(export )?(?:declare )?(?:abstract )?(?:interface|type|const|class|function) (\w+)/.exec(
      code,
    );
  if (named === null) return;
  module.statements.set(named[2], { doc, code });
  if (named[1] !== undefined) module.exported.add(named[2]);
}

/** The top-level statements of a declaration file as tsc writes it, each with the comment above it. */
function statementsOf(text) {
  const starts = /^(?=\/\*\*|export |import |declare |type |interface |const )/m;
  const found = [];
  let doc = '';
  for (const piece of text.split(new RegExp(starts, 'm'))) {
    const trimmed = piece.replaceAll(/^\/\/.*$/gm, '').trimEnd();
    if (trimmed.startsWith('/**')) {
      doc = `${trimmed}\n`;
      continue;
    }
    found.push({ doc, code: trimmed });
    doc = '';
  }
  return found;
}

const withoutText = (code) =>
  code.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/'[^']*'|"[^"]*"/g, "''");

/** Where tsc wrote what a specifier of a declaration file names. */
function resolved(specifier, from) {
  if (specifier.startsWith('.'))
    return path.resolve(path.dirname(from), specifier).replace(/\.ts$/, '.d.ts');
  const [folder, ...rest] = specifier.split('/');
  const { imports } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const target = imports[`${folder}/*.ts`].replace('*', rest.join('/').replace(/\.ts$/, ''));
  return declarationOf(path.normalize(target));
}
