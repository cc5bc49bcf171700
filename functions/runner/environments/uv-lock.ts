// Whether a uv.lock seems to fit its pyproject.toml: by what both say of the project's own dependencies. uv itself is asked only where they
// seem to differ, because asking takes as long as a small build.
import { parse, type TomlTable, type TomlValue } from 'smol-toml';

/** False where the lock was made for other dependencies, or where that cannot be told. */
export function seemsToFit(pyproject: string, lock: string): boolean {
  try {
    const wanted = tableOf(parse(pyproject)['project']);
    const name = normal(`${wanted['name']}`);
    const packages = listOf(parse(lock)['package']).map(tableOf);
    const own = packages.find((each) => normal(`${each['name']}`) === name);
    const locked = listOf(tableOf(tableOf(own)['metadata'])['requires-dist']).map(tableOf);
    const required = listOf(wanted['dependencies']).map((each) => requirement(`${each}`));
    const known = locked.filter(({ marker }) => !`${marker ?? ''}`.includes('extra =='));
    const spelled = known.map((each) => `${normal(`${each['name']}`)}${each['specifier'] ?? ''}`);
    return required.length === spelled.length && required.every((each) => spelled.includes(each));
  } catch {
    return false;
  }
}

/** `Name[extra] >= 1 ; marker` as the lock has it: `name>=1`. */
function requirement(text: string): string {
  const [, name = '', specifier = ''] =
    /^([\w.-]+)\s*(?:\[[^\]]*\])?\s*\(?([^;@)]*)/.exec(text.trim()) ?? [];
  return `${normal(name)}${specifier.replaceAll(/\s/g, '')}`;
}

const normal = (name: string): string => name.toLowerCase().replaceAll(/[-_.]+/g, '-');

/** An empty one where it is none. */
export function tableOf(value: TomlValue | undefined): TomlTable {
  return typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date)
    ? value
    : {};
}

/** An empty one where it is none. */
export function listOf(value: TomlValue | undefined): readonly TomlValue[] {
  return Array.isArray(value) ? value : [];
}
