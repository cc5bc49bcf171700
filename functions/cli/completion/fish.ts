import type { CommandSpec, Kind, OptionSpec } from './spec.ts';

export function fishScript(all: readonly CommandSpec[]): string {
  const [program, ...commands] = all;
  return `# Completion of millrace in fish: millrace completion fish | source
function __millrace_words
  set -l skip 0
  for word in (commandline -opc)[2..-1]
    if test $skip = 1
      set skip 0
    else if contains -- $word ${valued(all).join(' ')}
      set skip 1
    else if not string match -q -- '-*' $word
      printf '%s\\n' $word
    end
  end
end
function __millrace_in
  set -l words (__millrace_words)
  set -l count (count $argv)
  test (count $words) -ge $count; and test "$words[1..$count]" = "$argv"
end
function __millrace_at
  set -l count $argv[-1]
  set -e argv[-1]
  test (count (__millrace_words)) = $count; and __millrace_in $argv
end
function __millrace_run
  set -l words (__millrace_words)
  test (count $words) -ge 2; and printf '%s\\n' $words[2]
end
complete -c millrace -f
${[...(program === undefined ? [] : linesOf(program)), ...commands.flatMap(linesOf)].join('\n')}
`;
}

/** Options that take the next word with them. */
function valued(all: readonly CommandSpec[]): readonly string[] {
  const names = all.flatMap(({ options }) =>
    options.flatMap((option) => (option.value === undefined ? [] : option.names)),
  );
  return [...new Set(names)];
}

function linesOf({ path, commands, options, places, repeats }: CommandSpec): readonly string[] {
  const words = path === '' ? [] : path.split(' ');
  const within = words.length === 0 ? '' : ` -n ${quoted(`__millrace_in ${path}`)}`;
  const at = (offset: number) => ` -n ${quoted(`__millrace_at ${path} ${words.length + offset}`)}`;
  return [
    ...commands.map(
      ({ name, about }) =>
        `complete -c millrace${words.length === 0 ? ` -n 'test (count (__millrace_words)) = 0'` : at(0)} -a ${quoted(name)} -d ${quoted(about)}`,
    ),
    ...options.map((option) => `complete -c millrace${within}${optionLine(option)}`),
    ...places.flatMap((kind, offset) => {
      const where = repeats && offset === places.length - 1 ? within : at(offset);
      const what = kindLine(kind);
      return what === '' ? [] : [`complete -c millrace${where}${what}`];
    }),
  ];
}

function optionLine({ names, about, value }: OptionSpec): string {
  const flags = names.map((name) =>
    name.startsWith('--') ? ` -l ${name.slice(2)}` : ` -s ${name.slice(1)}`,
  );
  // -x: takes a word that is no file.
  const takes = value === undefined ? '' : value === 'file' ? ' -r -F' : ` -x${kindLine(value)}`;
  return `${flags.join('')}${takes} -d ${quoted(about)}`;
}

function kindLine(kind: Kind): string {
  switch (kind) {
    case 'any':
      return '';
    case 'file':
      return ' -F';
    case 'folder':
      return ` -a '(__fish_complete_directories)'`;
    case 'run':
      return ` -a '(millrace complete-names run 2>/dev/null)'`;
    case 'node':
      return ` -a '(millrace complete-names node (__millrace_run) 2>/dev/null)'`;
    default:
      return ` -a ${quoted(kind.join(' '))}`;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
