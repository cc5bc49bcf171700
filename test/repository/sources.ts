// The source files as text, for rules that no tool checks.

import { existsSync, globSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '../..');

export type Source = { readonly file: string; readonly text: string };

export function sourcesOf(folder: string): readonly Source[] {
  const place = path.join(root, folder);
  if (!existsSync(place)) return [];
  return globSync('**/*.ts', { cwd: place }).map((name) => {
    const file = path.posix.join(folder, name.split(path.sep).join('/'));
    return { file, text: readFileSync(path.join(root, file), 'utf8') };
  });
}

export function readJson(file: string): unknown {
  return JSON.parse(readFileSync(path.join(root, file), 'utf8'));
}

/** Comments may name what the code may not. Lines keep their numbers. */
export function withoutComments(text: string): string {
  const blank = (comment: string) => comment.replaceAll(/[^\n]/g, ' ');
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, blank).replaceAll(/(?<=^|[\s;{}])\/\/.*$/gm, blank);
}

/** `file:line` of every match, outside comments. */
export function placesOf(source: Source, pattern: RegExp): readonly string[] {
  return withoutComments(source.text)
    .split('\n')
    .flatMap((line, index) =>
      pattern.test(line) ? [`${source.file}:${index + 1} ${line.trim()}`] : [],
    );
}

export type Import = { readonly specifier: string; readonly typeOnly: boolean };

export function importsOf(source: Source): readonly Import[] {
  const text = withoutComments(source.text);
  const statements = text.matchAll(
    /\b(?:import|export)\s+(type\s)?(?:[^'";()]*?\sfrom\s+)?'([^']+)'/g,
  );
  const dynamic = text.matchAll(/\bimport\(\s*'([^']+)'/g);
  return [
    ...[...statements].map((match) => ({
      specifier: match[2] ?? '',
      typeOnly: match[1] !== undefined,
    })),
    ...[...dynamic].map((match) => ({ specifier: match[1] ?? '', typeOnly: false })),
  ];
}
